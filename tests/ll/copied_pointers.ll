; Pointers copied with the memory that holds them: what is loaded from the copy is what was stored.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(2)
; EXPECT memory: stack(%copy) holds pointers to argument(%x)
; EXPECT memory: %again points at argument(%x)
define i32 @copied_pointers(ptr noalias %out, ptr noalias %x) {
entry:
  %holder = alloca { ptr, i64 }, align 8
  %copy = alloca { ptr, i64 }, align 8
  %second = getelementptr i8, ptr %x, i64 8
  store ptr %second, ptr %holder, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr %copy, ptr %holder, i64 16, i1 false)
  %again = load ptr, ptr %copy, align 8
  %w = load double, ptr %again, align 8
  %square = fmul double %w, %w
  store double %square, ptr %out, align 8
  ret i32 0
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
