"""Typed dicts: what Numba's functions call in C, over four lists (see `hashing`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import cgutils, imputils, types
from numba.core.datamodel import models
from numba.cpython.listobj import ListInstance
from numba.typed import dictobject

from . import hashing
from .lists import items_of

LISTS = ("keys", "values", "hashes", "table")


class DictModel(models.StructModel):
    """A dict is its entries and its table."""

    def __init__(self, manager: Any, kind: Any) -> None:
        members = (kind.key_type, kind.value_type, types.intp, types.intp)
        super().__init__(manager, kind, [(n, types.List(m)) for n, m in zip(LISTS, members, strict=True)])


class _Lists:
    """The lists of one dict, as arguments of the functions in `hashing`."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self.context, self.builder, self.kind = context, builder, kind
        self.lists = {name: items_of(context, builder, kind, value, name) for name in LISTS}
        self.functions = hashing.functions_of(kind.key_type)

    def call(self, function: Callable, names: str, result: Any, *more: tuple[Any, Any]) -> Any:
        """Call `function` with the lists of these names, and with further types and values."""
        lists = [self.lists[name] for name in names.split()]
        kinds = [*(one._ty for one in lists), *(kind for kind, _ in more)]
        values = (*(one.value for one in lists), *(value for _, value in more))
        return self.context.compile_internal(self.builder, function, result(*kinds), values)

    def entry(self, name: str, index: Any) -> Any:
        """A key or a value, as a reference of its own."""
        items = self.lists[name]
        item = items.getitem(index)
        self.context.nrt.incref(self.builder, items.dtype, item)
        return item


def _nothing(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return context.get_constant_null(sig.return_type)


def _make(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.return_type
    held = context.make_helper(builder, kind)
    for name in LISTS:
        member = context.data_model_manager[kind].get_member_fe_type(name)
        setattr(held, name, ListInstance.allocate(context, builder, member, 0).value)
    size = context.get_constant(types.intp, hashing.SMALLEST)
    made = _Lists(context, builder, kind, held._getvalue())
    made.call(hashing.clear, "table", types.void, (types.intp, size))
    return held._getvalue()


def _insert(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.args[0]
    lists = _Lists(context, builder, kind, args[0])
    more = ((kind.key_type, args[1]), (types.intp, args[2]), (kind.value_type, args[3]))
    status = lists.call(lists.functions.insert, "keys values hashes table", types.intp, *more)
    return builder.trunc(status, cgutils.int32_t)


def _length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return items_of(context, builder, sig.args[0], args[0], "table").getitem(cgutils.intp_t(hashing.USED))


def _lookup(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.args[0]
    lists = _Lists(context, builder, kind, args[0])
    more = ((kind.key_type, args[1]), (types.intp, args[2]))
    index = lists.call(lists.functions.lookup, "keys hashes table", types.intp, *more)
    found = cgutils.alloca_once_value(builder, context.make_optional_none(builder, kind.value_type))
    with builder.if_then(builder.icmp_signed(">=", index, index.type(0))):
        value = lists.entry("values", index)
        builder.store(context.make_optional_value(builder, kind.value_type, value), found)
    return context.make_tuple(builder, sig.return_type, [index, builder.load(found)])


def _pop_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.args[0]
    lists = _Lists(context, builder, kind, args[0])
    pair = types.Tuple([kind.key_type, kind.value_type])
    index = lists.call(hashing.last, "hashes", types.intp)
    found = cgutils.alloca_once_value(builder, context.make_optional_none(builder, pair))
    there = builder.icmp_signed(">=", index, index.type(0))
    with builder.if_then(there):
        entry = context.make_tuple(builder, pair, [lists.entry("keys", index), lists.entry("values", index)])
        builder.store(context.make_optional_value(builder, pair, entry), found)
        lists.call(hashing.remove_last, "keys values hashes table", types.void, (types.intp, index))
    status = builder.select(there, cgutils.int32_t(hashing.OK), cgutils.int32_t(hashing.EMPTY))
    return context.make_tuple(builder, sig.return_type, [status, builder.load(found)])


def _delete(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    lists = _Lists(context, builder, sig.args[0], args[0])
    lists.call(hashing.delete, "hashes table", types.void, (types.intp, args[1]), (types.intp, args[2]))
    return cgutils.int32_t(hashing.OK)


def _view_iterator(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    view = context.make_helper(builder, sig.args[0], value=args[0])
    return _iterator_over(context, builder, sig, view.parent)


def _iterator(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return _iterator_over(context, builder, sig, args[0])


def _iterator_over(context: Any, builder: Any, sig: Any, value: Any) -> Any:
    """An iterator: where it is, and the numbers of the dict that it began with."""
    iterator = context.make_helper(builder, sig.return_type)
    table = items_of(context, builder, sig.return_type.parent, value, "table")
    numbers = [cgutils.intp_t(0), *(table.getitem(cgutils.intp_t(i)) for i in (hashing.USED, hashing.GENERATION))]
    state = cgutils.alloca_once(builder, cgutils.intp_t, size=cgutils.intp_t(len(numbers)))
    for position, number in enumerate(numbers):
        builder.store(number, cgutils.gep(builder, state, position))
    iterator.parent, iterator.state = value, builder.bitcast(state, cgutils.voidptr_t)
    return imputils.impl_ret_borrowed(context, builder, sig.return_type, iterator._getvalue())


@imputils.iternext_impl(imputils.RefType.BORROWED)
def _next(context: Any, builder: Any, sig: Any, args: Any, result: Any) -> None:
    kind = sig.args[0]
    iterator = context.make_helper(builder, kind, value=args[0])
    lists = _Lists(context, builder, kind.parent, iterator.parent)
    state = builder.bitcast(iterator.state, cgutils.intp_t.as_pointer())
    numbers = [(types.intp, builder.load(cgutils.gep(builder, state, i))) for i in range(3)]
    index = lists.call(hashing.following, "hashes table", types.intp, *numbers)
    is_valid = builder.icmp_signed(">=", index, index.type(0))
    result.set_valid(is_valid)
    with builder.if_then(is_valid):
        names = {types.DictKeysIterableType: ["keys"], types.DictValuesIterableType: ["values"]}
        wanted = names.get(type(kind.iterable), ["keys", "values"])
        found = [lists.lists[name].getitem(index) for name in wanted]
        result.yield_(found[0] if len(found) == 1 else context.make_tuple(builder, kind.yield_type, found))
        builder.store(builder.add(index, index.type(1)), cgutils.gep(builder, state, 0))


LOWERING: dict[Any, Any] = {
    dictobject._dict_new_sized: _nothing,
    dictobject._dict_set_method_table: _nothing,
    dictobject._make_dict: _make,
    dictobject._dict_insert: _insert,
    dictobject._dict_length: _length,
    dictobject._dict_lookup: _lookup,
    dictobject._dict_popitem: _pop_item,
    dictobject._dict_delitem: _delete,
    ("getiter", types.DictItemsIterableType): _view_iterator,
    ("getiter", types.DictKeysIterableType): _view_iterator,
    ("getiter", types.DictValuesIterableType): _view_iterator,
    ("getiter", types.DictType): _iterator,
    ("iternext", types.DictIteratorType): _next,
}
