; A loop of unknown count in another one: iteration records of both loops.
; activities: %out=duplicated:double %x=active
; arguments: %out=zeros(1) %x=uniform
; EXPECT loops: loop %outer, depth 1: not counted; leaves %outer to %exit
; EXPECT loops: loop %inner, depth 2: not counted; leaves %inner to %outer.latch
; EXPECT activity: memory with a shadow: argument(%out)
; EXPECT plan: %w: 8 bytes per iteration of a nest of 2 loops, carried by a loop or joined from branches
define i32 @nested_while(ptr noalias %out, double %x) {
entry:
  br label %outer

outer:
  %v = phi double [ %x, %entry ], [ %v.next, %outer.latch ]
  %sum = phi double [ 0.0, %entry ], [ %sum.inner, %outer.latch ]
  %go = fcmp ogt double %v, 1.000000e-01
  br i1 %go, label %inner.enter, label %exit

inner.enter:
  br label %inner

inner:
  %w = phi double [ %v, %inner.enter ], [ %w.next, %inner.body ]
  %s = phi double [ %sum, %inner.enter ], [ %s.next, %inner.body ]
  %deeper = fcmp ogt double %w, 6.250000e-02
  br i1 %deeper, label %inner.body, label %outer.latch

inner.body:
  %w.next = fmul double %w, 5.000000e-01
  %square = fmul double %w, %w
  %sine = call double @llvm.sin.f64(double %square)
  %s.next = fadd double %s, %sine
  br label %inner

outer.latch:
  %sum.inner = phi double [ %s, %inner ]
  %v.next = fmul double %v, 5.000000e-01
  br label %outer

exit:
  %result = phi double [ %sum, %outer ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
