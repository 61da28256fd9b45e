; LLVM moves floats through integer registers: such copies carry the derivative.
; activities: %out=duplicated:double %x=duplicated:double %y=duplicated:double
; arguments: %out=zeros(2) %x=uniform(1) %y=uniform(1) %which=1
; arguments: %out=zeros(2) %x=uniform(1) %y=uniform(1) %which=0
; EXPECT activity: active values: %v %w %chosen %f %g
; EXPECT kinds: argument(%x) holds double (given)
define i32 @integer_copy_of_float(ptr noalias %out, ptr noalias %x, ptr noalias %y, i1 %which) {
entry:
  %v = load i64, ptr %x, align 8
  %w = load i64, ptr %y, align 8
  %chosen = select i1 %which, i64 %v, i64 %w
  store i64 %chosen, ptr %out, align 8
  %f = bitcast i64 %chosen to double
  %g = fmul double %f, %f
  %p = getelementptr inbounds i8, ptr %out, i64 8
  store double %g, ptr %p, align 8
  ret i32 0
}
