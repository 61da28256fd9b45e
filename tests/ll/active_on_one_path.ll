; A pointer that is differentiable on one path and constant on the other: which shadow to use is unknown. Refused.
; activities: %out=duplicated:double %x=duplicated:double %y=const:double
; REFUSED: a pointer is differentiable on one path and constant on another
; EXPECT memory: %p points at argument(%x), argument(%y)
; EXPECT activity: memory with a shadow: argument(%out) argument(%x)
define i32 @active_on_one_path(ptr noalias %out, ptr noalias %x, ptr noalias %y, i1 %which) {
entry:
  br i1 %which, label %left, label %join

left:
  br label %join

join:
  %p = phi ptr [ %x, %left ], [ %y, %entry ]
  %v = load double, ptr %p, align 8
  store double %v, ptr %out, align 8
  ret i32 0
}
