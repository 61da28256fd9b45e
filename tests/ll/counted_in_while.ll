; A counted loop in a loop of unknown count: a buffer per iteration record of the outer loop.
; activities: %out=duplicated:double %x=active
; arguments: %out=zeros(1) %x=uniform %n=3
; EXPECT loops: loop %outer, depth 1: not counted; leaves %outer to %exit
; EXPECT loops: loop %inner, depth 2: continues while 1 + i ne %n; leaves %inner to %outer.latch
; EXPECT plan: %w: 8 bytes per iteration of a nest of 2 loops, carried by a loop or joined from branches
define i32 @counted_in_while(ptr noalias %out, double %x, i64 %n) {
entry:
  br label %outer

outer:
  %v = phi double [ %x, %entry ], [ %v.next, %outer.latch ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %outer.latch ]
  %go = fcmp ogt double %v, 1.000000e-01
  br i1 %go, label %enter, label %exit

enter:
  br label %inner

inner:
  %j = phi i64 [ 0, %enter ], [ %j.next, %inner ]
  %w = phi double [ %v, %enter ], [ %w.next, %inner ]
  %square = fmul double %w, %w
  %w.next = call double @llvm.sin.f64(double %square)
  %j.next = add nuw nsw i64 %j, 1
  %inner.done = icmp eq i64 %j.next, %n
  br i1 %inner.done, label %outer.latch, label %inner

outer.latch:
  %w.exit = phi double [ %w.next, %inner ]
  %sum.next = fadd double %sum, %w.exit
  %v.next = fmul double %v, 6.250000e-01
  br label %outer

exit:
  %result = phi double [ %sum, %outer ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
