; Adding through an index array that the loop then overwrites: where it went is stored (as the address in the shadow).
; activities: %out=duplicated:double %x=duplicated:double %index=const:i64
; arguments: %out=uniform(3) %x=uniform(4) %index=[2,0,2,1] %n=4
; EXPECT memory: %k, read from argument(%index), may be overwritten later
; EXPECT plan: %"out.p.shadow": 8 bytes per iteration, cheaper to keep than to compute again
; EXPECT-NOT plan: %k
; EXPECT-NOT plan: %old
define i32 @scatter(ptr noalias %out, ptr noalias %x, ptr noalias %index, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %index.p = getelementptr inbounds i64, ptr %index, i64 %i
  %k = load i64, ptr %index.p, align 8
  %x.p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %x.p, align 8
  %out.p = getelementptr inbounds double, ptr %out, i64 %k
  %old = load double, ptr %out.p, align 8
  %square = fmul double %v, %v
  %new = fadd double %old, %square
  store double %new, ptr %out.p, align 8
  store i64 0, ptr %index.p, align 8
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  ret i32 0
}
