"""Shapes in the comments of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.backends.python.layout import size
from archspec.backends.python.parameters import Parameters, agree, plain
from archspec.layers.sizes import is_number

NO_SHAPE = ("",)
"""Of a value that no layer makes by itself."""

_LETTERS = {2: "L", 3: "HW", 4: "DHW"}


def in_words(given: Sequence[Any], entering: Sequence[Any], parameters: Parameters) -> str:
    """The shape that a value has in each use of a class, as one: numbers, else what they are in
    terms of the arguments and of the size that enters, H × W. Nothing where it cannot be said.
    """
    shapes = [shape for shape in given if shape not in (None, NO_SHAPE)]
    if len(shapes) < len(entering) or len({len(shape) for shape in shapes}) > 1:
        return ""
    if len(set(shapes)) == 1:
        return size(shapes[0])
    said = [
        _said(axis, tuple(shape[axis] for shape in shapes), entering, parameters)
        for axis in range(len(shapes[0]))
    ]
    return "" if "" in said else size(said)


def _said(
    axis: int, values: tuple[Any, ...], entering: Sequence[Any], parameters: Parameters
) -> str:
    """One size of a shape, in words; nothing where there are none."""
    if len(set(values)) == 1:
        return str(values[0])
    if axis == 0 or not all(map(is_number, values)):
        for parameter in parameters.made:
            if agree(parameter.values, values) and parameter.role != "stride":
                return parameter.name
        return parameters.derived(values)
    if any(shape is None or len(shape) <= axis for shape in entering):
        return ""
    sizes = tuple(shape[axis] for shape in entering)
    letter = _LETTERS.get(len(entering[0]), "")[axis - 1 : axis]
    if not letter:
        return ""
    return _of_size(letter, values, sizes, parameters)


def _of_size(
    letter: str, values: tuple[Any, ...], sizes: tuple[Any, ...], parameters: Parameters
) -> str:
    """A size in terms of the one that enters, called by a letter."""
    if values == sizes:
        return letter
    for factor in (2, 3, 4, 8):
        if all(value == factor * whole for value, whole in zip(values, sizes, strict=True)):
            return f"{factor}{letter}"
        if all(value == -(-whole // factor) for value, whole in zip(values, sizes, strict=True)):
            return f"{letter}/{factor}"
    for parameter in parameters.made:
        strides = [plain(each) for each in parameter.values]
        if parameter.role == "stride" and all(type(each) is int for each in strides):
            pairs = zip(values, sizes, strides, strict=True)
            if all(value == -(-whole // stride) for value, whole, stride in pairs):
                return f"{letter}/{parameter.name}"
    return ""
