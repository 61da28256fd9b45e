; A loop that runs only on one side of a branch, after which both sides join.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(4) %n=4
; arguments: %out=zeros(1) %x=uniform(4) %n=0
; EXPECT loops: loop %head, depth 1: continues while 1 + i ne %n; leaves %head to %after
; EXPECT cfg: %join: from %entry %after, dominated by %entry; to ret i32 0
; EXPECT plan: %v: 8 bytes per iteration, read from memory that is overwritten later
define i32 @loop_in_branch(ptr noalias %out, ptr noalias %x, i64 %n) {
entry:
  %empty = icmp eq i64 %n, 0
  br i1 %empty, label %join, label %enter

enter:
  br label %head

head:
  %i = phi i64 [ 0, %enter ], [ %i.next, %head ]
  %sum = phi double [ 0.0, %enter ], [ %sum.next, %head ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %square = fmul double %v, %v
  store double %square, ptr %p, align 8
  %sum.next = fadd double %sum, %square
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %after, label %head

after:
  %sum.after = phi double [ %sum.next, %head ]
  br label %join

join:
  %result = phi double [ 5.0, %entry ], [ %sum.after, %after ]
  store double %result, ptr %out, align 8
  ret i32 0
}
