; A buffer made on one path only; on the other path the argument itself is used.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1) %copy=1
; arguments: %out=zeros(1) %x=uniform(1) %copy=0
; EXPECT memory: %p points at allocation(%buffer), argument(%x)
; EXPECT activity: memory with a shadow: allocation(%buffer) argument(%out) argument(%x)
define i32 @allocation_on_one_path(ptr noalias %out, ptr noalias %x, i1 %copy) {
entry:
  br i1 %copy, label %make, label %join

make:
  %buffer = call noalias ptr @numzyme.allocate.tape(i64 8)
  %v = load double, ptr %x, align 8
  %tripled = fmul double %v, 3.0
  store double %tripled, ptr %buffer, align 8
  br label %join

join:
  %p = phi ptr [ %x, %entry ], [ %buffer, %make ]
  %w = load double, ptr %p, align 8
  %square = fmul double %w, %w
  store double %square, ptr %p, align 8
  %again = load double, ptr %p, align 8
  %sine = call double @llvm.sin.f64(double %again)
  store double %sine, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
declare noalias ptr @numzyme.allocate.tape(i64)
