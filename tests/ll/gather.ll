; Reading through an index array, with an index met twice: adjoints of one element add up.
; activities: %out=duplicated:double %x=duplicated:double %index=const:i64
; arguments: %out=zeros(4) %x=uniform(3) %index=[2,0,2,1] %n=4
; EXPECT memory: %k, read from argument(%index), is still there at the end
; EXPECT activity: memory with a shadow: argument(%out) argument(%x)
; EXPECT plan: nothing is stored
define i32 @gather(ptr noalias %out, ptr noalias %x, ptr noalias %index, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %index.p = getelementptr inbounds i64, ptr %index, i64 %i
  %k = load i64, ptr %index.p, align 8
  %x.p = getelementptr inbounds double, ptr %x, i64 %k
  %v = load double, ptr %x.p, align 8
  %square = fmul double %v, %v
  %out.p = getelementptr inbounds double, ptr %out, i64 %i
  store double %square, ptr %out.p, align 8
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  ret i32 0
}
