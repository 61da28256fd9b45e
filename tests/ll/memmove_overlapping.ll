; A block copy within one array, up and down: the reverse must run over the elements in the opposite order.
; activities: %x=duplicated:double
; arguments: %x=uniform(6)
; EXPECT memory: %above points at argument(%x)
; EXPECT activity: memory with a shadow: argument(%x)
define i32 @memmove_overlapping(ptr noalias %x) {
entry:
  %above = getelementptr inbounds i8, ptr %x, i64 8
  call void @llvm.memmove.p0.p0.i64(ptr align 8 %above, ptr align 8 %x, i64 40, i1 false)
  %v = load double, ptr %above, align 8
  %w = fmul double %v, %v
  store double %w, ptr %above, align 8
  %far = getelementptr inbounds i8, ptr %x, i64 16
  call void @llvm.memmove.p0.p0.i64(ptr align 8 %x, ptr align 8 %far, i64 32, i1 false)
  ret i32 0
}

declare void @llvm.memmove.p0.p0.i64(ptr writeonly captures(none), ptr readonly captures(none), i64, i1 immarg)
