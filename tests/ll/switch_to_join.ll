; Cases of a switch that go straight to the join: a phi has one entry for each edge, two of them from one block.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1) %which=0
; arguments: %out=zeros(1) %x=uniform(1) %which=1
; arguments: %out=zeros(1) %x=uniform(1) %which=7
; arguments: %out=zeros(1) %x=uniform(1) %which=2
; EXPECT cfg: %join: from %entry %sine %default, dominated by %entry; to ret i32 0
; EXPECT activity: active values: %v %s %d %result %square
define i32 @switch_to_join(ptr noalias %out, ptr noalias %x, i64 %which) {
entry:
  %v = load double, ptr %x, align 8
  switch i64 %which, label %default [
    i64 0, label %sine
    i64 1, label %join
    i64 7, label %join
  ]

sine:
  %s = call double @llvm.sin.f64(double %v)
  br label %join

default:
  %d = fmul double %v, %v
  br label %join

join:
  %result = phi double [ %s, %sine ], [ %v, %entry ], [ %v, %entry ], [ %d, %default ]
  %square = fmul double %result, %result
  store double %square, ptr %out, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
