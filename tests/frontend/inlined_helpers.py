"""A function that Numba, not LLVM, inlines: its lines are in this file."""

from numba import njit

LINE_OF_PRODUCT = 10


@njit(inline="always")
def cube_plus(a, b):
    product = a * b * a
    return product + b
