"""What the API refuses, each refusal in one place: symptom, reason and way out.

Invariant: a refusal names the function and the argument as the user wrote them, never a Numba or LLVM
internal.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from numba.core import types
from numba.core.errors import NumbaError, UnsupportedBytecodeError

from ..diagnostics import (
    DifferentiationError,
    DifferentiationTypeError,
    DifferentiationValueError,
    SourceLocation,
)
from ..values import Path, classify
from . import numba_messages


def name_of(function: Any) -> str:
    """The name by which the user knows `function`."""
    return getattr(function, "__name__", None) or repr(function)


def code_of(function: Any) -> Any:
    """The code of a Python function, jitted or not; None for others."""
    return getattr(getattr(function, "py_func", function), "__code__", None)


def location_of(function: Any) -> SourceLocation | None:
    """Where `function` is defined, when it is Python code."""
    code = code_of(function)
    return code and SourceLocation(code.co_filename, code.co_firstlineno, code.co_name)


def not_compilable(function: Any, argument_types: tuple, error: Exception) -> DifferentiationError:
    """Numba could not type or lower the function: its message in the user's terms."""
    text = numba_messages.without_colours(str(error))
    from_objects = hasattr(function, "numzyme_labels")  # the user knows nothing of the arrays that it takes
    types_shown = "" if from_objects else f" for arguments of type ({', '.join(map(str, argument_types))})"
    known = isinstance(error, NumbaError | UnsupportedBytecodeError) or numba_messages.is_known(text)
    advice = "numba.njit must be able to compile the function: try it on its own"
    if from_objects:
        advice = "write this line with what numba.njit can compile, or leave it out of the function"
    if "(objmode)" in text:
        advice = "call Python before or after the function, and hand what it gives to it as an argument"
    deeper = "During: resolving callee type" in text or isinstance(error, UnsupportedBytecodeError)
    inside = not from_objects or deeper  # or the line is one of the plan's own
    place = numba_messages.place_of(text, name_of(function)) if inside else None
    if place is None and not isinstance(error, NumbaError):
        place = numba_messages.place_in(error, name_of(function))
    return DifferentiationTypeError(
        f"`{name_of(function)}` could not be compiled{types_shown}",
        where=place or location_of(function),
        why=numba_messages.reason(text) if known else f"{type(error).__name__} in the compiler: {text or 'no reason'}",
        todo=(advice,),
    )


def refuse_typed_containers(function: Any, kinds: Iterable[types.Type]) -> None:
    """Numba's typed lists and dicts are something else inside of differentiated code: none may come in or go out."""
    stack = list(kinds)
    while stack:
        kind: Any = stack.pop()
        if isinstance(kind, types.ListType | types.DictType):
            raise DifferentiationTypeError(
                f"a typed {'list' if isinstance(kind, types.ListType) else 'dict'} is an argument or a result of "
                f"`{name_of(function)}`",
                where=location_of(function),
                why="differentiated code makes typed lists and dicts of its own, and does not know those of others",
                todo=("make it inside the function", "pass or return arrays"),
            )
        if isinstance(kind, types.BaseTuple):
            stack += list(kind)  # pyright: ignore[reportArgumentType]
        elif isinstance(kind, types.Optional):
            stack.append(kind.type)
        elif isinstance(kind, types.ClassInstanceType):
            stack += kind.struct.values()
        elif isinstance(kind, types.StructRef):
            stack += kind.field_dict.values()


def unknown_argument(function: Any, error: Exception, values: Sequence[Any]) -> DifferentiationError:
    """Numba has no type for an argument."""
    for name, value in zip(_parameter_names(function), values, strict=False):
        try:
            classify(value, Path(name))
        except DifferentiationError as refused:
            return refused.located(location_of(function))
    return DifferentiationTypeError(
        f"an argument of `{name_of(function)}` is of a kind that cannot be compiled",
        where=location_of(function),
        why=numba_messages.reason(numba_messages.without_colours(str(error))),
        todo=("pass floats, integers, bools, arrays of them, or tuples of these",),
    )


def _parameter_names(function: Any) -> list[str]:
    try:
        return list(inspect.signature(getattr(function, "py_func", function)).parameters)
    except (TypeError, ValueError):
        return []


def no_derivative(function: Any, label: str, kind: types.Type) -> DifferentiationError:
    """The argument to differentiate holds integers, bools or something else without a derivative."""
    if isinstance(kind, types.Array) and isinstance(kind.dtype, types.Record):
        todo = "choose another argument, or a float for one of the fields"
    elif isinstance(kind, types.Array):
        todo = f"pass {label}.astype(float)" if not isinstance(kind.dtype, types.Complex) else ""
    elif isinstance(kind, types.Integer | types.Boolean):
        todo = "pass a float: 3.0 instead of 3"
    else:
        todo = "choose another argument"
    return DifferentiationTypeError(
        f"`{name_of(function)}` cannot be differentiated with respect to `{label}`",
        where=location_of(function),
        why=f"`{label}` is {_in_words(kind)}, which has no derivative",
        todo=(todo,) if todo else (),
    )


