"""Dispatchers whose machine code may come from disk: a call that another process compiled is loaded, not compiled.

Decides what the key of a call is (all that `frontend.fingerprint` finds in it) and what is kept under it: the object
files of the wrapper that Numba makes and of the derivative, and what the glue needs to know when arrays overlap. What
cannot be found again by name in another process is not kept; a refusal is not kept either, so that it is worded anew.

Invariant: a call does what it would do if it were compiled now; whatever goes wrong here, it is compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import _dynfunc  # pyright: ignore[reportAttributeAccessIssue]
from numba.core import types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import Environment
from numba.core.registry import CPUDispatcher

from .. import frontend, runtime
from ..frontend import Fingerprint, RebindsField
from ..runtime import ObjectCode, store
from . import overlap
from .calls import Call, Leaf, Role, TypedCall, members_of, primal_types

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Loaded:
    """What Numba keeps of a version of a function, as far as its dispatcher for Python asks."""

    entry_point: Any
    signature: Any
    objectmode: bool = False


class StoredDispatcher(CPUDispatcher):
    """A dispatcher for calls from Python, never from compiled code: what is loaded cannot be linked there."""

    overloads: Any
    _can_compile: bool
    _insert: Any

    def __init__(self, call: Call, function: Any, options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions=options)
        self.call = call

    def compile(self, sig: Any) -> Any:
        if store.directory() is None or not isinstance(sig, tuple) or not self._can_compile:
            return super().compile(sig)
        with global_compiler_lock:
            if sig in self.overloads:
                return self.overloads[sig].entry_point
            key = _key(self.call, sig)
            loaded = self._load(sig, key)
            if loaded is not None:
                self._insert([kind._code for kind in sig], loaded.entry_point, False)
                self.overloads[sig] = loaded
                return loaded.entry_point
            try:
                entry_point = super().compile(sig)
            except RebindsField as rebinds:
                _remember(key, rebinds)
                raise
            self._save(sig, key)
            return entry_point

    def _load(self, sig: tuple, key: Fingerprint) -> Loaded | None:
        entry = _entry(key)
        if entry is None:
            return None
        rebinds = entry.about.get("rebinds")
        if rebinds is not None:
            raise RebindsField(key.classes[rebinds[0]], rebinds[1])
        try:
            entry_point = _install(self, sig, key, entry)
        except Exception as error:  # a call must not fail because of what is on disk
            entry_point = None
            store.counters.count("ignored", f"{type(error).__name__}: {error}")
        key.watch_classes()
        return entry_point and Loaded(entry_point, types.none(*sig))

    def _save(self, sig: tuple, key: Fingerprint) -> None:
        if getattr(self.call.function, "numzyme_returned", ()):
            return store.counters.count("not stored", "how the object that it returns is made is known here only")
        try:
            described = _describe(self.overloads[sig])
            changed = key.reason or frontend.fingerprint(*_parts(self.call, sig)).digest != key.digest
        except Exception as error:
            return store.counters.count("not stored", f"{type(error).__name__}: {error}")
        if isinstance(described, str) or changed:
            why = described if isinstance(described, str) else key.reason or "what it uses has changed meanwhile"
            return store.counters.count("not stored", why)
        if store.save(key.digest, *described):
            store.counters.count("stored")
        return None


# -- keys
def _parts(call: Call, sig: tuple) -> tuple[Any, ...]:
    nogil = getattr(call.function, "targetoptions", {}).get("nogil", False)
    return _FORMAT, frontend.versions(), frontend.added_to_numba(), call, nogil, sig


def _key(call: Call, sig: tuple) -> Fingerprint:
    try:
        return frontend.fingerprint(*_parts(call, sig))
    except Exception as error:  # users' classes may do anything when they are looked at
        return Fingerprint(b"", f"{type(error).__name__}: {error}", (), frozenset())


def _entry(key: Fingerprint) -> store.Entry | None:
    if key.reason is not None:
        return None
    entry = store.load(key.digest)
    store.counters.count("misses" if entry is None else "hits")
    return entry


def _remember(key: Fingerprint, rebinds: RebindsField) -> None:
    """Let other processes know without compiling that the function binds a field anew."""
    if key.reason is None and rebinds.python_class in key.classes:
        store.save(key.digest, {"rebinds": [key.classes.index(rebinds.python_class), rebinds.name]}, ())


# -- out of this process
def _describe(result: Any) -> tuple[dict[str, Any], list[bytes]] | str:
    """What is to be kept of what Numba compiled, or why it cannot be."""
    descriptor = result.fndesc
    code = runtime.object_code(result.library, environment=descriptor.env_name)
    constants = [_constant(value) for value in result.environment.consts]
    if code is None or result.reload_init or None in constants:
        return "the wrapper holds Python objects"
    derivatives = [name for name in code.needs if runtime.is_derivative(name)]
    objects = {name: runtime.object_of(name) for name in derivatives}
    if None in objects.values():
        return "the derivative holds addresses or Python objects of this process"
    about = {
        "wrapper": descriptor.llvm_cpython_wrapper_name,
        "name": descriptor.qualname.rpartition(".")[2],
        "environment": [descriptor.env_name, constants],
        "needs": [name for name in code.needs if name not in overlap.paths and name not in objects],
        "derivatives": [[name, list(found.needs)] for name, found in objects.items() if found is not None],
        "paths": [[name, _leaves(overlap.paths[name])] for name in code.needs if name in overlap.paths],
    }
    return about, [code.content, *(found.content for found in objects.values() if found is not None)]


def _constant(value: Any) -> list[str] | None:
    """A constant of Numba's environment as json says it; None for those that it cannot."""
    if isinstance(value, np.dtype) and value.isbuiltin == 1 and not value.hasobject:
        return ["dtype", value.str]
    return ["str", value] if type(value) is str else None


