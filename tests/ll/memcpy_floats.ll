; A block copy of floats: its reverse adds the shadow of the target to that of the source and clears it.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=uniform(4) %x=uniform(4) %bytes=32
; arguments: %out=uniform(4) %x=uniform(4) %bytes=16
; arguments: %out=uniform(4) %x=uniform(4) %bytes=0
; EXPECT memory: in %entry, argument(%out) is written: call void @llvm.memcpy.p0.p0.i64(ptr align 8 %out, ptr align 8 %x, i64 %bytes, i1 false)
; EXPECT plan: %v: 8 bytes, read from memory that is overwritten later
define i32 @memcpy_floats(ptr noalias %out, ptr noalias %x, i64 %bytes) {
entry:
  call void @llvm.memcpy.p0.p0.i64(ptr align 8 %out, ptr align 8 %x, i64 %bytes, i1 false)
  %v = load double, ptr %x, align 8
  %w = fmul double %v, %v
  store double %w, ptr %x, align 8
  ret i32 0
}

declare void @llvm.memcpy.p0.p0.i64(ptr noalias writeonly captures(none), ptr noalias readonly captures(none), i64, i1 immarg)
