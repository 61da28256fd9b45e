; Two loops one after the other over the same array, the second one backwards by steps of two.
; activities: %x=duplicated:double
; arguments: %x=uniform(7) %n=7
; EXPECT loops: loop %up, depth 1: continues while 1 + i ne %n; leaves %up to %between
; EXPECT loops: loop %down, depth 1: continues while %last - 2 - 2*i sgt 0; leaves %down to %exit
; EXPECT memory: %v, read from argument(%x), may be overwritten later
define i32 @sequence_of_loops(ptr noalias %x, i64 %n) {
entry:
  br label %up

up:
  %i = phi i64 [ 0, %entry ], [ %i.next, %up ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %square = fmul double %v, %v
  store double %square, ptr %p, align 8
  %i.next = add nuw nsw i64 %i, 1
  %filled = icmp eq i64 %i.next, %n
  br i1 %filled, label %between, label %up

between:
  %last = add nsw i64 %n, -1
  br label %down

down:
  %j = phi i64 [ %last, %between ], [ %j.next, %down ]
  %q = getelementptr inbounds double, ptr %x, i64 %j
  %w = load double, ptr %q, align 8
  %r = getelementptr inbounds i8, ptr %q, i64 -8
  %u = load double, ptr %r, align 8
  %product = fmul double %u, %w
  store double %product, ptr %r, align 8
  %j.next = add nsw i64 %j, -2
  %more = icmp sgt i64 %j.next, 0
  br i1 %more, label %down, label %exit

exit:
  ret i32 0
}
