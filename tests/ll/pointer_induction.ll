; A loop over pointers instead of indices, one of them with a stride known at run time.
; activities: %out=duplicated:double %x=duplicated:double %y=duplicated:double
; arguments: %out=zeros(1) %x=uniform(4) %y=uniform(8) %n=4 %stride=16
; arguments: %out=zeros(1) %x=uniform(4) %y=uniform(8) %n=4 %stride=0
; EXPECT loops: %p = %x + 8*i bytes in iteration i
; EXPECT loops: %q = %y + %stride*i bytes in iteration i
; EXPECT loops: loop %head, depth 1: continues while %n - 1 - i ne 0; leaves %head to %exit
; EXPECT memory: %q points at argument(%y)
; EXPECT plan: nothing is stored
define i32 @pointer_induction(ptr noalias %out, ptr noalias %x, ptr noalias %y, i64 %n, i64 %stride) {
entry:
  br label %head

head:
  %left = phi i64 [ %n, %entry ], [ %left.next, %head ]
  %p = phi ptr [ %x, %entry ], [ %p.next, %head ]
  %q = phi ptr [ %y, %entry ], [ %q.next, %head ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %head ]
  %a = load double, ptr %p, align 8
  %b = load double, ptr %q, align 8
  %product = fmul double %a, %b
  %sum.next = fadd double %sum, %product
  %p.next = getelementptr inbounds i8, ptr %p, i64 8
  %q.next = getelementptr i8, ptr %q, i64 %stride
  %left.next = add nsw i64 %left, -1
  %done = icmp eq i64 %left.next, 0
  br i1 %done, label %exit, label %head

exit:
  %result = phi double [ %sum.next, %head ]
  store double %result, ptr %out, align 8
  ret i32 0
}
