; A loop that tests at its top, with i32 counters and an inclusive limit; it may not run at all.
; activities: %x=duplicated:double
; arguments: %x=uniform(6) %n=4
; arguments: %x=uniform(6) %n=0
; arguments: %x=uniform(6) %n=-3
; EXPECT loops: loop %head, depth 1: continues while 1 + i sle %n; leaves %head to %exit
; EXPECT loops: %i = 1 + i in iteration i
; EXPECT plan: %v: 8 bytes per iteration, read from memory that is overwritten later
define i32 @test_at_top(ptr noalias %x, i32 %n) {
entry:
  br label %head

head:
  %i = phi i32 [ 1, %entry ], [ %i.next, %body ]
  %more = icmp sle i32 %i, %n
  br i1 %more, label %body, label %exit

body:
  %wide = sext i32 %i to i64
  %p = getelementptr inbounds double, ptr %x, i64 %wide
  %v = load double, ptr %p, align 8
  %q = getelementptr inbounds i8, ptr %p, i64 -8
  %w = load double, ptr %q, align 8
  %product = fmul double %v, %w
  store double %product, ptr %p, align 8
  %i.next = add nsw i32 %i, 1
  br label %head

exit:
  ret i32 0
}
