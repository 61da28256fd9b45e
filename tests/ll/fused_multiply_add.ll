; LLVM's fused multiply-add, Horner's rule over a constant global.
; activities: %out=duplicated:double %x=active %y=duplicated:double
; arguments: %out=zeros(1) %x=uniform %y=uniform(1)
; EXPECT memory: %c, read from global(@coefficients), is still there at the end
; EXPECT activity: memory with a shadow: argument(%out) argument(%y)
; EXPECT plan: %sum: 8 bytes per iteration, carried by a loop or joined from branches
@coefficients = internal constant [4 x double] [double 1.0, double -2.0, double 0.5, double 3.0]

define i32 @fused_multiply_add(ptr noalias %out, double %x, ptr noalias %y) {
entry:
  %start = load double, ptr %y, align 8
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %sum = phi double [ %start, %entry ], [ %sum.next, %head ]
  %p = getelementptr inbounds [4 x double], ptr @coefficients, i64 0, i64 %i
  %c = load double, ptr %p, align 8
  %sum.next = call double @llvm.fmuladd.f64(double %sum, double %x, double %c)
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, 4
  br i1 %done, label %exit, label %head

exit:
  %result = phi double [ %sum.next, %head ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.fmuladd.f64(double, double, double)
