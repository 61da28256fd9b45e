; Whether a matrix is transposed is known when the function runs: refused.
; activities: %out=duplicated:double %a=duplicated:double %x=duplicated:double %flag=const
; REFUSED: the transpose flag of a product is not a constant
; EXPECT activity: memory with a shadow: argument(%a) argument(%out) argument(%x)
@one = internal constant double 1.000000e+00
@zero = internal constant double 0.000000e+00

define i32 @product_with_unknown_flag(ptr noalias %out, ptr noalias %a, ptr noalias %x, i8 %flag) {
entry:
  %status = call i32 @numba_xxgemv(i8 100, i8 %flag, i64 3, i64 3, ptr @one, ptr %a, i64 3, ptr %x, ptr @zero, ptr %out)
  ret i32 0
}

declare i32 @numba_xxgemv(i8, i8, i64, i64, ptr captures(none), ptr captures(none), i64, ptr captures(none), ptr captures(none), ptr captures(none))
