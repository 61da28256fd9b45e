; A call of another function of the module, in Numba's convention, that stays a call.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1)
; arguments: %out=zeros(1) %x=[9] status=3
; EXPECT memory: in %entry, stack(%result) is written: %status = call i32 @callee(ptr %result, double %v)
; EXPECT kinds: stack(%result) holds double
; EXPECT activity: memory with a shadow: argument(%out) argument(%x) stack(%result)
define i32 @kept_call(ptr noalias %out, ptr noalias %x) {
entry:
  %result = alloca double, align 8
  %v = load double, ptr %x, align 8
  %status = call i32 @callee(ptr %result, double %v)
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %error, label %good

error:
  ret i32 %status

good:
  %r = load double, ptr %result, align 8
  %square = fmul double %r, %r
  store double %square, ptr %out, align 8
  ret i32 0
}

define internal i32 @callee(ptr %result, double %v) {
entry:
  %large = fcmp ogt double %v, 8.0
  br i1 %large, label %error, label %good

error:
  ret i32 3

good:
  %e = call double @llvm.exp.f64(double %v)
  %s = call double @llvm.sin.f64(double %e)
  store double %s, ptr %result, align 8
  ret i32 0
}

declare double @llvm.exp.f64(double)
declare double @llvm.sin.f64(double)
