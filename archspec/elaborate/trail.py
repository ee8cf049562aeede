"""The way that led to a value: the last shapes before it, and who made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archspec.diagnostics import Label, Span
from archspec.graph import Node, TensorType
from archspec.layers.base import text_of

LONGEST = 6
"""Shapes that a trail has at most."""


def trail(
    values: Iterable[str],
    nodes: Mapping[str, Node],
    types: Mapping[str, TensorType],
    origins: Mapping[str, Span],
) -> tuple[Label, ...]:
    """The last shapes on the way to `values`, the earliest first; only steps that change the shape.

    Where a step takes several values, the way goes on along all of them.
    """
    position = {name: index for index, name in enumerate(nodes)}
    waiting = {value for value in values if value in types}
    found: dict[str, None] = {}
    while waiting and len(found) < LONGEST:
        # The one that was made last: inputs were there before all nodes.
        value = max(waiting, key=lambda name: position.get(name, -1))
        waiting.remove(value)
        node = nodes.get(value)
        if node is None or node.output.shape not in node.input_shapes:
            found[value] = None
        if node is not None:
            waiting.update(node.inputs)
    return tuple(
        [
            Label(origins[value], f"`{value}` makes {text_of(types[value].shape)}")
            if value in nodes
            else Label(origins[value], f"`{value}` is {text_of(types[value].shape)}")
            for value in reversed(found)
        ]
    )
