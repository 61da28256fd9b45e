; A kept call in a loop: each call has a frame of its own. The callee works in place on an array and may fail.
; activities: %x=duplicated:double %s=active
; arguments: %x=uniform(4) %s=uniform %n=4
; arguments: %x=[0.5,0.7,-1,2] %s=uniform %n=4 status=1
; EXPECT loops: loop %head, depth 1: continues while 1 + i ne %n; leaves %body to %exit
; EXPECT memory: in %head, argument(%x) is written: %status = call i32 @callee(ptr null, ptr %p, double %s)
; EXPECT plan: %"frame of status": 8 bytes per iteration, the memory of a differentiated call
define i32 @call_in_loop(ptr noalias %x, double %s, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %body ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %status = call i32 @callee(ptr null, ptr %p, double %s)
  %good = icmp eq i32 %status, 0
  br i1 %good, label %body, label %bad

body:
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %head

bad:
  ret i32 1

exit:
  ret i32 0
}

define internal i32 @callee(ptr %unused, ptr %p, double %s) {
entry:
  %v = load double, ptr %p, align 8
  %negative = fcmp olt double %v, 0.0
  br i1 %negative, label %bad, label %head

bad:
  ret i32 1

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %w = phi double [ %v, %entry ], [ %w.next, %head ]
  %scaled = fmul double %w, %s
  %w.next = call double @llvm.sin.f64(double %scaled)
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, 3
  br i1 %done, label %exit, label %head

exit:
  %result = phi double [ %w.next, %head ]
  store double %result, ptr %p, align 8
  ret i32 0
}

declare double @llvm.sin.f64(double)
