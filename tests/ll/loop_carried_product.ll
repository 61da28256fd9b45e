; A product carried through a loop: every partial product is needed backwards.
; activities: %out=duplicated:double %x=duplicated:double
; arguments: %out=zeros(1) %x=uniform(5) %n=5
; arguments: %out=zeros(1) %x=uniform(5) %n=1
; EXPECT loops: loop %head, depth 1: continues while 1 + i slt %n; leaves %head to %exit
; EXPECT activity: active values: %product %v %product.next %result
; EXPECT plan: %product: 8 bytes per iteration, carried by a loop or joined from branches
define i32 @loop_carried_product(ptr noalias %out, ptr noalias %x, i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %i.next, %head ]
  %product = phi double [ 1.0, %entry ], [ %product.next, %head ]
  %p = getelementptr inbounds double, ptr %x, i64 %i
  %v = load double, ptr %p, align 8
  %product.next = fmul double %product, %v
  %i.next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %i.next, %n
  br i1 %more, label %head, label %exit

exit:
  %result = phi double [ %product.next, %head ]
  store double %result, ptr %out, align 8
  ret i32 0
}
