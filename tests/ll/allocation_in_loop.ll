; A fresh buffer in every iteration: each has a shadow of its own, that starts at zero.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(4) %n=4
; EXPECT memory: %p points at allocation(%buffer)
; EXPECT memory: %v, read from allocation(%buffer), is still there at the end
; EXPECT activity: memory with a shadow: allocation(%buffer) argument(%out) argument(%x)
define i32 @allocation_in_loop(ptr noalias %out, ptr noalias %x, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %head ]
  %x.p = getelementptr inbounds double, ptr %x, i64 %i
  %xi = load double, ptr %x.p, align 8
  %buffer = call noalias ptr @numzyme.allocate.tape(i64 16)
  %p = getelementptr inbounds i8, ptr %buffer, i64 8
  %sine = call double @llvm.sin.f64(double %xi)
  store double %sine, ptr %p, align 8
  %v = load double, ptr %p, align 8
  %square = fmul double %v, %v
  %sum.next = fadd double %sum, %square
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  %result = phi double [ %sum.next, %head ]
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
declare noalias ptr @numzyme.allocate.tape(i64)
