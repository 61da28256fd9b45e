; y[i] = x[i] * x[i]: x is still there in the reverse sweep, so nothing is stored.
; activities: %y=duplicated:double %x=duplicated:double
; arguments: %y=zeros(5) %x=uniform(5) %n=5
; EXPECT memory: %v, read from argument(%x), is still there at the end
; EXPECT plan: nothing is stored
define i32 @reloadable_load(ptr noalias %y, ptr noalias %x, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %square = fmul double %v, %v
  %q = getelementptr inbounds double, ptr %y, i64 %i
  store double %square, ptr %q, align 8
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  ret i32 0
}
