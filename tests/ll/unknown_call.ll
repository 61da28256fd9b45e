; A function that numzyme does not know gets differentiable memory: refused, by name.
; activities: %out=duplicated:double %x=duplicated:double
; REFUSED: a call of the external function `mystery` cannot be differentiated
; EXPECT activity: memory with a shadow: argument(%out) argument(%x) result(%entry/0)
define i32 @unknown_call(ptr noalias %out, ptr noalias %x) {
entry:
  call void @mystery(ptr %x)
  %v = load double, ptr %x, align 8
  store double %v, ptr %out, align 8
  ret i32 0
}

declare void @mystery(ptr)
