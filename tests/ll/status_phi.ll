; One return for all: the status is a phi of constants. Split, the error has a return of its own.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1)
; arguments: %out=zeros(1) %x=[-1] status=1
; EXPECT cfg: %entry: the entry; to %"exit1.end" %good
; EXPECT cfg: %"exit1.end": from %entry, dominated by %entry; to ret i32 1 (error edge: never reversed)
; EXPECT cfg: %end: from %good, dominated by %good; to ret i32 %status
; EXPECT plan: %root: 8 bytes, an expensive call or a fresh buffer
define i32 @status_phi(ptr noalias %out, ptr noalias %x) {
entry:
  %v = load double, ptr %x, align 8
  %negative = fcmp olt double %v, 0.0
  br i1 %negative, label %end, label %good

good:
  %root = call double @llvm.sqrt.f64(double %v)
  store double %root, ptr %out, align 8
  br label %end

end:
  %status = phi i32 [ 1, %entry ], [ 0, %good ]
  ret i32 %status
}

declare double @llvm.sqrt.f64(double)
