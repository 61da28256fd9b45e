; f(x, n) = sin(x) if n == 0 else f(x * f(x, 0), n - 1): a function that calls itself twice.
; activities: %out=duplicated:double %x=active
; arguments: %out=zeros(1) %x=uniform %n=0
; arguments: %out=zeros(1) %x=uniform %n=4
; EXPECT memory: in %again, stack(%inner) is written: %status.inner = call i32 @f(ptr %inner, double %x, i64 0)
; EXPECT activity: active values: %x %v %product %sine
; EXPECT loops: no loops
define i32 @f(ptr noalias %out, double %x, i64 %n) {
entry:
  %inner = alloca double, align 8
  %last = icmp eq i64 %n, 0
  br i1 %last, label %base, label %again

base:
  %sine = call double @llvm.sin.f64(double %x)
  store double %sine, ptr %out, align 8
  ret i32 0

again:
  %status.inner = call i32 @f(ptr %inner, double %x, i64 0)
  %bad.inner = icmp ne i32 %status.inner, 0
  br i1 %bad.inner, label %error, label %second

second:
  %v = load double, ptr %inner, align 8
  %product = fmul double %x, %v
  %less = add nsw i64 %n, -1
  %status = call i32 @f(ptr %out, double %product, i64 %less)
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %error, label %good

error:
  ret i32 1

good:
  ret i32 0
}

declare double @llvm.sin.f64(double)
