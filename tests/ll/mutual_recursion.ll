; Two functions that call each other, on memory.
; activities: %x=duplicated:double
; arguments: %x=uniform(1) %n=0
; arguments: %x=uniform(1) %n=5
; EXPECT memory: in %go, argument(%x) is written: %status = call i32 @odd(ptr %x, i64 %less)
; EXPECT activity: memory with a shadow: argument(%x)
define i32 @even(ptr noalias %x, i64 %n) {
entry:
  %last = icmp eq i64 %n, 0
  br i1 %last, label %end, label %go

go:
  %v = load double, ptr %x, align 8
  %sine = call double @llvm.sin.f64(double %v)
  store double %sine, ptr %x, align 8
  %less = add nsw i64 %n, -1
  %status = call i32 @odd(ptr %x, i64 %less)
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %error, label %end

error:
  ret i32 %status

end:
  ret i32 0
}

define internal i32 @odd(ptr %x, i64 %n) {
entry:
  %last = icmp eq i64 %n, 0
  br i1 %last, label %end, label %go

go:
  %v = load double, ptr %x, align 8
  %square = fmul double %v, %v
  store double %square, ptr %x, align 8
  %less = add nsw i64 %n, -1
  %status = call i32 @even(ptr %x, i64 %less)
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %error, label %end

error:
  ret i32 %status

end:
  ret i32 0
}

declare double @llvm.sin.f64(double)
