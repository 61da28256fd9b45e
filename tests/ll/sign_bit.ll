; The bits of a float read as an integer, for a test of its sign: no derivative flows there.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1)
; arguments: %out=zeros(1) %x=[-1.5]
; EXPECT activity: active values: %v %square %result
define i32 @sign_bit(ptr noalias %out, ptr noalias %x) {
entry:
  %v = load double, ptr %x, align 8
  %bits = bitcast double %v to i64
  %negative = icmp slt i64 %bits, 0
  %square = fmul double %v, %v
  %result = select i1 %negative, double %v, double %square
  store double %result, ptr %out, align 8
  ret i32 0
}
