"""Powers of complex numbers by value, in LLVM text: one part each of what Numba's `numba_cpow` writes to memory."""

from __future__ import annotations

API = ("power.real", "power.imag")
_FUNCTION = """
define double @numzyme.{name}(double %a.real, double %a.imag, double %b.real, double %b.imag) {{
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


def definitions() -> str:
    """The module with both functions."""
    functions = [_FUNCTION.format(name=name, offset=offset) for name, offset in zip(API, (0, 8), strict=True)]
    return "declare void @numba_cpow(ptr, ptr, ptr)\n" + "".join(functions)
