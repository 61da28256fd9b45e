; What a call gives back may be any memory that it was handed, or some of its own. Refused.
; activities: %out=duplicated:double %x=duplicated:double
; REFUSED: a call of the external function `somewhere` cannot be differentiated
; EXPECT memory: %p points at argument(%x), result(%p), result(%p/0)
; EXPECT activity: memory with a shadow: argument(%out) argument(%x) result(%p) result(%p/0)
define i32 @pointer_from_a_call(ptr noalias %out, ptr noalias %x) {
entry:
  %p = call ptr @somewhere(ptr %x)
  %v = load double, ptr %p, align 8
  store double %v, ptr %out, align 8
  ret i32 0
}

declare ptr @somewhere(ptr readonly) memory(argmem: read) nounwind willreturn
