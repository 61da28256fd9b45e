; A product scaled by two: its rule takes a factor of one, so it is refused.
; activities: %out=duplicated:double %a=duplicated:double %x=duplicated:double
; REFUSED: a scaled matrix product cannot be differentiated yet
; EXPECT activity: memory with a shadow: argument(%a) argument(%out) argument(%x)
@two = internal constant double 2.000000e+00
@zero = internal constant double 0.000000e+00

define i32 @scaled_product(ptr noalias %out, ptr noalias %a, ptr noalias %x) {
entry:
  %status = call i32 @numba_xxgemv(i8 100, i8 116, i64 3, i64 3, ptr @two, ptr %a, i64 3, ptr %x, ptr @zero, ptr %out)
  ret i32 0
}

declare i32 @numba_xxgemv(i8, i8, i64, i64, ptr captures(none), ptr captures(none), i64, ptr captures(none), ptr captures(none), ptr captures(none))
