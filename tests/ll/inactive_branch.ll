; A branch that does nothing differentiable is not visited by the reverse sweep; integers carry no derivative.
; activities: %out=duplicated:double %x=duplicated:double %count=const:i64
; arguments: %out=zeros(1) %x=uniform(1) %count=[3] %flag=1
; arguments: %out=zeros(1) %x=uniform(1) %count=[3] %flag=0
; EXPECT activity: active values: %v %sine %product
; EXPECT activity: memory with a shadow: argument(%out) argument(%x)
; EXPECT kinds: argument(%count) holds i64 (given)
define i32 @inactive_branch(ptr noalias %out, ptr noalias %x, ptr noalias %count, i1 %flag) {
entry:
  %v = load double, ptr %x, align 8
  %c = load i64, ptr %count, align 8
  br i1 %flag, label %more, label %join

more:
  %c.more = add i64 %c, 1
  store i64 %c.more, ptr %count, align 8
  br label %join

join:
  %k = phi i64 [ %c, %entry ], [ %c.more, %more ]
  %factor = sitofp i64 %k to double
  %sine = call double @llvm.sin.f64(double %v)
  %product = fmul double %sine, %factor
  store double %product, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
