; A switch in a loop with several edges to the latch and one out of the loop.
; activities: %x=duplicated:double %kind=const:i64
; arguments: %x=uniform(5) %kind=[0,1,7,2,3] %n=5
; EXPECT loops: loop %head, depth 1: not counted; leaves %head to %exit, %latch to %exit
; EXPECT memory: %k, read from argument(%kind), is still there at the end
define i32 @switch_in_loop(ptr noalias %x, ptr noalias %kind, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %latch ]
  %carry = phi double [ 1.0, %entry ], [ %value, %latch ]
  %k.p = getelementptr inbounds i64, ptr %kind, i64 %i
  %k = load i64, ptr %k.p, align 8
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %product = fmul double %v, %carry
  switch i64 %k, label %latch [
    i64 0, label %sine
    i64 1, label %latch
    i64 3, label %exit
  ]

sine:
  %s = call double @llvm.sin.f64(double %product)
  br label %latch

latch:
  %value = phi double [ %product, %head ], [ %product, %head ], [ %s, %sine ]
  store double %value, ptr %p, align 8
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  ret i32 0
}

declare double @llvm.sin.f64(double)
