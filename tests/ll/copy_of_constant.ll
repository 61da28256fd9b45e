; Differentiable memory filled from a constant argument, then used: the shadow of the target is cleared.
; activities: %out=duplicated:double %x=duplicated:double %c=const:double
; arguments: %out=zeros(1) %x=uniform(2) %c=[3,4]
; EXPECT activity: memory with a shadow: argument(%out) argument(%x)
; EXPECT activity: active values: %v %before %w %square %sum
define i32 @copy_of_constant(ptr noalias %out, ptr noalias %x, ptr noalias %c) {
entry:
  %v = load double, ptr %x, align 8
  %before = fmul double %v, %v
  call void @llvm.memcpy.p0.p0.i64(ptr align 8 %x, ptr align 8 %c, i64 8, i1 false)
  %w = load double, ptr %x, align 8
  %square = fmul double %w, %w
  %sum = fadd double %before, %square
  store double %sum, ptr %out, align 8
  ret i32 0
}

declare void @llvm.memcpy.p0.p0.i64(ptr noalias writeonly captures(none), ptr noalias readonly captures(none), i64, i1 immarg)
