; A callee is handed memory with the addresses of an array with derivatives and of one of constants: it does not know
; which of them have a shadow.
; activities: %out=duplicated:double %x=duplicated:double
; REFUSED: memory is used whose origin is not known
; EXPECT activity: active values: %value
define i32 @constant_pointer_handed_to_call(ptr noalias %out, ptr noalias %x) {
entry:
  %held = call noalias ptr @numzyme.allocate(i64 16)
  %constants = call noalias ptr @numzyme.allocate(i64 8)
  %numbers = call noalias ptr @numzyme.allocate(i64 8)
  %second = getelementptr i8, ptr %held, i64 8
  store double 3.0, ptr %constants, align 8
  store ptr %constants, ptr %held, align 8
  store ptr %numbers, ptr %second, align 8
  %value = load double, ptr %x, align 8
  store double %value, ptr %numbers, align 8
  %status = call i32 @multiply(ptr %out, ptr %held)
  ret i32 0
}

define internal i32 @multiply(ptr %out, ptr %held) noinline {
entry:
  %inner = load ptr, ptr %held, align 8
  %factor = load double, ptr %inner, align 8
  %second = getelementptr i8, ptr %held, i64 8
  %other = load ptr, ptr %second, align 8
  %number = load double, ptr %other, align 8
  %product = fmul double %factor, %number
  store double %product, ptr %out, align 8
  ret i32 0
}

declare noalias ptr @numzyme.allocate(i64)
