; A loop that is left at its end or by a break: the sum of x[i]**2 until an entry of stop is set.
; The iteration in which it was left is known only at run time.
; activities: %out=duplicated:double %x=duplicated:double %stop=const:i8
; arguments: %out=zeros(1) %x=uniform(6) %stop=[0,0,0,1,0,0] %n=6
; arguments: %out=zeros(1) %x=uniform(6) %stop=[0,0,0,0,0,0] %n=6
; arguments: %out=zeros(1) %x=uniform(6) %stop=[1,0,0,0,0,0] %n=6
; EXPECT loops: loop %head, depth 1: not counted; leaves %head to %out.break, %body to %out.end
; EXPECT loops: %i = i in iteration i
; EXPECT kinds: argument(%stop) holds i8 (given)
; EXPECT activity: memory with a shadow: argument(%out) argument(%x)
define i32 @two_exits(ptr noalias %out, ptr noalias %x, ptr noalias %stop, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %body ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %body ]
  %stop.p = getelementptr inbounds i8, ptr %stop, i64 %i
  %flag = load i8, ptr %stop.p, align 1
  %stopped = icmp ne i8 %flag, 0
  br i1 %stopped, label %out.break, label %body

body:
  %x.p = getelementptr inbounds double, ptr %x, i64 %i
  %xi = load double, ptr %x.p, align 8
  %square = fmul double %xi, %xi
  %sum.next = fadd double %sum, %square
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %out.end, label %head

out.break:
  %sum.break = phi double [ %sum, %head ]
  %tripled = fmul double %sum.break, 3.0
  br label %join

out.end:
  %sum.end = phi double [ %sum.next, %body ]
  br label %join

join:
  %result = phi double [ %tripled, %out.break ], [ %sum.end, %out.end ]
  store double %result, ptr %out, align 8
  ret i32 0
}
