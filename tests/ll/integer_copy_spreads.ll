; A float moved through an integer register out of a buffer that is itself copied as a block: both hold floats only.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(3) %x=uniform(2)
; EXPECT kinds: allocation(%a) holds double
; EXPECT kinds: allocation(%b) holds double
; EXPECT activity: active values: %v %square %bits
define i32 @integer_copy_spreads(ptr noalias %out, ptr noalias %x) {
entry:
  %a = call noalias ptr @numzyme.allocate.tape(i64 16)
  %b = call noalias ptr @numzyme.allocate.tape(i64 16)
  %v = load double, ptr %x, align 8
  %square = fmul double %v, %v
  store double %square, ptr %a, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr align 8 %b, ptr align 8 %a, i64 8, i1 false)
  %bits = load i64, ptr %a, align 8
  store i64 %bits, ptr %out, align 8
  %p = getelementptr inbounds i8, ptr %out, i64 8
  call void @llvm.memcpy.p0.p0.i64(ptr align 8 %p, ptr align 8 %b, i64 8, i1 false)
  ret i32 0
}

declare noalias ptr @numzyme.allocate.tape(i64)
declare void @llvm.memcpy.p0.p0.i64(ptr noalias writeonly captures(none), ptr noalias readonly captures(none), i64, i1 immarg)
