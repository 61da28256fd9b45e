"""Private copies of Numba's typing templates, so that two targets never see each other's compiled functions.

Numba keeps the overloads that it compiled in dictionaries on the template *class*, not keyed by target, and it
interns function types by template. A compilation for one target between typing and lowering of another would
leave the wrong entry points there. Invariant: a typing context whose registries are loaded through
`PrivateLoader` holds no template class with such a dictionary in common with any other context.
"""

from __future__ import annotations

from collections.abc import Generator
from types import FunctionType
from typing import Any

from numba.core import types
from numba.core.typing import templates

_STATE = ("_impl_cache", "_compiled_overloads", "_inline_overloads", "_overload_cache")


class PrivateLoader(templates.RegistryLoader):
    """Loads a typing registry with every stateful template replaced by this loader's own copy."""

    def __init__(self, registry: Any, copies: dict[type, type]) -> None:
        super().__init__(registry)
        self._copies = copies

    def new_registrations(self, name: str) -> Generator[Any, None, None]:
        for item in super().new_registrations(name):
            if name == "globals":
                value, kind = item
                yield value, self._function_type(kind)
            else:
                yield self._template(item)

    def _function_type(self, kind: Any) -> Any:
        if type(kind) is not types.Function:
            return kind
        own = tuple(self._template(template) for template in kind.templates)
        return kind if own == tuple(kind.templates) else types.Function(own)

    def _template(self, template: type) -> type:
        state: dict[str, Any] = {name: {} for name in _STATE if hasattr(template, name)}
        if not state:
            return template
        if template not in self._copies:
            if issubclass(template, templates._OverloadMethodTemplate):
                state.update(_method_identity(template))
            self._copies[template] = type(template.__name__, (template,), state)
        return self._copies[template]


def _method_identity(template: Any) -> dict[str, Any]:
    """Attributes that make bound methods of the copy types of their own.

    A bound method is interned by the function that implements it, and remembers the context that made it:
    the copy names another function object, and resolves through the original one.
    """
    original = template._overload_func
    twin = FunctionType(
        original.__code__, original.__globals__, original.__name__, original.__defaults__, original.__closure__
    )
    twin.__kwdefaults__ = original.__kwdefaults__

    def function_type(cls: type, typing_context: Any, kind: Any) -> Any:
        return typing_context.resolve_value_type(original)

    return {"_overload_func": staticmethod(twin), "_get_function_type": classmethod(function_type)}