def optional_inside(function: Any, label: str) -> DifferentiationError:
    """An argument that may be None, in compiled code."""
    return DifferentiationTypeError(
        f"`{name_of(function)}` cannot be differentiated with respect to `{label}`",
        where=location_of(function),
        why=f"`{label}` may be None, as far as the compiler knows",
        todo=(
            "make it a number first: if value is None: ... else: ...",
            "return something else where it would be None",
        ),
    )


def verified_inside(function: Any, where: SourceLocation | None = None) -> DifferentiationError:
    """`verify=True` in compiled code."""
    called = repr(function) if hasattr(function, "numzyme_fingerprint") else f"a call of {name_of(function)}"
    return DifferentiationTypeError(
        f"{called} is to be verified, which happens in calls from Python only",
        where=where,
        todo=("write verify=True where Python calls: grad(grad(f), verify=True)",),
    )


def complex_jacobian(function: Any) -> DifferentiationError:
    """A complex result with respect to a complex argument, in forward mode."""
    return DifferentiationTypeError(
        f"the gradient of `{name_of(function)}` in forward mode is not one number: argument and result are complex",
        where=location_of(function),
        why="the result changes in two ways, with the real and with the imaginary part of the argument",
        todo=(
            "ReverseHolomorphic, if the function is holomorphic",
            "autodiff(Forward, f, Duplicated(z, direction)) for the change in one direction",
        ),
    )


def active_array(function: Any, label: str) -> DifferentiationError:
    return DifferentiationTypeError(
        f"`{label}` of `{name_of(function)}` is an array and cannot be Active",
        where=location_of(function),
        why="Active is for immutable values, whose derivative is returned",
        todo=(f"Duplicated({label}, np.zeros_like({label})): the derivative is added to the shadow",),
    )


def record_inside(function: Any, label: str) -> DifferentiationError:
    return DifferentiationTypeError(
        f"`{label}` of `{name_of(function)}` is a single record, in compiled code",
        where=location_of(function),
        why="it is a reference to memory whose shadow is not known",
        todo=("pass an array with one record: records[i : i + 1]", "differentiate from Python"),
    )


def returned_record(function: Any) -> DifferentiationError:
    return DifferentiationTypeError(
        f"`{name_of(function)}` returns a single record",
        where=location_of(function),
        why="it is a reference to memory, and its tangent would be lost",
        todo=("return the fields as a tuple", "return an array with one record"),
    )


def returned_records(function: Any) -> DifferentiationError:
    return DifferentiationTypeError(
        f"`{name_of(function)}` returns an array of records, which has no Jacobian",
        where=location_of(function),
        why="fields of several types have no common array of derivatives",
        todo=("return the fields: `p.x, p.v`", "autodiff(Forward, f, Duplicated(x, direction)) for one direction"),
    )


def duplicated_scalar(function: Any, label: str) -> DifferentiationError:
    return DifferentiationTypeError(
        f"`{label}` of `{name_of(function)}` is or holds a float and cannot be Duplicated in reverse mode",
        where=location_of(function),
        why="a float is immutable: its shadow could not be added to",
        todo=(f"Active({label}): the derivative is returned",),
    )


def shadow_type(function: Any, label: str, primal: types.Type, shadow: types.Type) -> DifferentiationError:
    why = f"`{label}` is {_in_words(primal)}, its shadow is {_in_words(shadow)}"
    return DifferentiationTypeError(
        f"the shadow of `{label}` of `{name_of(function)}` is of another type than its primal",
        where=location_of(function),
        why=why,
        todo=(f"np.zeros_like({label}) makes a shadow",),
    )


def readonly_shadow(function: Any, label: str) -> DifferentiationError:
    return DifferentiationTypeError(
        f"the shadow of `{label}` of `{name_of(function)}` is read-only",
        where=location_of(function),
        why="the derivative is added to it",
        todo=(f"np.zeros_like({label}) makes a shadow",),
    )


def shadow_shape(function: Any, label: str, primal: tuple, shadow: tuple) -> DifferentiationError:
    return DifferentiationValueError(
        f"the shadow of `{label}` of `{name_of(function)}` has another shape than its primal",
        where=location_of(function),
        why=f"`{label}` has shape {primal}, its shadow {shadow}",
        todo=(f"np.zeros_like({label}) makes a shadow",),
    )


def shadow_overlap(function: Any, label: str, other: str) -> DifferentiationError:
    return DifferentiationValueError(
        f"the shadow of `{label}` of `{name_of(function)}` shares memory with {other}",
        where=location_of(function),
        why="the primals do not overlap in the same way",
        todo=("give every array a shadow of its own, and views that overlap the like views of one shadow",),
    )


