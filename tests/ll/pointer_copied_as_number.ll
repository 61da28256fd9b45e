; A pointer copied as a number, as LLVM does with the memory around it.
; activities: %out=duplicated:double %x=duplicated:double
; REFUSED: memory is used whose origin is not known
; EXPECT memory: stack(%holder) holds pointers to argument(%x)
; arguments: %out=zeros(1) %x=uniform(2)
define i32 @pointer_copied_as_number(ptr noalias %out, ptr noalias %x) {
entry:
  %holder = alloca { ptr, i64 }, align 8
  %copy = alloca { ptr, i64 }, align 8
  %second = getelementptr i8, ptr %x, i64 8
  store ptr %second, ptr %holder, align 8
  %bits = load i64, ptr %holder, align 8
  store i64 %bits, ptr %copy, align 8
  %again = load ptr, ptr %copy, align 8
  %w = load double, ptr %again, align 8
  %square = fmul double %w, %w
  store double %square, ptr %out, align 8
  ret i32 0
}
