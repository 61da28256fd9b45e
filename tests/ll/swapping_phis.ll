; a, b = b, sin(a) * b in every iteration: phis are read together, their adjoints must be taken together.
; activities: %out=duplicated:double %a0=active %b0=active
; arguments: %out=zeros(2) %a0=uniform %b0=uniform %n=5
; arguments: %out=zeros(2) %a0=uniform %b0=uniform %n=1
; EXPECT loops: loop %head, depth 1: continues while 1 + i ne %n; leaves %head to %exit
; EXPECT activity: active values: %a0 %b0 %a %b %sine %product %a.exit %b.exit
; EXPECT memory: %p points at argument(%out)
define i32 @swapping_phis(ptr noalias %out, double %a0, double %b0, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %a = phi double [ %a0, %entry ], [ %b, %head ]
  %b = phi double [ %b0, %entry ], [ %product, %head ]
  %sine = call double @llvm.sin.f64(double %a)
  %product = fmul double %sine, %b
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  %a.exit = phi double [ %b, %head ]
  %b.exit = phi double [ %product, %head ]
  store double %a.exit, ptr %out, align 8
  %p = getelementptr inbounds i8, ptr %out, i64 8
  store double %b.exit, ptr %p, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
