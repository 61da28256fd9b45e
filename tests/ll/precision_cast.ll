; Between single and double precision: an adjoint is cast the other way.
; activities: %out=duplicated:float %x=duplicated:float %y=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1) %y=uniform(1)
; EXPECT activity: active values: %v %wide %w %product %narrow
; EXPECT kinds: argument(%y) holds double (given)
define i32 @precision_cast(ptr noalias %out, ptr noalias %x, ptr noalias %y) {
entry:
  %v = load float, ptr %x, align 4
  %wide = fpext float %v to double
  %w = load double, ptr %y, align 8
  %product = fmul double %wide, %w
  %narrow = fptrunc double %product to float
  store float %narrow, ptr %out, align 4
  ret i32 0
}
