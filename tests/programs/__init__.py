"""The corpus: one small program per construct, by family. `PROGRAMS` has them all by name."""

from numzyme.testing.program import Program

from . import (
    arrays,
    beyond_numba,
    blas,
    calls,
    caught,
    complex_numbers,
    containers,
    exceptions,
    generalized,
    language,
    linear_algebra,
    loops,
    mathematics,
    mutation,
    numpy_functions,
    optional,
    records,
    results,
    several_results,
    values,
    views,
)

PROGRAMS: dict[str, Program] = {}
FAMILIES = (
    loops, mutation, arrays, views, linear_algebra, mathematics, calls, values, exceptions, caught, results,
    several_results, complex_numbers, containers, language, optional, numpy_functions, records,
    generalized, blas, beyond_numba
)  # fmt: skip
for family in FAMILIES:
    clash = PROGRAMS.keys() & family.CORPUS.keys()
    if clash:
        raise ValueError(f"two programs are called {clash}")
    PROGRAMS.update(family.CORPUS)
