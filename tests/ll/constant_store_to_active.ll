; Storing a constant over differentiable memory: the derivative of what was there is cut off.
; activities: %out=duplicated:double %x=duplicated:double %c=const
; arguments: %out=zeros(1) %x=uniform(2) %c=2.5
; EXPECT activity: active values: %v %square
; EXPECT memory: in %entry, argument(%x) is written: store double %c, ptr %x, align 8
; EXPECT plan: %v: 8 bytes, read from memory that is overwritten later
define i32 @constant_store_to_active(ptr noalias %out, ptr noalias %x, double %c) {
entry:
  %v = load double, ptr %x, align 8
  %square = fmul double %v, %v
  store double %square, ptr %out, align 8
  store double %c, ptr %x, align 8
  %p = getelementptr inbounds i8, ptr %x, i64 8
  store double 1.000000e+00, ptr %p, align 8
  ret i32 0
}
