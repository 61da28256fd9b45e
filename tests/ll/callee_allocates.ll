; A kept call whose callee works in a fresh buffer, twice with the same memory: frames and buffers come from the arena.
; activities: %x=duplicated:double
; arguments: %x=uniform(3) %n=3
; EXPECT memory: in %entry, argument(%x) is written: %s1 = call i32 @callee(ptr null, ptr %x, i64 %n)
; EXPECT plan: %"frame of s1": 8 bytes, the memory of a differentiated call
define i32 @callee_allocates(ptr noalias %x, i64 %n) {
entry:
  %s1 = call i32 @callee(ptr null, ptr %x, i64 %n)
  %b1 = icmp eq i32 %s1, 0
  br i1 %b1, label %next, label %bad

next:
  %s2 = call i32 @callee(ptr null, ptr %x, i64 %n)
  %b2 = icmp eq i32 %s2, 0
  br i1 %b2, label %good, label %bad

bad:
  ret i32 1

good:
  ret i32 0
}

define internal i32 @callee(ptr %unused, ptr %x, i64 %n) {
entry:
  %bytes = shl i64 %n, 3
  %buffer = call noalias ptr @numzyme.allocate.tape(i64 %bytes)
  br label %fill

fill:
  %i = phi i64 [ 0, %entry ], [ %i.next, %fill ]
  %x.p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %x.p, align 8
  %sine = call double @llvm.sin.f64(double %v)
  %b.p = getelementptr inbounds double, ptr %buffer, i64 %i
  store double %sine, ptr %b.p, align 8
  %i.next = add nuw nsw i64 %i, 1
  %filled = icmp eq i64 %i.next, %n
  br i1 %filled, label %between, label %fill

between:
  br label %back

back:
  %j = phi i64 [ 0, %between ], [ %j.next, %back ]
  %b.q = getelementptr inbounds double, ptr %buffer, i64 %j
  %w = load double, ptr %b.q, align 8
  %square = fmul double %w, %w
  %x.q = getelementptr inbounds double, ptr %x, i64 %j
  store double %square, ptr %x.q, align 8
  %j.next = add nuw nsw i64 %j, 1
  %done = icmp eq i64 %j.next, %n
  br i1 %done, label %exit, label %back

exit:
  ret i32 0
}

declare double @llvm.sin.f64(double)
declare noalias ptr @numzyme.allocate.tape(i64)
