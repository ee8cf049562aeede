"""The receptive field: how much of the input one element of a value depends on.

For each value and spatial axis, element i depends on the input's rows from i * jump + low to
i * jump + high. A window of extent k and stride s that begins `before` rows early makes of that
jump * s, low - before * jump, and high + (k - 1 - before) * jump (Araujo, Norris and Sim 2019,
Computing Receptive Fields of Convolutional Neural Networks). Where branches meet, the reach is the
hull of theirs. The figures are of the network without borders, so they may exceed the image.
"""

from __future__ import annotations

from typing import NamedTuple

from archspec.graph import Graph
from archspec.layers.base import AxisWindow, Shape
from archspec.layers.sizes import larger, smaller


class Reach(NamedTuple):
    """What element i along one axis depends on: rows i * jump + low to i * jump + high."""

    jump: int
    low: int
    high: int

    @property
    def size(self) -> int:
        return self.high - self.low + 1


_POINT = AxisWindow(1, 1, 0)

Field = tuple[Reach, ...] | None
"""An entry an axis of the input; None: every element depends on all of the input."""


def receptive_fields(graph: Graph) -> dict[str, Field]:
    """The receptive field of every value. With several inputs, it is in rows of whichever."""
    fields: dict[str, Field] = {
        name: (Reach(1, 0, 0),) * (len(type_.shape) - 1) or None
        for name, type_ in graph.inputs.items()
    }
    for node in graph.nodes:
        field = fields[node.inputs[0]]
        if len(node.inputs) > 1:
            sizes_out = node.output.shape[1:]
            for name, shape in zip(node.inputs, node.input_shapes, strict=True):
                # A value of size 1 that is repeated is seen from everywhere, whole.
                field = _hull(field, fields[name] if shape[1:] == sizes_out else None)
        fields[node.name] = _through(node.signature.windows, field)
    return fields


def _through(windows: tuple[AxisWindow, ...] | None, field: Field) -> Field:
    """The field behind windows that read values of this field."""
    if field is None or windows is None or len(field) != len(windows):
        return None
    if all(window == _POINT for window in windows):
        return field
    return tuple(
        [
            Reach(
                reach.jump * window.stride,
                reach.low - window.before * reach.jump,
                reach.high + (window.extent - 1 - window.before) * reach.jump,
            )
            for reach, window in zip(field, windows, strict=True)
        ]
    )


def sizes(field: Field) -> Shape | None:
    """The rows that one element depends on, along each axis; None for all of the input."""
    return None if field is None else tuple(reach.size for reach in field)


def last_local(fields: dict[str, Field]) -> tuple[str, Shape] | None:
    """The last value whose elements each depend on a part of the input, and how large a part."""
    for name in reversed(fields):
        size = sizes(fields[name])
        if size:
            return name, size
    return None


def _hull(one: Field, other: Field) -> Field:
    if one is None or other is None:
        return None
    if one == other:
        return one
    # Positions that do not go together: only a bound on the reach is known, the whole input.
    if any(a.jump != b.jump for a, b in zip(one, other, strict=True)):
        return None
    return tuple(
        Reach(a.jump, smaller(a.low, b.low), larger(a.high, b.high))
        for a, b in zip(one, other, strict=True)
    )
