; A pointer kept in memory: the shadow of the holder holds the pointer to the shadow.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1)
; EXPECT memory: stack(%holder) holds pointers to allocation(%buffer)
; EXPECT memory: %again points at allocation(%buffer)
; EXPECT kinds: stack(%holder) holds ptr
; EXPECT activity: memory with a shadow: allocation(%buffer) argument(%out) argument(%x) stack(%holder)
define i32 @pointer_in_memory(ptr noalias %out, ptr noalias %x) {
entry:
  %holder = alloca { ptr, i64 }, align 8
  %buffer = call noalias ptr @numzyme.allocate.tape(i64 8)
  store ptr %buffer, ptr %holder, align 8
  %v = load double, ptr %x, align 8
  store double %v, ptr %buffer, align 8
  %again = load ptr, ptr %holder, align 8
  %w = load double, ptr %again, align 8
  %square = fmul double %w, %w
  store double %square, ptr %out, align 8
  ret i32 0
}

declare noalias ptr @numzyme.allocate.tape(i64)
