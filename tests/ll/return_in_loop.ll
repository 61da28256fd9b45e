; A good return from inside a loop: the first prefix sum above the bound, else the whole sum of squares.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(5) %n=5 %bound=1.75
; arguments: %out=zeros(1) %x=uniform(5) %n=5 %bound=100
; EXPECT loops: loop %head, depth 1: not counted; leaves %head to %found, %next to %exit
; EXPECT cfg: %found: from %head, dominated by %head; to ret i32 0
define i32 @return_in_loop(ptr noalias %out, ptr noalias %x, i64 %n, double %bound) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %next ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %square = fmul double %v, %v
  %sum.next = fadd double %sum, %square
  %above = fcmp ogt double %sum.next, %bound
  br i1 %above, label %found, label %next

next:
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

found:
  %sum.found = phi double [ %sum.next, %head ]
  %sine = call double @llvm.sin.f64(double %sum.found)
  store double %sine, ptr %out, align 8
  ret i32 0

exit:
  %result = phi double [ %sum.next, %next ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
