; A recurrence that runs backwards: x[i] = x[i] * x[i + 1] for i = n - 2 ... 0, in place.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(6) %n=6
; arguments: %out=zeros(1) %x=uniform(2) %n=2
; EXPECT loops: loop %head, depth 1: continues while %last - i sgt 1; leaves %head to %exit
; EXPECT loops: %i = %last - i in iteration i
; EXPECT loops: %i.next = %last - 1 - i in iteration i
; EXPECT memory: %b, read from argument(%x), may be overwritten later
; EXPECT plan: %a: 8 bytes per iteration, read from memory that is overwritten later
define i32 @count_down_loop(ptr noalias %out, ptr noalias %x, i64 %n) {
entry:
  %last = add nsw i64 %n, -1
  br label %head

head:
  %i = phi i64 [ %last, %entry ], [ %i.next, %head ]
  %b.p = getelementptr inbounds double, ptr %x, i64 %i
  %b = load double, ptr %b.p, align 8
  %i.next = add nsw i64 %i, -1
  %a.p = getelementptr inbounds double, ptr %x, i64 %i.next
  %a = load double, ptr %a.p, align 8
  %product = fmul double %a, %b
  store double %product, ptr %a.p, align 8
  %more = icmp sgt i64 %i, 1
  br i1 %more, label %head, label %exit

exit:
  %first = load double, ptr %x, align 8
  store double %first, ptr %out, align 8
  ret i32 0
}
