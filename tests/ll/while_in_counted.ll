; A loop of unknown count in a counted one, in place on an array.
; activities: %x=duplicated:double
; arguments: %x=[0.3,2.5,7.0,0.01] %n=4
; EXPECT loops: loop %outer, depth 1: continues while 1 + i ne %n; leaves %outer.latch to %exit
; EXPECT loops: loop %inner, depth 2: not counted; leaves %inner to %outer.latch
; EXPECT plan: %w: 8 bytes per iteration of a nest of 2 loops, carried by a loop or joined from branches
define i32 @while_in_counted(ptr noalias %x, i64 %n) {
entry:
  br label %outer

outer:
  %i = phi i64 [ 0, %entry ], [ %i.next, %outer.latch ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  br label %inner

inner:
  %w = phi double [ %v, %outer ], [ %w.next, %body ]
  %large = fcmp ogt double %w, 2.500000e-01
  br i1 %large, label %body, label %outer.latch

body:
  %cube.a = fmul double %w, %w
  %cube = fmul double %cube.a, %w
  %lower = fadd double %cube, 1.0
  %ratio = fdiv double %cube.a, %lower
  %w.next = fmul double %ratio, 5.000000e-01
  br label %inner

outer.latch:
  %w.exit = phi double [ %w, %inner ]
  store double %w.exit, ptr %p, align 8
  %i.next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %i.next, %n
  br i1 %done, label %exit, label %outer

exit:
  ret i32 0
}
