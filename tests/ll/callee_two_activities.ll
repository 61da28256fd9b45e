; One function called with a constant and with an active argument: two derivatives of it, or one and a plain copy.
; activities: %out=duplicated:double %x=active %c=const
; arguments: %out=zeros(1) %x=uniform %c=0.75
; EXPECT activity: active values: %x %r2 %product
; EXPECT memory: in %entry, stack(%first) is written: %s1 = call i32 @callee(ptr %first, double %c, double %c)
define i32 @callee_two_activities(ptr noalias %out, double %x, double %c) {
entry:
  %first = alloca double, align 8
  %second = alloca double, align 8
  %s1 = call i32 @callee(ptr %first, double %c, double %c)
  %b1 = icmp eq i32 %s1, 0
  br i1 %b1, label %next, label %bad

next:
  %s2 = call i32 @callee(ptr %second, double %x, double %c)
  %b2 = icmp eq i32 %s2, 0
  br i1 %b2, label %good, label %bad

bad:
  ret i32 1

good:
  %r1 = load double, ptr %first, align 8
  %r2 = load double, ptr %second, align 8
  %product = fmul double %r1, %r2
  store double %product, ptr %out, align 8
  ret i32 0
}

define internal i32 @callee(ptr %result, double %a, double %b) {
entry:
  %e = call double @llvm.exp.f64(double %a)
  %m = fmul double %e, %b
  store double %m, ptr %result, align 8
  ret i32 0
}

declare double @llvm.exp.f64(double)
