; A pointer chosen by a branch: its shadow is chosen alike.
; activities: %out=duplicated:double %x=duplicated:double %y=duplicated:double
; arguments: %out=zeros(1) %x=uniform(1) %y=uniform(1) %which=1
; arguments: %out=zeros(1) %x=uniform(1) %y=uniform(1) %which=0
; EXPECT memory: %p points at argument(%x), argument(%y)
; EXPECT memory: %v, read from argument(%x), argument(%y), is still there at the end
; EXPECT activity: active values: %v %square
; EXPECT plan: %"p.shadow": 8 bytes, carried by a loop or joined from branches
; EXPECT plan: %v: 8 bytes, read from memory that is overwritten later
define i32 @phi_of_pointers(ptr noalias %out, ptr noalias %x, ptr noalias %y, i1 %which) {
entry:
  br i1 %which, label %left, label %right

left:
  br label %join

right:
  br label %join

join:
  %p = phi ptr [ %x, %left ], [ %y, %right ]
  %v = load double, ptr %p, align 8
  %square = fmul double %v, %v
  store double %square, ptr %out, align 8
  ret i32 0
}
