; The inner count depends on the outer index: out[0] = sum over j <= i of x[i] * x[j] * c, c carried through both loops.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(5) %n=5
; arguments: %out=zeros(1) %x=uniform(1) %n=1
; EXPECT loops: loop %outer, depth 1: continues while 1 + i ne %n; leaves %outer.latch to %exit
; EXPECT loops: loop %inner, depth 2: continues while 1 + i ne %i.next; leaves %inner to %outer.latch
; EXPECT plan: %c: 8 bytes per iteration of a nest of 2 loops, carried by a loop or joined from branches
define i32 @triangular_nest(ptr noalias %out, ptr noalias %x, i64 %n) {
entry:
  br label %outer

outer:
  %i = phi i64 [ 0, %entry ], [ %i.next, %outer.latch ]
  %c.outer = phi double [ 1.0, %entry ], [ %c.exit, %outer.latch ]
  %i.next = add nuw nsw i64 %i, 1
  %xi.p = getelementptr inbounds double, ptr %x, i64 %i
  %xi = load double, ptr %xi.p, align 8
  br label %inner

inner:
  %j = phi i64 [ 0, %outer ], [ %j.next, %inner ]
  %c = phi double [ %c.outer, %outer ], [ %c.next, %inner ]
  %xj.p = getelementptr inbounds double, ptr %x, i64 %j
  %xj = load double, ptr %xj.p, align 8
  %product = fmul double %xi, %xj
  %scaled = fmul double %product, %c
  %c.next = call double @llvm.sin.f64(double %scaled)
  %j.next = add nuw nsw i64 %j, 1
  %inner.done = icmp eq i64 %j.next, %i.next
  br i1 %inner.done, label %outer.latch, label %inner

outer.latch:
  %c.exit = phi double [ %c.next, %inner ]
  %outer.done = icmp eq i64 %i.next, %n
  br i1 %outer.done, label %exit, label %outer

exit:
  %result = phi double [ %c.exit, %outer.latch ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
