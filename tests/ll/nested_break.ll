; A break in the inner loop of a nest whose outer loop is counted.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(4) %n=4
; arguments: %out=zeros(1) %x=[0.1,3.0,0.2,1.5] %n=4
; EXPECT loops: loop %outer, depth 1: continues while 1 + i ne %n; leaves %outer.latch to %exit
; EXPECT loops: loop %inner, depth 2: not counted; leaves %inner to %outer.latch, %inner.latch to %outer.latch
define i32 @nested_break(ptr noalias %out, ptr noalias %x, i64 %n) {
entry:
  br label %outer

outer:
  %i = phi i64 [ 0, %entry ], [ %i.next, %outer.latch ]
  %total = phi double [ 0.0, %entry ], [ %total.next, %outer.latch ]
  %xi.p = getelementptr inbounds double, ptr %x, i64 %i
  %xi = load double, ptr %xi.p, align 8
  br label %inner

inner:
  %j = phi i64 [ 0, %outer ], [ %j.next, %inner.latch ]
  %product = phi double [ %xi, %outer ], [ %product.next, %inner.latch ]
  %large = fcmp ogt double %product, 2.0
  br i1 %large, label %outer.latch, label %inner.latch

inner.latch:
  %xj.p = getelementptr inbounds double, ptr %x, i64 %j
  %xj = load double, ptr %xj.p, align 8
  %squared = fmul double %product, %product
  %grown = fadd double %squared, %xj
  %product.next = fmul double %grown, 0.75
  %j.next = add nuw nsw i64 %j, 1
  %inner.done = icmp eq i64 %j.next, %n
  br i1 %inner.done, label %outer.latch, label %inner

outer.latch:
  %last = phi double [ %product, %inner ], [ %product.next, %inner.latch ]
  %sine = call double @llvm.sin.f64(double %last)
  %total.next = fadd double %total, %sine
  %i.next = add nuw nsw i64 %i, 1
  %outer.done = icmp eq i64 %i.next, %n
  br i1 %outer.done, label %exit, label %outer

exit:
  %result = phi double [ %total.next, %outer.latch ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
