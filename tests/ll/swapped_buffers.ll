; Two buffers that a loop swaps, as time steppers do: both pointers are phis and may point at either.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1) %n=4
; arguments: %out=zeros(1) %x=uniform(1) %n=1
; EXPECT memory: %old points at allocation(%a), allocation(%b)
; EXPECT memory: %new points at allocation(%a), allocation(%b)
; EXPECT memory: %v, read from allocation(%a), allocation(%b), may be overwritten later
; EXPECT loops: loop %head, depth 1: continues while 1 + i ne %n; leaves %head to %exit
; EXPECT activity: memory with a shadow: allocation(%a) allocation(%b) argument(%out) argument(%x)
; EXPECT plan: %v: 8 bytes per iteration, read from memory that is overwritten later
define i32 @swapped_buffers(ptr noalias %out, ptr noalias %x, i64 %n) {
entry:
  %a = call noalias ptr @numzyme.allocate.tape(i64 8)
  %b = call noalias ptr @numzyme.allocate.tape(i64 8)
  %x0 = load double, ptr %x, align 8
  store double %x0, ptr %a, align 8
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %old = phi ptr [ %a, %entry ], [ %new, %head ]
  %new = phi ptr [ %b, %entry ], [ %old, %head ]
  %v = load double, ptr %old, align 8
  %square = fmul double %v, %v
  %sine = call double @llvm.sin.f64(double %square)
  store double %sine, ptr %new, align 8
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

exit:
  %last = phi ptr [ %new, %head ]
  %result = load double, ptr %last, align 8
  store double %result, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
declare noalias ptr @numzyme.allocate.tape(i64)
