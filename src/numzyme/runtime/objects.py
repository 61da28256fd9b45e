"""Machine code as bytes that another process can load: out of Numba's libraries, and into Numba's engine.

Decides which code can be moved: it names what it needs from outside, and all of that is found by name again. Code with
addresses or Python objects of this process in it is not. Invariant: nothing is given to the engine that names something
which this process does not have, for the engine would end the process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import require_global_compiler_lock
from numba.core.registry import cpu_target

from .machine_code import ENVIRONMENT_PREFIX

# By-value pickles of Numba, of classes that could not be imported: another process would make other classes of them.
_PICKLED_BY_VALUE = b"cloudpickle"


@dataclass(frozen=True)
class ObjectCode:
    """`content`: an object file; `needs`: the symbols that must be known before it is loaded."""

    content: bytes
    needs: tuple[str, ...]


def object_code(library: JITCodeLibrary, environment: str | None = None) -> ObjectCode | None:
    """The machine code of a finished library; None when it is of use in this process only.

    `environment`: the name of the one Numba environment that may be in it, for the caller knows what is in there.
    """
    if library.has_dynamic_globals:
        return None
    content = library._get_compiled_object()
    module = library._final_module
    values = (*module.functions, *module.global_variables)
    environments = {value.name for value in values if value.name.startswith(ENVIRONMENT_PREFIX)}
    if _PICKLED_BY_VALUE in content or not environments <= {environment}:
        return None
    needs = {value.name for value in values if value.is_declaration and not value.name.startswith("llvm.")}
    return ObjectCode(content, tuple(sorted(needs)))


def missing(needs: Iterable[str]) -> list[str]:
    """The symbols among `needs` that this process does not have."""
    return [name for name in needs if llvm.address_of_symbol(name) is None]


_loaded: list[Any] = []  # as long as the process, as all code of Numba's engine


def load_object(content: bytes) -> None:
    """Give an object file to Numba's engine; the caller holds Numba's compiler lock, and nothing is `missing`."""
    require_global_compiler_lock()
    engine = _code_generator()._engine
    file = llvm.ObjectFileRef.from_data(content)
    engine._ee.add_object_file(file)
    engine.finalize_object()
    _loaded.append((file, content))


def address_in_engine(symbol: str) -> int:
    """The address of a function of a loaded object."""
    return _code_generator()._engine.get_function_address(symbol)


def set_environment(symbol: str, environment: Any) -> None:
    """Point the variable `symbol` of a loaded object at a Numba environment."""
    _code_generator().set_env(symbol, environment)


def _code_generator() -> Any:
    context: Any = cpu_target.target_context
    return context.codegen()
