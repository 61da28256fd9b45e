; Two good returns: the reverse sweep starts at the one that was taken.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1) %early=1
; arguments: %out=zeros(1) %x=uniform(1) %early=0
; EXPECT cfg: %first: from %entry, dominated by %entry; to ret i32 0
; EXPECT cfg: %second: from %entry, dominated by %entry; to ret i32 0
; EXPECT plan: %e: 8 bytes, an expensive call or a fresh buffer
; EXPECT-NOT plan: %s
define i32 @early_return(ptr noalias %out, ptr noalias %x, i1 %early) {
entry:
  %v = load double, ptr %x, align 8
  br i1 %early, label %first, label %second

first:
  %s = call double @llvm.sin.f64(double %v)
  store double %s, ptr %out, align 8
  ret i32 0

second:
  %e = call double @llvm.exp.f64(double %v)
  store double %e, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
declare double @llvm.exp.f64(double)
