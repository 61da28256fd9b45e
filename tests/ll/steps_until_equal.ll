; Steps of three up and of two down until the index equals a limit: the last iteration is a quotient.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(10) %n=9 %m=8
; arguments: %out=zeros(1) %x=uniform(10) %n=3 %m=2
; EXPECT loops: loop %up, depth 1: continues while 3 + 3*i ne %n; leaves %up to %between
define i32 @steps_until_equal(ptr noalias %out, ptr noalias %x, i64 %n, i64 %m) {
entry:
  br label %up

up:
  %i = phi i64 [ 0, %entry ], [ %i.next, %up ]
  %product = phi double [ 1.000000e+00, %entry ], [ %product.next, %up ]
  %x.p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %x.p, align 8
  %scaled = fmul double %v, %product
  %product.next = fadd double %scaled, %v
  %i.next = add nuw nsw i64 %i, 3
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %between, label %up

between:
  br label %down

down:
  %j = phi i64 [ %m, %between ], [ %j.next, %down ]
  %sum = phi double [ %product.next, %between ], [ %sum.next, %down ]
  %y.p = getelementptr inbounds double, ptr %x, i64 %j
  %w = load double, ptr %y.p, align 8
  %squared = fmul double %sum, %w
  %sum.next = fadd double %squared, %sum
  %j.next = add nsw i64 %j, -2
  %end = icmp eq i64 %j.next, 0
  br i1 %end, label %exit, label %down

exit:
  store double %sum.next, ptr %out, align 8
  ret i32 0
}
