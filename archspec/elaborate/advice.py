"""Which earlier layer to change, and how, so that a value has the shape that is wanted of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archspec.elaborate.mends import padding_for
from archspec.graph import Node
from archspec.layers.base import LayerError, Shape, text_of
from archspec.layers.sizes import are_numbers


def advice(value: str, wanted: Shape, others: Iterable[str], nodes: Mapping[str, Node]) -> str:
    """One change of the layer that gave `value` its shape which gives it the `wanted` one: its
    padding, its stride, its channels; empty where there is none, or the `others` would change, too.
    """
    node = nodes.get(value)
    while node is not None and node.output.shape == node.input_shapes[0]:
        if node.output.shape[0] != wanted[0] and _field_of_channels(node):
            break  # As many channels came in by chance.
        node = nodes.get(node.inputs[0])
    if node is None or not are_numbers((*wanted, *node.output.shape, *node.input_shapes[0])):
        return ""
    layer, x, made = node.layer, node.input_shapes[0], node.output.shape
    if len(made) != len(wanted) or node.name in _before(others, nodes):
        return ""
    change = ""
    if made[1:] == wanted[1:]:
        field = _field_of_channels(node)
        change = f"`{field}: {wanted[0]}`" if field and node.places else ""
    elif made[0] == wanted[0]:
        padding = padding_for(layer, x, wanted, node.places)
        change = padding[0] if padding else _stride(node, x, wanted)
    if not change:
        return ""
    return f"{change} in `{node.name}` (line {node.origin.line}) makes {text_of(wanted)}"


def resized(value: str, sizes: Shape, others: Iterable[str], nodes: Mapping[str, Node]) -> str:
    """The `size` for the upsample that gave `value` its size which makes it these `sizes`; empty
    where it was none, or the `others` would change, too.
    """
    node = nodes.get(value)
    while node is not None and node.output.shape[1:] == node.input_shapes[0][1:]:
        node = nodes.get(node.inputs[0])
    if node is None or "scale_factor" not in node.places or not are_numbers(sizes):
        return ""
    made = node.output.shape[1:]
    if made == sizes or len(made) != len(sizes) or node.name in _before(others, nodes):
        return ""
    size = sizes[0] if len(set(sizes)) == 1 else list(sizes)
    wanted = text_of((node.output.shape[0], *sizes))
    where = f"in `{node.name}` (line {node.origin.line})"
    return f"`size: {size}` instead of the `scale_factor` {where} makes {wanted}"


def _before(values: Iterable[str], nodes: Mapping[str, Node]) -> set[str]:
    """All that these values are made of, and they themselves."""
    found: set[str] = set()
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if value not in found:
            found.add(value)
            waiting += nodes[value].inputs if value in nodes else ()
    return found


_CHANNELS = ("out_channels", "out_features")


def _field_of_channels(node: Node) -> str | None:
    return next((field for field in _CHANNELS if field in type(node.layer).model_fields), None)


def _stride(node: Node, x: Shape, wanted: Shape) -> str:
    """The stride, with padding where it needs some, that makes the wanted shape; else empty."""
    if "stride" not in type(node.layer).model_fields:
        return ""
    for stride in range(1, _WIDEST_STRIDE + 1):
        other = node.layer.model_copy(update={"stride": stride})
        try:
            if other.output_shape((x,)) == wanted:
                return f"`stride: {stride}`"
        except LayerError:
            continue
        padding = padding_for(other, x, wanted, node.places)
        if padding is not None:
            return f"`stride: {stride}` and {padding[0]}"
    return ""


_WIDEST_STRIDE = 8
"""Rows of stride that are tried."""
