"""Types of objects that are reached from themselves: rings, trees whose nodes know their parents, graphs.

Decides that every reference to such an object is the address of its parts, so that its type may occur in its own
fields, and that objects of one class whose fields are alike have one type, however many there are: a loop may walk
along them. Invariant: a type is made from a table in which references to objects of the same component are numbers, so
equal components share compiled code; the fields are entered once the types exist.
"""

from __future__ import annotations

import hashlib
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.extending import register_model

from .kinds import DictType, MutableObjectType

_Dummy: Any = types.Dummy
# for each type of a component: class, fields bound anew, generation, fields and their kinds
Table = tuple[tuple[type, frozenset[str], int, tuple[tuple[str, Any], ...]], ...]


class Reference(_Dummy):
    """Stands for an object of the same component while the types are found; `number`: which type."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"reference({number})")


class _Cyclic:
    """What the two kinds of types have in common."""

    table: Table
    number: int
    fields: dict[str, Any]
    python_class: type

    def _describe(self, table: Table, number: int) -> str:
        self.table, self.number = table, number
        digest = hashlib.sha256(str(table).encode()).hexdigest()[:12]
        return f"{self.python_class.__module__}.{self.python_class.__qualname__}(cyclic {digest}.{number})"

    @property
    def key(self) -> Any:
        return type(self), self.table, self.number

    def enter(self, fields: dict[str, Any]) -> None:
        """Say what the kinds of the fields are, once."""
        if not self.fields:
            self.fields.update(fields)


class CyclicObjectType(_Cyclic, MutableObjectType):
    """An object in a cycle of references."""

    def __init__(self, table: Table, number: int) -> None:
        python_class, cells, _, _ = table[number]
        MutableObjectType.__init__(self, python_class, (), cells)
        self.name = self._describe(table, number)


class CyclicDictType(_Cyclic, DictType):
    """A dict in a cycle of references."""

    def __init__(self, table: Table, number: int) -> None:
        DictType.__init__(self, dict, (), table[number][1])
        self.name = self._describe(table, number)


def cyclic_type(table: Table, number: int) -> Any:
    """The type number `number` of a component."""
    return (CyclicDictType if table[number][0] is dict else CyclicObjectType)(table, number)


def is_cyclic(kind: Any) -> bool:
    return isinstance(kind, _Cyclic)


@register_model(CyclicObjectType)
@register_model(CyclicDictType)
class CyclicModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, ir.IntType(8).as_pointer())


class _Parts(models.StructModel):
    """What the address of a cyclic object leads to."""

    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, fe_type.slots())


def parts_of(context: Any, builder: Any, kind: Any, value: Any) -> tuple[Any, Any]:
    """The data model and the value that hold the parts of an object, cyclic or not."""
    if not is_cyclic(kind):
        return context.data_model_manager[kind], value
    model = _Parts(context.data_model_manager, kind)
    return model, builder.load(builder.bitcast(value, model.get_value_type().as_pointer()))


def parts_model(context: Any, kind: Any) -> Any:
    """The data model of the parts of an object."""
    return _Parts(context.data_model_manager, kind) if is_cyclic(kind) else context.data_model_manager[kind]
