; LLVM stores float constants as integers: zero and one, in the middle of differentiable memory.
; activities: %x=duplicated:double
; arguments: %x=uniform(3)
; EXPECT memory: in %entry, argument(%x) is written: store i64 0, ptr %x, align 8
; EXPECT activity: active values: %v %square
define i32 @integer_constant_stores(ptr noalias %x) {
entry:
  %v = load double, ptr %x, align 8
  store i64 0, ptr %x, align 8
  %square = fmul double %v, %v
  %p = getelementptr inbounds i8, ptr %x, i64 8
  store i64 4607182418800017408, ptr %p, align 8
  %q = getelementptr inbounds i8, ptr %x, i64 16
  store double %square, ptr %q, align 8
  ret i32 0
}