def shadows_apart(function: Any, label: str, other: str) -> DifferentiationError:
    return DifferentiationValueError(
        f"`{label}` and `{other}` of `{name_of(function)}` share memory, and their shadows do not do so likewise",
        where=location_of(function),
        why="each number in memory has one derivative",
        todo=("pass one shadow where one array is passed twice, and the like views of one shadow for views",),
    )


def constant_overlap(function: Any, constant: str, active: str) -> DifferentiationError:
    return DifferentiationValueError(
        f"`{constant}` and `{active}` of `{name_of(function)}` share memory, one constant and one differentiated",
        where=location_of(function),
        why="the function writes to it, so that the derivative would be lost",
        todo=(f"pass a copy of `{constant}`", f"differentiate with respect to `{constant}` too"),
    )


def broadcast_overlap(function: Any, label: str) -> DifferentiationError:
    return DifferentiationValueError(
        f"`{label}` of `{name_of(function)}` is broadcast or spread, is written to, and shares memory",
        where=location_of(function),
        why="such an array is differentiated on a dense copy, which could not share memory",
        todo=(f"pass {label}.copy()",),
    )


class OtherStridesError(DifferentiationValueError):
    """A shadow is not laid out like its primal."""


def strides(function: Any, label: str) -> DifferentiationError:
    return OtherStridesError(
        f"the shadow of `{label}` of `{name_of(function)}` has other strides than its primal",
        where=location_of(function),
        why="forward mode and overlapping arrays need a shadow that is laid out like its primal",
        todo=(f"np.zeros_like({label}) of a contiguous array makes one",),
    )


class ResultKindError(DifferentiationTypeError):
    """Reverse mode cannot start from the result of the function."""


def result_kind(function: Any, kind: types.Type) -> DifferentiationError:
    """Reverse mode starts from one float."""
    todo = ("return a float", "gradient(Forward, ...) gives the derivative of every kind of float result")
    for returned in getattr(function, "numzyme_returned", ())[:1]:
        kind = returned.kind
    todo = (*todo, "autodiff(Reverse, f, Const, ...) starts from the shadows of what f changes")
    return ResultKindError(
        f"`{name_of(function)}` cannot be differentiated in reverse mode",
        where=location_of(function),
        why=f"it returns {_in_words(kind)}, and reverse mode starts from one float",
        todo=todo,
    )


def returned_list(function: Any) -> DifferentiationError:
    """The tangent of a list would be a list, which derivatives cannot hand to Python."""
    return DifferentiationTypeError(
        f"`{name_of(function)}` returns a list of numbers that have a derivative",
        where=location_of(function),
        why="a list has no tangent that could be returned with it",
        todo=("return numpy.array(the list)", "return a tuple"),
    )


def captures_inside(function: Any) -> DifferentiationError:
    """Data that a function captures are passed to compiled code at each call; a derivative inside takes none."""
    return DifferentiationTypeError(
        f"`{name_of(function)}` uses data from outside, and its derivative is differentiated again",
        where=location_of(function),
        why="the values that the data have now would be frozen into the derivative",
        todo=("pass the data as arguments, as Const where they are not differentiated",),
    )


def not_complex(function: Any, kind: types.Type) -> DifferentiationError:
    """Holomorphic modes are for functions with a complex result."""
    return ResultKindError(
        f"`{name_of(function)}` has no df/dz",
        where=location_of(function),
        why=f"it returns {_in_words(kind)}, and not one complex number",
        todo=("Reverse, whose gradient of a real result is d/dx + i d/dy",),
    )


def not_wrapped(function: Any, value: Any) -> DifferentiationError:
    return DifferentiationTypeError(
        f"autodiff of `{name_of(function)}` got a bare {type(value).__name__}",
        why="every argument needs an activity",
        todo=("wrap it: Const(x), Active(x) or Duplicated(x, dx)",),
    )


def _in_words(kind: types.Type) -> str:
    python_class = getattr(kind, "python_class", None)
    if python_class is not None:
        return f"a {python_class.__qualname__}"
    if isinstance(kind, types.NoneType):
        return "None"
    if isinstance(kind, types.Array):
        return f"a {kind.ndim}-dimensional array of {_elements(kind.dtype)}"
    if isinstance(kind, types.Record):
        return "a record"
    if isinstance(kind, types.BaseTuple):
        members: Any = kind.types  # pyright: ignore[reportAttributeAccessIssue]
        return "a tuple of " + (", ".join(map(str, members)) or "nothing")
    if isinstance(kind, types.UnicodeType):
        return "a str"
    if isinstance(kind, types.Optional):
        return f"{_in_words(kind.type)} or None"
    article = "an" if str(kind)[0] in "aeiou" else "a"
    return f"{article} {types.unliteral(kind)}"


def _elements(kind: types.Type) -> str:
    if not isinstance(kind, types.Record):
        return str(kind)
    return f"records ({', '.join(f'{name}: {field.type}' for name, field in kind.fields.items())})"
