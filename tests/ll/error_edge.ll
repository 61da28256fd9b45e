; A check inside a loop leads to an error return: the loop still has one exit that counts, so its count is known.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(4) %n=4
; arguments: %out=zeros(1) %x=[1,2,0,4] %n=4 status=1
; EXPECT cfg: %bad: from %head, dominated by %head; to ret i32 1 (error edge: never reversed)
; EXPECT loops: loop %head, depth 1: continues while 1 + i slt %n; leaves %body to %exit
; EXPECT plan: nothing is stored
define i32 @error_edge(ptr noalias %out, ptr noalias %x, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %body ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %body ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %zero = fcmp oeq double %v, 0.0
  br i1 %zero, label %bad, label %body

body:
  %inverse = fdiv double 1.0, %v
  %sum.next = fadd double %sum, %inverse
  %i.next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %i.next, %n
  br i1 %more, label %head, label %exit

bad:
  ret i32 1

exit:
  %result = phi double [ %sum.next, %body ]
  store double %result, ptr %out, align 8
  ret i32 0
}
