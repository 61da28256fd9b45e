; A value with a derivative is stored in an argument that is constant: its derivative would be lost. Refused.
; activities: %out=duplicated:double %x=duplicated:double %y=const:double
; REFUSED: a value with a derivative is stored in the constant argument %y
; EXPECT memory: in %entry, argument(%y) is written: store double %v, ptr %y, align 8
define i32 @stored_in_constant(ptr noalias %out, ptr noalias %x, ptr noalias %y) {
entry:
  %v = load double, ptr %x, align 8
  store double %v, ptr %y, align 8
  ret i32 0
}
