; A float made of bits of a differentiable float that were computed with (here: the last bits cleared). Refused.
; activities: %out=duplicated:double %x=duplicated:double
; REFUSED: the instruction `bitcast` cannot be differentiated
; EXPECT activity: active values: %float %square
define i32 @float_of_changed_bits(ptr noalias %out, ptr noalias %x) {
entry:
  %bits = load i64, ptr %x, align 8
  %masked = and i64 %bits, -4294967296
  %float = bitcast i64 %masked to double
  %square = fmul double %float, %float
  store double %square, ptr %out, align 8
  ret i32 0
}
