; A pointer chosen by a select, read and written in a loop.
; activities: %x=duplicated:double %y=duplicated:double %side=const:i8
; arguments: %x=uniform(4) %y=uniform(4) %side=[0,1,1,0] %n=4
; EXPECT memory: %p points at argument(%x), argument(%y)
; EXPECT memory: %v, read from argument(%x), argument(%y), may be overwritten later
; EXPECT plan: %v: 8 bytes per iteration, read from memory that is overwritten later
define i32 @select_of_pointers(ptr noalias %x, ptr noalias %y, ptr noalias %side, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %side.p = getelementptr inbounds i8, ptr %side, i64 %i
  %s = load i8, ptr %side.p, align 1
  %left = icmp eq i8 %s, 0
  %base = select i1 %left, ptr %x, ptr %y
  %p = getelementptr inbounds double, ptr %base, i64 %i
  %v = load double, ptr %p, align 8
  %sine = call double @llvm.sin.f64(double %v)
  %product = fmul double %sine, %v
  store double %product, ptr %p, align 8
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  ret i32 0
}

declare double @llvm.sin.f64(double)
