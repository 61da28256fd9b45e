; The count depends on floats: halve until below a bound, collecting sines.
; activities: %out=duplicated:double %x=active
; arguments: %out=zeros(1) %x=uniform
; EXPECT loops: loop %head, depth 1: not counted; leaves %head to %exit
; EXPECT activity: active values: %x %v %sum %result %sine %sum.next %v.next
; EXPECT plan: %v: 8 bytes per iteration, carried by a loop or joined from branches
define i32 @while_loop(ptr noalias %out, double %x) {
entry:
  br label %head

head:
  %v = phi double [ %x, %entry ], [ %v.next, %body ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %body ]
  %big = fcmp ogt double %v, 1.000000e-02
  br i1 %big, label %body, label %exit

body:
  %sine = call double @llvm.sin.f64(double %v)
  %sum.next = fadd double %sum, %sine
  %v.next = fmul double %v, 3.750000e-01
  br label %head

exit:
  %result = phi double [ %sum, %head ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
