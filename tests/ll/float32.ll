; Single precision throughout: shadows, stored values and the adjoint of the scalar are float too.
; activities: %out=duplicated:float %x=duplicated:float %s=active
; arguments: %out=zeros(1) %x=uniform(4) %s=uniform %n=4
; EXPECT kinds: argument(%x) holds float (given)
; EXPECT loops: %p = %x + 4*i bytes in iteration i
; EXPECT plan: %v: 4 bytes per iteration, read from memory that is overwritten later
define i32 @float32(ptr noalias %out, ptr noalias %x, float %s, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %p = phi ptr [ %x, %entry ], [ %p.next, %head ]
  %sum = phi float [ 0.0, %entry ], [ %sum.next, %head ]
  %v = load float, ptr %p, align 4
  %scaled = fmul float %v, %s
  %sine = call float @llvm.sin.f32(float %scaled)
  %sum.next = fadd float %sum, %sine
  store float %sum.next, ptr %p, align 4
  %p.next = getelementptr inbounds float, ptr %p, i64 1
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  %result = phi float [ %sum.next, %head ]
  store float %result, ptr %out, align 4
  ret i32 0
}

declare float @llvm.sin.f32(float)
