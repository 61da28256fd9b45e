; A return from inside a nest of two loops, with values stored in both.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(4) %n=4 %bound=40
; arguments: %out=zeros(1) %x=[1.1,1.2,1.3,1.4] %n=4 %bound=9
; arguments: %out=zeros(1) %x=[5,1.2,1.3,1.4] %n=4 %bound=9
; EXPECT loops: loop %outer, depth 1: not counted; leaves %inner to %found, %outer.latch to %exit
; EXPECT loops: loop %inner, depth 2: not counted; leaves %inner to %found, %inner.latch to %outer.latch
define i32 @return_from_nest(ptr noalias %out, ptr noalias %x, i64 %n, double %bound) {
entry:
  br label %outer

outer:
  %i = phi i64 [ 0, %entry ], [ %i.next, %outer.latch ]
  %product.outer = phi double [ 1.0, %entry ], [ %product.exit, %outer.latch ]
  br label %inner

inner:
  %j = phi i64 [ 0, %outer ], [ %j.next, %inner.latch ]
  %product = phi double [ %product.outer, %outer ], [ %product.next, %inner.latch ]
  %p = getelementptr inbounds double, ptr %x, i64 %j
  %v = load double, ptr %p, align 8
  %product.next = fmul double %product, %v
  %large = fcmp ogt double %product.next, %bound
  br i1 %large, label %found, label %inner.latch

inner.latch:
  %grown = fadd double %v, 1.250000e-01
  store double %grown, ptr %p, align 8
  %j.next = add nuw nsw i64 %j, 1
  %inner.done = icmp eq i64 %j.next, %n
  br i1 %inner.done, label %outer.latch, label %inner

outer.latch:
  %product.exit = phi double [ %product.next, %inner.latch ]
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, 3
  br i1 %done, label %exit, label %outer

found:
  %product.found = phi double [ %product.next, %inner ]
  %sine = call double @llvm.sin.f64(double %product.found)
  store double %sine, ptr %out, align 8
  ret i32 0

exit:
  %result = phi double [ %product.exit, %outer.latch ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
