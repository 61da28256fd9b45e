; LLVM clears one element of a fresh buffer with an integer store: the buffer holds floats all the same.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(2) %x=uniform(2)
; EXPECT kinds: allocation(%buffer) holds double
; EXPECT activity: active values: %v %square
; EXPECT plan: %"buffer.shadow": 8 bytes, an expensive call or a fresh buffer
define i32 @integer_zero_in_buffer(ptr noalias %out, ptr noalias %x) {
entry:
  %buffer = call noalias ptr @numzyme.allocate.tape(i64 16)
  %v = load double, ptr %x, align 8
  %square = fmul double %v, %v
  store i64 0, ptr %buffer, align 8
  %p = getelementptr inbounds i8, ptr %buffer, i64 8
  store double %square, ptr %p, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr align 8 %out, ptr align 8 %buffer, i64 16, i1 false)
  ret i32 0
}

declare noalias ptr @numzyme.allocate.tape(i64)
declare void @llvm.memcpy.p0.p0.i64(ptr noalias writeonly captures(none), ptr noalias readonly captures(none), i64, i1 immarg)
