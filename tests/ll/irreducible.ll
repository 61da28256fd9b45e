; A loop with two entries cannot be reversed. Refused.
; activities: %out=duplicated:double %x=duplicated:double
; REFUSED: a loop with two entries cannot be reversed
; EXPECT cfg: %a: from %entry %b, dominated by %entry; to %b
define i32 @irreducible(ptr noalias %out, ptr noalias %x, i1 %which, i64 %n) {
entry:
  br i1 %which, label %a, label %b

a:
  %ia = phi i64 [ 0, %entry ], [ %ib, %b ]
  br label %b

b:
  %ib.old = phi i64 [ 0, %entry ], [ %ia, %a ]
  %ib = add i64 %ib.old, 1
  %done = icmp sge i64 %ib, %n
  br i1 %done, label %exit, label %a

exit:
  %v = load double, ptr %x, align 8
  store double %v, ptr %out, align 8
  ret i32 0
}
