; A store that happens in some iterations only: the condition, of floats that change, is kept as one byte.
; activities: %x=duplicated:double
; arguments: %x=[0.5,2.0,0.7,3.0,1.0] %n=5
; EXPECT loops: loop %head, depth 1: continues while 2 + i ne %n; leaves %latch to %exit
; EXPECT cfg: %latch: from %head %change, dominated by %head; to %exit %head
; EXPECT plan: %large: 1 byte per iteration, cheaper to keep than to compute again
define i32 @conditional_store(ptr noalias %x, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 1, %entry ], [ %i.next, %latch ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %q = getelementptr inbounds i8, ptr %p, i64 -8
  %u = load double, ptr %q, align 8
  %large = fcmp ogt double %v, %u
  br i1 %large, label %change, label %latch

change:
  %sum = fadd double %v, %u
  store double %sum, ptr %p, align 8
  br label %latch

latch:
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  ret i32 0
}
