; A row's value computed in the outer loop and used in the inner one: fetched once per outer iteration.
; activities: %a=duplicated:double %x=duplicated:double
; arguments: %a=uniform(6) %x=uniform(2) %rows=2 %columns=3
; EXPECT loops: loop %inner, depth 2: continues while 1 + i ne %columns; leaves %inner to %outer.latch
; EXPECT memory: %v, read from argument(%a), may be overwritten later
; EXPECT plan: %v: 8 bytes per iteration of a nest of 2 loops, read from memory that is overwritten later
; EXPECT plan: %row: 8 bytes per iteration, an expensive call or a fresh buffer
define i32 @invariant_of_outer_loop(ptr noalias %a, ptr noalias %x, i64 %rows, i64 %columns) {
entry:
  br label %outer

outer:
  %i = phi i64 [ 0, %entry ], [ %i.next, %outer.latch ]
  %x.p = getelementptr inbounds double, ptr %x, i64 %i
  %xi = load double, ptr %x.p, align 8
  %row = call double @llvm.exp.f64(double %xi)
  %base = mul nsw i64 %i, %columns
  br label %inner

inner:
  %j = phi i64 [ 0, %outer ], [ %j.next, %inner ]
  %index = add nsw i64 %base, %j
  %p = getelementptr inbounds double, ptr %a, i64 %index
  %v = load double, ptr %p, align 8
  %square = fmul double %v, %v
  %scaled = fmul double %square, %row
  store double %scaled, ptr %p, align 8
  %j.next = add nuw nsw i64 %j, 1
  %inner.done = icmp eq i64 %j.next, %columns
  br i1 %inner.done, label %outer.latch, label %inner

outer.latch:
  %i.next = add nuw nsw i64 %i, 1
  %outer.done = icmp eq i64 %i.next, %rows
  br i1 %outer.done, label %exit, label %outer

exit:
  ret i32 0
}

declare double @llvm.exp.f64(double)
