; A Python object made of a differentiated value goes to something else than `print`, which might compute with it.
; EXPECT activity: memory with a shadow: argument(%out) argument(%x)
; activities: %out=duplicated:double %x=duplicated:double
; REFUSED: a differentiated value is handed to Python
define i32 @python_object_of_float(ptr noalias %out, ptr noalias %x) {
entry:
  %v = load double, ptr %x, align 8
  %object = call ptr @PyFloat_FromDouble(double %v)
  %double = call ptr @PyNumber_Multiply(ptr %object, ptr %object)
  %w = call double @PyFloat_AsDouble(ptr %double)
  store double %w, ptr %out, align 8
  ret i32 0
}

declare ptr @PyFloat_FromDouble(double)
declare ptr @PyNumber_Multiply(ptr, ptr)
declare double @PyFloat_AsDouble(ptr)
