; The same without noalias: y may be x, also shifted, so what was read must be stored.
; activities: %y=duplicated:double %x=duplicated:double
; arguments: %y=zeros(5) %x=uniform(5) %n=5
; arguments: %y=uniform(6) %x=alias(%y,1) %n=5
; arguments: %y=uniform(5) %x=alias(%y,0) %n=5
; EXPECT memory: %v, read from argument(%x), may be overwritten later
; EXPECT plan: %v: 8 bytes per iteration, read from memory that is overwritten later
define i32 @aliased_arguments(ptr %y, ptr %x, i64 %n) {
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
