"""Enzyme itself, on C++: the clang and Enzyme inside the `enzyme-ad` wheel compile the files of cpp/.

`cpp_call` compiles C++ for use inside JAX. The function that JAX calls only stores the addresses of the
compiled `primal` and `gradient` in its output; ctypes then calls these on NumPy buffers, so no JAX dispatch
is timed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .machine import cpu_flags
from .workload import Arguments, Peer, Workload

SOURCES = Path(__file__).parent / "cpp"


def flags() -> tuple[str, ...]:
    level = "x86-64-v4" if "avx512f" in cpu_flags() else "x86-64-v3" if "avx2" in cpu_flags() else "x86-64"
    return ("-O3", "-vectorize-loops", "-vectorize-slp", "-target-cpu", level)


def fast_flags() -> tuple[str, ...]:
    """Vector mathematics from glibc's libmvec (up to 4 ulp), wide vectors, and -ffast-math."""
    wide = ("-mprefer-vector-width=512",) if "avx512f" in cpu_flags() else ()
    return (*flags(), "-fveclib=libmvec", *wide, "-ffast-math")


def addresses(source: str, names: tuple[str, ...], arguments: tuple[str, ...]) -> list[int]:
    import jax
    import jax.numpy as jnp
    from enzyme_ad.jax import cpp_call

    jax.config.update("jax_enable_x64", True)
    stores = " ".join(f"out[{i}] = (int64_t)(void*){name};" for i, name in enumerate(names))
    out = f"enzyme::tensor<int64_t, {len(names)}>& out"
    entry = f"\nvoid report({out}, const enzyme::tensor<double, 1>& x) {{ {stores} }}\n"
    shape = jax.core.ShapedArray((len(names),), jnp.int64)
    call = jax.jit(lambda x: cpp_call(x, out_shapes=[shape], source=source + entry, fn="report", argv=arguments)[0])
    return [int(value) for value in np.asarray(call(jnp.ones(1)))]


def _as_c(value: object) -> tuple[type, object]:
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p, value.ctypes.data
    return (ctypes.c_long, value) if isinstance(value, int) else (ctypes.c_double, value)


def build(workload: Workload, arguments: Arguments, file: str, options: tuple[str, ...]) -> Peer:
    source = (SOURCES / "prelude.h").read_text() + (SOURCES / file).read_text()
    primal_address, gradient_address = addresses(source, ("primal", "gradient"), options)
    outputs = workload.new_outputs(arguments)
    types, values = zip(*(_as_c(argument) for argument in arguments), strict=True)
    output_types, output_values = zip(*(_as_c(output) for output in outputs), strict=True)
    primal = ctypes.CFUNCTYPE(ctypes.c_double, *types)(primal_address)
    gradient = ctypes.CFUNCTYPE(None, *types, *output_types)(gradient_address)

    def call() -> tuple[np.ndarray, ...]:
        gradient(*values, *output_values)
        return outputs

    return Peer(call, lambda: primal(*values))


def builder(file: str, options: Callable[[], tuple[str, ...]] = flags):
    return lambda workload, arguments: build(workload, arguments, file, options())


def fast_builder(file: str):
    def build_fast(workload: Workload, arguments: Arguments) -> Peer:
        ctypes.CDLL("libmvec.so.1", mode=ctypes.RTLD_GLOBAL)
        return build(workload, arguments, file, fast_flags())

    return build_fast
