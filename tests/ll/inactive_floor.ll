; Rounding has no derivative: floor(x) * y is active in y only.
; activities: %out=duplicated:double %x=active %y=active
; arguments: %out=zeros(1) %x=uniform %y=uniform
; EXPECT activity: active values: %y %product
; EXPECT plan: nothing is stored
define i32 @inactive_floor(ptr noalias %out, double %x, double %y) {
entry:
  %floor = call double @llvm.floor.f64(double %x)
  %shifted = fadd double 2.0, %floor
  %product = fmul double %shifted, %y
  store double %product, ptr %out, align 8
  ret i32 0
}

declare double @llvm.floor.f64(double)
