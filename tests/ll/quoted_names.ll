; Names as Numba mangles them: quotes, dots, dollar signs, blanks.
; symbol: f(x: float, $1)
; activities: %"ret-ptr"=duplicated:double %"arg.x[0]"=duplicated:double
; arguments: %"ret-ptr"=zeros(1) %"arg.x[0]"=uniform(3) %n=3
; EXPECT cfg: %"loop head": from %entry %"loop head", dominated by %entry; to %$exit %"loop head"
; EXPECT loops: loop %"loop head", depth 1: continues while 1 + i ne %n; leaves %"loop head" to %$exit
; EXPECT activity: memory with a shadow: argument(%"arg.x[0]") argument(%"ret-ptr")
define i32 @"f(x: float, $1)"(ptr noalias %"ret-ptr", ptr noalias %"arg.x[0]", i64 %n) {
entry:
  br label %"loop head"

"loop head":
  %"$i.1" = phi i64 [ 0, %entry ], [ %"i, next", %"loop head" ]
  %"sum (of squares)" = phi double [ 0.0, %entry ], [ %.5, %"loop head" ]
  %p = getelementptr inbounds double, ptr %"arg.x[0]", i64 %"$i.1"
  %"v{0}" = load double, ptr %p, align 8
  %-1 = fmul double %"v{0}", %"v{0}"
  %.5 = fadd double %"sum (of squares)", %-1
  %"i, next" = add nuw nsw i64 %"$i.1", 1
  %done = icmp eq i64 %"i, next", %n
  br i1 %done, label %$exit, label %"loop head"

$exit:
  %result = phi double [ %.5, %"loop head" ]
  store double %result, ptr %"ret-ptr", align 8
  ret i32 0
}
