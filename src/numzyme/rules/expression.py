"""The little language in which partial derivatives are written: one line of mathematics each.

An `Expression` is built by calling a rule's lambda with symbols. The same lambda works on numbers (mpmath in the tests)
and is turned into LLVM by `derive`; an expression prints itself (documentation). Invariant: it has no side effect and
the same value wherever its symbols have the same values, so it may be computed in either sweep.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A node: `operator` is add, subtract, multiply, divide, negate, call, compare, where, number (an integer of 32
    bits as a float), symbol or constant."""

    operator: str
    arguments: tuple = ()
    name: str = ""

    def __add__(self, other):
        return _binary("add", self, other)

    def __radd__(self, other):
        return _binary("add", other, self)

    def __sub__(self, other):
        return _binary("subtract", self, other)

    def __rsub__(self, other):
        return _binary("subtract", other, self)

    def __mul__(self, other):
        return _binary("multiply", self, other)

    def __rmul__(self, other):
        return _binary("multiply", other, self)

    def __truediv__(self, other):
        return _binary("divide", self, other)

    def __rtruediv__(self, other):
        return _binary("divide", other, self)

    def __neg__(self):
        return Expression("negate", (self,))

    def __lt__(self, other):
        return Expression("compare", (self, lift(other)), "olt")

    def __gt__(self, other):
        return Expression("compare", (self, lift(other)), "ogt")

    def __ge__(self, other):
        return Expression("compare", (self, lift(other)), "oge")

    def __le__(self, other):
        return Expression("compare", (self, lift(other)), "ole")

    def equals(self, other) -> Expression:
        return Expression("compare", (self, lift(other)), "oeq")

    def __str__(self) -> str:
        if self.operator in ("symbol", "constant"):
            return self.name
        if self.operator == "call":
            return f"{self.name}({', '.join(map(str, self.arguments))})"
        if self.operator == "number":
            return str(self.arguments[0])
        if self.operator == "negate":
            return f"-{self.arguments[0]}"
        if self.operator == "where":
            return f"where({', '.join(map(str, self.arguments))})"
        signs = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
        comparisons = {"olt": "<", "ogt": ">", "oge": ">=", "ole": "<=", "oeq": "=="}
        sign = signs.get(self.operator) or comparisons[self.name]
        return f"({self.arguments[0]} {sign} {self.arguments[1]})"

    def symbols(self) -> set[str]:
        """Names of the symbols that the expression reads."""
        if self.operator == "symbol":
            return {self.name}
        return set().union(*(a.symbols() for a in self.arguments)) if self.arguments else set()


def symbol(name: str) -> Expression:
    return Expression("symbol", (), name)


def lift(value) -> Expression:
    """A number or an expression as an expression."""
    return value if isinstance(value, Expression) else Expression("constant", (), repr(float(value)))


def _binary(operator: str, a, b) -> Expression:
    return Expression(operator, (lift(a), lift(b)))


def call(name: str, *arguments) -> Expression:
    return Expression("call", tuple(lift(a) for a in arguments), name)


def where(condition: Expression, a, b) -> Expression:
    return Expression("where", (condition, lift(a), lift(b)))
