; Numba's wrapper of BLAS: ddot of two vectors.
; activities: %out=duplicated:double %x=duplicated:double %y=duplicated:double
; arguments: %out=zeros(1) %x=uniform(5) %y=uniform(5) %n=5
; EXPECT memory: in %entry, argument(%out) is written: %ignored = call i32 @numba_xxdot(i8 100, i8 0, i64 %n, ptr %x, ptr %y, ptr %out)
; EXPECT activity: memory with a shadow: argument(%out) argument(%x) argument(%y)
define i32 @dot_helper(ptr noalias %out, ptr noalias %x, ptr noalias %y, i64 %n) {
entry:
  %ignored = call i32 @numba_xxdot(i8 100, i8 0, i64 %n, ptr %x, ptr %y, ptr %out)
  ret i32 0
}

declare i32 @numba_xxdot(i8, i8, i64, ptr, ptr, ptr)
