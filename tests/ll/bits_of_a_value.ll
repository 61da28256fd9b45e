; As float_of_changed_bits, of a value that was computed: a bitcast carries the float, not a load. Refused.
; activities: %out=duplicated:double %x=duplicated:double
; REFUSED: the instruction `bitcast` cannot be differentiated
; EXPECT activity: active values: %float
define i32 @bits_of_a_value(ptr noalias %out, ptr noalias %x) {
entry:
  %v = load double, ptr %x, align 8
  %square = fmul double %v, %v
  %bits = bitcast double %square to i64
  %masked = and i64 %bits, -4294967296
  %float = bitcast i64 %masked to double
  store double %float, ptr %out, align 8
  ret i32 0
}
