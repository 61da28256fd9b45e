"""Typed lists: what Numba's functions call in C, over a list as Python writes it."""

from __future__ import annotations

import operator
from typing import Any

from numba.core import cgutils, errors, imputils, types
from numba.core.datamodel import models
from numba.cpython.listobj import ListInstance
from numba.typed import listobject

OK = cgutils.int32_t(0)


class ListModel(models.StructModel):
    """A typed list holds one of Python's."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("items", types.List(kind.item_type))])


def items_of(context: Any, builder: Any, kind: Any, value: Any, name: str = "items") -> ListInstance:
    """One of the lists that a container consists of."""
    held = context.make_helper(builder, kind, value=value)
    member = context.data_model_manager[kind].get_member_fe_type(name)
    return ListInstance(context, builder, member, getattr(held, name))


def _nothing(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return context.get_constant_null(sig.return_type)


def _make(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.return_type
    held = context.make_helper(builder, kind)
    held.items = ListInstance.allocate(context, builder, types.List(kind.item_type), 0).value
    return held._getvalue()


def _length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return items_of(context, builder, sig.args[0], args[0]).size


def _is_mutable(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return cgutils.int32_t(1)


def _set_mutable(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    raise errors.UnsupportedError("lists that are made immutable are not known in differentiated code")


def _append(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    def append(items, item):
        items.append(item)

    items = items_of(context, builder, sig.args[0], args[0])
    context.compile_internal(builder, append, types.void(items._ty, items.dtype), (items.value, args[1]))
    return OK


def _fixed_index(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = context.cast(builder, args[1], sig.args[1], types.intp)
    length = _length(context, builder, sig, args)
    negative = builder.icmp_signed("<", index, index.type(0))
    return builder.select(negative, builder.add(index, length), index)


def _item(context: Any, builder: Any, sig: Any, args: Any, borrowed: bool = False) -> Any:
    items = items_of(context, builder, sig.args[0], args[0])
    item = items.getitem(args[1])
    if not borrowed:
        context.nrt.incref(builder, items.dtype, item)
    kind = sig.return_type[1]
    if isinstance(kind, types.Optional):
        item = context.make_optional_value(builder, items.dtype, item)
    return context.make_tuple(builder, sig.return_type, [OK, item])


def _borrowed_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return _item(context, builder, sig, args, borrowed=True)


def _set_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    items_of(context, builder, sig.args[0], args[0]).setitem(args[1], args[2], incref=True)
    return OK


def _delete_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    def delete(items, index):
        items.pop(index)

    items = items_of(context, builder, sig.args[0], args[0])
    context.compile_internal(builder, delete, types.void(items._ty, types.intp), (items.value, args[1]))
    return OK


def _delete_slice(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    def delete(items, start, stop, step):
        if step < 0:
            count = max(0, (start - stop - step - 1) // -step)
            start, stop, step = start + (count - 1) * step, start + 1, -step
        kept = start
        for place in range(start, len(items)):
            if place >= stop or (place - start) % step != 0:
                items[kept] = items[place]
                kept += 1
        while len(items) > kept:
            items.pop()

    items = items_of(context, builder, sig.args[0], args[0])
    numbers = [context.cast(builder, n, kind, types.intp) for n, kind in zip(args[1:], sig.args[1:], strict=True)]
    signature = types.void(items._ty, types.intp, types.intp, types.intp)
    context.compile_internal(builder, delete, signature, (items.value, *numbers))
    return OK


def _is_same(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    one, other = (
        builder.ptrtoint(items_of(context, builder, kind, value).meminfo, cgutils.intp_t)
        for kind, value in zip(sig.args, args, strict=True)
    )
    return builder.icmp_signed("==", one, other)


def _iterator(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    iterator = context.make_helper(builder, sig.return_type)
    iterator.index = cgutils.alloca_once_value(builder, context.get_constant(types.intp, 0))
    iterator.parent = args[0]
    iterator.size = _length(context, builder, sig, args)
    return imputils.impl_ret_borrowed(context, builder, sig.return_type, iterator._getvalue())


@imputils.iternext_impl(imputils.RefType.BORROWED)
def _next(context: Any, builder: Any, sig: Any, args: Any, result: Any) -> None:
    iterator = context.make_helper(builder, sig.args[0], value=args[0])
    items = items_of(context, builder, sig.args[0].parent, iterator.parent)
    index, size = builder.load(iterator.index), items.size
    with builder.if_then(builder.icmp_signed("!=", iterator.size, size), likely=False):
        context.call_conv.return_user_exc(builder, RuntimeError, ("list was mutated during iteration",))
    is_valid = builder.icmp_signed("<", index, size)
    result.set_valid(is_valid)
    with builder.if_then(is_valid):
        result.yield_(items.getitem(index))
        builder.store(builder.add(index, index.type(1)), iterator.index)


LOWERING: dict[Any, Any] = {
    listobject._list_new: _nothing,
    listobject._list_set_method_table: _nothing,
    listobject._make_list: _make,
    listobject._list_length: _length,
    listobject._list_allocated: _length,
    listobject._list_is_mutable: _is_mutable,
    listobject._list_set_is_mutable: _set_mutable,
    listobject._list_append: _append,
    listobject.fix_index: _fixed_index,
    listobject._list_getitem: _item,
    listobject._list_getitem_borrowed: _borrowed_item,
    listobject._list_setitem: _set_item,
    listobject._list_delitem: _delete_item,
    listobject._list_delete_slice: _delete_slice,
    (operator.is_, types.ListType, types.ListType): _is_same,
    ("getiter", types.ListType): _iterator,
    ("iternext", types.ListTypeIteratorType): _next,
}
