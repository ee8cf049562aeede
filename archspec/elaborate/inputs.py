"""The network's inputs: their shapes, with numbers and with symbolic sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from archspec.diagnostics import Label, Span
from archspec.document import Spec
from archspec.document.names import FROM_WORDS
from archspec.document.settings import Setting
from archspec.elaborate.builder import NOTHING, Builder, Value
from archspec.elaborate.expectations import shown
from archspec.elaborate.scopes import Scope
from archspec.elaborate.variables import value_of
from archspec.elaborate.walk import Names
from archspec.expressions import UNKNOWN
from archspec.graph import TensorType
from archspec.layers.base import Shape, text_of
from archspec.layers.fields import LARGEST
from archspec.layers.sizes import are_numbers, settings
from archspec.source import Plain, Sequence


def inputs_of(
    spec: Spec, variables: Names, overrides: Mapping[str, Plain], scope: Scope, builder: Builder
) -> dict[Value, TensorType]:
    """Every input's type; what is wrong with one is reported, and it has no value.

    Symbolic sizes get their number from `overrides`, or stay symbolic.
    """
    sizes = _sizes(spec.symbols, overrides, builder) if spec.symbols else {}
    inputs = {}
    for name, setting in spec.inputs.items():
        if name not in FROM_WORDS:
            scope.take(name, setting.span)
        scope.values[name] = NOTHING
        shape = _shape(setting, variables, sizes, builder)
        if shape is not None:
            inputs[name] = builder.place_input(name, shape, setting.span)
            doubt = _doubt_about(shape)
            if doubt:
                builder.doubts += (Label(setting.span, doubt),)
            scope.values[name] = name
    return inputs


def _shape(
    setting: Setting, variables: Names, sizes: Mapping[str, Any], builder: Builder
) -> tuple[int, ...] | None:
    """The shape that is written; None where that is none, and reported."""
    written = value_of(setting, variables, builder)
    if written is UNKNOWN:
        return None
    items = written if isinstance(written, tuple) else ()
    shape = tuple([sizes.get(item, item) if isinstance(item, str) else item for item in items])
    if UNKNOWN in shape:
        return None
    numbers = [size for size, item in zip(shape, items, strict=True) if not isinstance(item, str)]
    words = [item for item in items if isinstance(item, str)]
    if 1 <= len(shape) <= 4 and all(map(_is_size, numbers)) and all(w in sizes for w in words):
        return shape
    _report_no_shape(setting, written, sizes, builder)
    return None


def _report_no_shape(
    setting: Setting, written: Plain, sizes: Mapping[str, Any], builder: Builder
) -> None:
    """Report what stands where an input's shape belongs: at the size that is none, if it is one."""
    help = "channels first, without the batch: [3, 224, 224], or [3, H, W] for any size"
    items = written if isinstance(written, tuple) else ()
    if not 1 <= len(items) <= 4:
        numbers = _NUMBER.findall(written) if isinstance(written, str) else ()
        if 1 <= len(numbers) <= 4:
            help = f"write it as a list: [{', '.join(numbers)}]"
        elif len(items) == 5 and all(map(_is_size, items)):
            help = f"leave out the batch: {list(items[1:])}"
        message = f"an input is a list of 1 to 4 sizes, not {shown(written)}"
        builder.report("AS206", message, setting.span, help=help)
        return
    at, size = next(
        (at, size)
        for at, size in enumerate(items)
        if not (size in sizes if isinstance(size, str) else _is_size(size))
    )
    span = setting.value.items[at].span if isinstance(setting.value, Sequence) else setting.span
    message = f"a size of an input is an integer of at least 1, not {shown(size)}"
    if type(size) is int and size > LARGEST:
        message, help = f"a size of an input is at most {LARGEST:,}", "is this a slip of the pen?"
    elif isinstance(size, str) and len(numbers := size.split()) > 1 and _NUMBER.match(size):
        help = f"a comma is missing: {', '.join(numbers)}"
    builder.report("AS206", message, span, help=help)


_NUMBER = re.compile(r"[0-9]{1,12}")


def _doubt_about(shape: Shape) -> str:
    """What an input's shape was probably meant for, where its order of sizes is another's."""
    if not are_numbers(shape):
        return ""
    if len(shape) == 4 and shape[1] in _CHANNELS and shape[1] < min(shape[2:]):
        meant = list(shape[1:])
        return f"this is {shape[0]} × {text_of(shape[1:])}, a volume: is the batch meant? `{meant}`"
    if len(shape) == 3 and shape[2] in _CHANNELS and shape[2] < min(shape[:2]):
        meant = [shape[2], *shape[:2]]
        return (
            f"this is {shape[0]} channels of {text_of(shape[1:])}: channels come first: `{meant}`"
        )
    return ""


_CHANNELS = (1, 3)
"""Of pictures."""


def _is_size(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LARGEST


def _sizes(
    symbols: Mapping[str, Span], overrides: Mapping[str, Plain], builder: Builder
) -> dict[str, Any]:
    """What each symbolic size stands for: the number that it is given, or itself; UNKNOWN where it
    cannot be had, which is reported.
    """
    sizes: dict[str, Any] = {}
    for name, span in symbols.items():
        if name in overrides:
            sizes[name] = overrides[name]
            if not _is_size(overrides[name]):
                sizes[name] = UNKNOWN
                given = shown(overrides[name])
                message = f"`{name}` is a size, an integer of at least 1, not {given}"
                builder.report("AS206", message, span, help=f"`--set {name}=224`")
    free = tuple([name for name in symbols if name not in sizes])
    if not free:
        return sizes
    try:
        from archspec.symbolic import Symbols
    except ModuleNotFoundError:
        message = f"`{free[0]}` is a symbolic size, and these need sympy, which is not installed"
        help = f'pip install "archspec-nn[symbolic]", or give numbers: {settings(free)}'
        builder.report("AS307", message, symbols[free[0]], help=help)
        return sizes | dict.fromkeys(free, UNKNOWN)
    builder.symbols = Symbols(free)
    return sizes | {name: builder.symbols.size(name) for name in free}
