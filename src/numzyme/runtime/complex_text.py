"""Powers of complex numbers by value, in LLVM text: one part each of what Numba's `**` gives.

That is what its `numba_cpow` writes to memory, and a product where the exponent is 2.
"""

from __future__ import annotations

API = ("power.real", "power.imag")
_FUNCTION = """
define double @numzyme.{name}(double %a.real, double %a.imag, double %b.real, double %b.imag) {{
  %is.two = fcmp oeq double %b.real, 2.0
  %is.real = fcmp oeq double %b.imag, 0.0
  %is.square = and i1 %is.two, %is.real
  br i1 %is.square, label %square, label %power
square:
  %first = fmul double {first}
  %second = fmul double {second}
  %product = {operation} double %first, %second
  ret double %product
power:
  %a = alloca {{ double, double }}
  %b = alloca {{ double, double }}
  %out = alloca {{ double, double }}
  %a.imag.at = getelementptr i8, ptr %a, i64 8
  %b.imag.at = getelementptr i8, ptr %b, i64 8
  store double %a.real, ptr %a
  store double %a.imag, ptr %a.imag.at
  store double %b.real, ptr %b
  store double %b.imag, ptr %b.imag.at
  call void @numba_cpow(ptr %a, ptr %b, ptr %out)
  %result.at = getelementptr i8, ptr %out, i64 {offset}
  %result = load double, ptr %result.at
  ret double %result
}}
"""
_SQUARES = {
    "power.real": {"first": "%a.real, %a.real", "second": "%a.imag, %a.imag", "operation": "fsub"},
    "power.imag": {"first": "%a.real, %a.imag", "second": "%a.imag, %a.real", "operation": "fadd"},
}


def definitions() -> str:
    """The module with both functions."""
    functions = [
        _FUNCTION.format(name=name, offset=8 * n, **square) for n, (name, square) in enumerate(_SQUARES.items())
    ]
    return "declare void @numba_cpow(ptr, ptr, ptr)\n" + "".join(functions)
