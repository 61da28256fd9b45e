; Numba's loop for an integer power, by repeated squaring: two loop-carried values, one updated only for odd bits.
; activities: %out=duplicated:double %x=active
; arguments: %out=zeros(1) %x=uniform %n=13
; arguments: %out=zeros(1) %x=uniform %n=1
; arguments: %out=zeros(1) %x=uniform %n=0
; EXPECT loops: loop %head, depth 1: not counted; leaves %head to %exit
; EXPECT activity: active values: %x %base %power %result %power.odd %power.next %base.next
define i32 @power_loop(ptr noalias %out, double %x, i64 %n) {
entry:
  br label %head

head:
  %left = phi i64 [ %n, %entry ], [ %left.next, %body ]
  %base = phi double [ %x, %entry ], [ %base.next, %body ]
  %power = phi double [ 1.0, %entry ], [ %power.next, %body ]
  %more = icmp ne i64 %left, 0
  br i1 %more, label %body, label %exit

body:
  %bit = and i64 %left, 1
  %odd = icmp ne i64 %bit, 0
  %power.odd = fmul double %power, %base
  %power.next = select i1 %odd, double %power.odd, double %power
  %base.next = fmul double %base, %base
  %left.next = lshr i64 %left, 1
  br label %head

exit:
  %result = phi double [ %power, %head ]
  store double %result, ptr %out, align 8
  ret i32 0
}
