; Clearing memory cuts its derivative off.
; activities: %x=duplicated:double
; arguments: %x=uniform(4)
; EXPECT memory: in %entry, argument(%x) is written: call void @llvm.memset.p0.i64(ptr align 8 %x, i8 0, i64 16, i1 false)
; EXPECT plan: %v: 8 bytes, read from memory that is overwritten later
define i32 @memset(ptr noalias %x) {
entry:
  %v = load double, ptr %x, align 8
  %square = fmul double %v, %v
  call void @llvm.memset.p0.i64(ptr align 8 %x, i8 0, i64 16, i1 false)
  %p = getelementptr inbounds i8, ptr %x, i64 8
  store double %square, ptr %p, align 8
  ret i32 0
}

declare void @llvm.memset.p0.i64(ptr writeonly captures(none), i8, i64, i1 immarg)