def _leaves(path: overlap.SlowPath) -> list[list[Any]]:
    return [
        [leaf.argument, list(leaf.path), leaf.role.value, leaf.label, leaf.data, leaf.readonly] for leaf in path.leaves
    ]


# -- into this process
def _install(dispatcher: StoredDispatcher, sig: tuple, key: Fingerprint, entry: store.Entry) -> Any:
    """The entry point of a stored wrapper; None if this process lacks what it needs."""
    about, (wrapper, *objects) = entry.about, entry.blobs
    runtime.prepare_process()
    needs = {*about["needs"], *(name for _, names in about["derivatives"] for name in names)}
    lacking = runtime.missing(needs)
    if lacking:
        store.counters.count("ignored", f"there is no symbol {lacking[0]}")
        return None
    for (name, names), content in zip(about["derivatives"], objects, strict=True):
        runtime.adopt(name, ObjectCode(content, tuple(names)))
    for name, leaves in about["paths"]:
        _path(dispatcher.call, sig, key, leaves).symbol(name)
    runtime.load_object(wrapper)
    name, constants = about["environment"]
    environment = Environment(dispatcher.py_func.__globals__)
    environment.consts[:] = [np.dtype(text) if kind == "dtype" else text for kind, text in constants]
    environment.env_name = name
    runtime.set_environment(name, environment)
    address = runtime.address_in_engine(about["wrapper"])
    doc = f"stored wrapper for {about['name']!r}"
    return _dynfunc.make_function(np, about["name"], doc, address, environment, (environment,))


def _path(call: Call, sig: tuple, key: Fingerprint, leaves: Sequence[Any]) -> overlap.SlowPath:
    kinds = primal_types(call, sig)
    made = []
    for argument, path, role, label, data, readonly in leaves:
        kind: Any = kinds[argument]
        for index in path:
            kind = members_of(kind)[index]
        made.append(Leaf(argument, tuple(path), kind, Role(role), label, data, readonly))
    return overlap.SlowPath(call, tuple(made), lambda: _overlapping(call, sig, key))


# -- the derivative for arrays that overlap: of calls that were loaded, it is compiled only when it is needed
@global_compiler_lock
def _overlapping(call: Call, sig: tuple, key: Fingerprint) -> overlap.Overlapping:
    second = frontend.fingerprint("overlapping", key.digest)
    entry = _entry(second)
    if entry is not None and not runtime.missing(entry.about["needs"]):
        code = ObjectCode(entry.blobs[0], tuple(entry.about["needs"]))
        address = runtime.adopt(entry.about["symbol"], code)
        return overlap.Overlapping(entry.about["symbol"], address, frozenset(entry.about["written"]))
    typed = TypedCall.of(call, sig)
    found = overlap.overlapping(typed)
    code = runtime.object_of(found.symbol)
    if code is not None:
        about = {"symbol": found.symbol, "needs": list(code.needs), "written": sorted(found.written)}
        store.save(second.digest, about, [code.content])
    return found
