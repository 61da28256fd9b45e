; An array on the stack that a loop fills and another one reads.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(4)
; EXPECT memory: %slot.a points at stack(%slots)
; EXPECT memory: %b, read from stack(%slots), is still there at the end
; EXPECT activity: memory with a shadow: argument(%out) argument(%x) stack(%slots)
define i32 @stack_array(ptr noalias %out, ptr noalias %x) {
entry:
  %slots = alloca [4 x double], align 16
  br label %fill

fill:
  %i = phi i64 [ 0, %entry ], [ %i.next, %fill ]
  %x.p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %x.p, align 8
  %sine = call double @llvm.sin.f64(double %v)
  %slot.a = getelementptr inbounds [4 x double], ptr %slots, i64 0, i64 %i
  store double %sine, ptr %slot.a, align 8
  %i.next = add nuw nsw i64 %i, 1
  %filled = icmp eq i64 %i.next, 4
  br i1 %filled, label %read.enter, label %fill

read.enter:
  br label %read

read:
  %j = phi i64 [ 0, %read.enter ], [ %j.next, %read ]
  %sum = phi double [ 0.0, %read.enter ], [ %sum.next, %read ]
  %slot.b = getelementptr inbounds [4 x double], ptr %slots, i64 0, i64 %j
  %b = load double, ptr %slot.b, align 8
  %square = fmul double %b, %b
  %sum.next = fadd double %sum, %square
  %j.next = add nuw nsw i64 %j, 1
  %done = icmp eq i64 %j.next, 4
  br i1 %done, label %exit, label %read

exit:
  %result = phi double [ %sum.next, %read ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
