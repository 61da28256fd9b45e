; A function that never returns a good status: its derivative runs it, and that is all.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1) status=1
; EXPECT cfg: %entry: the entry; to ret i32 1 (error edge: never reversed)
define i32 @always_fails(ptr noalias %out, ptr noalias %x) {
entry:
  %v = load double, ptr %x, align 8
  %square = fmul double %v, %v
  store double %square, ptr %x, align 8
  ret i32 1
}
