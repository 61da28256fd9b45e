; A switch whose cases join in one block: which case ran is found again in the reverse sweep.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1) %which=0
; arguments: %out=zeros(1) %x=uniform(1) %which=1
; arguments: %out=zeros(1) %x=uniform(1) %which=7
; arguments: %out=zeros(1) %x=uniform(1) %which=2
; EXPECT cfg: %entry: the entry; to %default %sine %cosine
; EXPECT cfg: %join: from %cosine %sine %default, dominated by %entry; to ret i32 0
; EXPECT activity: active values: %v %c %s %d %result %square
define i32 @switch_join(ptr noalias %out, ptr noalias %x, i64 %which) {
entry:
  %v = load double, ptr %x, align 8
  switch i64 %which, label %default [
    i64 0, label %sine
    i64 1, label %cosine
    i64 7, label %cosine
  ]

sine:
  %s = call double @llvm.sin.f64(double %v)
  br label %join

cosine:
  %c = call double @llvm.cos.f64(double %v)
  br label %join

default:
  %d = fmul double %v, %v
  br label %join

join:
  %result = phi double [ %s, %sine ], [ %c, %cosine ], [ %d, %default ]
  %square = fmul double %result, %result
  store double %square, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
declare double @llvm.cos.f64(double)
