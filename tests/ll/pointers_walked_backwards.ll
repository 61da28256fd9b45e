; Pointers at known places behind a meminfo, read from the last to the first by an index: the way Numba walks a list.
; Regression: what an index leads to was thought to be behind the place from which it starts.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(2)
; EXPECT memory: %p points at allocation(%first), allocation(%second)
define i32 @pointers_walked_backwards(ptr noalias %out, ptr noalias %x) {
entry:
  %first = call noalias ptr @numzyme.allocate(i64 72)
  %second = call noalias ptr @numzyme.allocate(i64 72)
  %rows = call noalias ptr @numzyme.allocate(i64 80)
  %first.data = getelementptr i8, ptr %first, i64 64
  %second.data = getelementptr i8, ptr %second, i64 64
  %a = load double, ptr %x, align 8
  store double %a, ptr %first.data, align 8
  %x1 = getelementptr i8, ptr %x, i64 8
  %b = load double, ptr %x1, align 8
  store double %b, ptr %second.data, align 8
  %row0 = getelementptr i8, ptr %rows, i64 64
  %row1 = getelementptr i8, ptr %rows, i64 72
  store ptr %first.data, ptr %row0, align 8
  store ptr %second.data, ptr %row1, align 8
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %loop ]
  %back = sub i64 0, %i
  %place = getelementptr ptr, ptr %row1, i64 %back
  %p = load ptr, ptr %place, align 8
  %v = load double, ptr %p, align 8
  %square = fmul double %v, %v
  %half = fmul double %sum, 0.5
  %sum.next = fadd double %half, %square
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, 2
  br i1 %done, label %end, label %loop
end:
  %sum.out = phi double [ %sum.next, %loop ]
  store double %sum.out, ptr %out, align 8
  ret i32 0
}

declare noalias ptr @numzyme.allocate(i64)
