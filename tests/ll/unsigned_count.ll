; A step of three towards an unsigned limit: the last of ceil(n / 3) iterations.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(8) %n=8
; arguments: %out=zeros(1) %x=uniform(8) %n=6
; arguments: %out=zeros(1) %x=uniform(8) %n=1
; EXPECT loops: loop %head, depth 1: continues while 3 + 3*i ult %n; leaves %head to %exit
; EXPECT loops: %i = 3*i in iteration i
; EXPECT plan: %sum: 8 bytes per iteration, carried by a loop or joined from branches
define i32 @unsigned_count(ptr noalias %out, ptr noalias %x, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %sum = phi double [ 1.0, %entry ], [ %sum.next, %head ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %square = fmul double %sum, %sum
  %sum.next = fmul double %square, %v
  %i.next = add nuw i64 %i, 3
  %more = icmp ult i64 %i.next, %n
  br i1 %more, label %head, label %exit

exit:
  %result = phi double [ %sum.next, %head ]
  store double %result, ptr %out, align 8
  ret i32 0
}
