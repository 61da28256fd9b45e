; A select keeps the derivative of the side that was chosen.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=[1.5,1.25]
; arguments: %out=zeros(1) %x=[1.25,1.5]
; EXPECT activity: active values: %a %b %a2 %larger
; EXPECT plan: nothing is stored
define i32 @select_max(ptr noalias %out, ptr noalias %x) {
entry:
  %a = load double, ptr %x, align 8
  %p = getelementptr inbounds i8, ptr %x, i64 8
  %b = load double, ptr %p, align 8
  %a2 = fmul double %a, %a
  %above = fcmp ogt double %a, %b
  %larger = select i1 %above, double %a2, double %b
  store double %larger, ptr %out, align 8
  ret i32 0
}
