; An integer zero stored to a buffer of floats or to a stack slot that nothing else touches.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1) %which=1
; arguments: %out=zeros(1) %x=uniform(1) %which=0
; EXPECT kinds: allocation(%buffer) holds double
; EXPECT kinds: stack(%slot) holds double
define i32 @integer_zero_in_either(ptr noalias %out, ptr noalias %x, i1 %which) {
entry:
  %slot = alloca double, align 8
  %buffer = call noalias ptr @numzyme.allocate.tape(i64 8)
  %v = load double, ptr %x, align 8
  store double %v, ptr %buffer, align 8
  %p = select i1 %which, ptr %slot, ptr %buffer
  store i64 0, ptr %p, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr align 8 %out, ptr align 8 %buffer, i64 8, i1 false)
  ret i32 0
}

declare noalias ptr @numzyme.allocate.tape(i64)
declare void @llvm.memcpy.p0.p0.i64(ptr noalias writeonly captures(none), ptr noalias readonly captures(none), i64, i1 immarg)
