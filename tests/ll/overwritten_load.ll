; x[i] = x[i] * x[i]: what was read is overwritten, so it is stored.
; activities: %x=duplicated:double
; arguments: %x=uniform(5) %n=5
; EXPECT loops: loop %head, depth 1: continues while 1 + i ne %n; leaves %head to %exit
; EXPECT memory: %v, read from argument(%x), may be overwritten later
; EXPECT plan: %v: 8 bytes per iteration, read from memory that is overwritten later
define i32 @overwritten_load(ptr noalias %x, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %square = fmul double %v, %v
  store double %square, ptr %p, align 8
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  ret i32 0
}
