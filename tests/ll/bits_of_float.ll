; Arithmetic on the bits of a float (here: clearing its sign) written to differentiable memory. Refused.
; activities: %out=duplicated:double %x=duplicated:double
; REFUSED: an integer is written to memory that holds differentiable floats
; EXPECT activity: active values: none
define i32 @bits_of_float(ptr noalias %out, ptr noalias %x) {
entry:
  %bits = load i64, ptr %x, align 8
  %magnitude = and i64 %bits, 9223372036854775807
  store i64 %magnitude, ptr %out, align 8
  ret i32 0
}
