; One block: out[0] = sin(x[0]) * x[1] / s.
; activities: %out=duplicated:double %x=duplicated:double %s=active
; arguments: %out=zeros(1) %x=uniform(2) %s=uniform
; EXPECT cfg: %entry: the entry; to ret i32 0
; EXPECT loops: no loops
; EXPECT memory: %x1.p points at argument(%x)
; EXPECT memory: %x0, read from argument(%x), is still there at the end
; EXPECT kinds: argument(%x) holds double (given)
; EXPECT activity: active values: %s %x0 %x1 %sine %product %quotient
; EXPECT plan: %sine: 8 bytes, an expensive call or a fresh buffer
define i32 @straight_line(ptr noalias %out, ptr noalias %x, double %s) {
entry:
  %x0 = load double, ptr %x, align 8
  %x1.p = getelementptr inbounds i8, ptr %x, i64 8
  %x1 = load double, ptr %x1.p, align 8
  %sine = call double @llvm.sin.f64(double %x0)
  %product = fmul double %sine, %x1
  %quotient = fdiv double %product, %s
  store double %quotient, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
