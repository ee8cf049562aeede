"""Graphs made by hand, for tests that need no spec."""

from __future__ import annotations

from pathlib import Path

from archspec.diagnostics import Source, Span
from archspec.graph import Graph, Node, TensorType, infer
from archspec.layers.base import Layer, Shape

ORIGIN = Span(1, 1, 1, 1, Source("test", "", Path()))


def graph_of(layer: Layer, *shapes: Shape, name: str = "layer") -> Graph:
    """A graph of one layer, fed one input of each of the shapes."""
    names = ["input"] if len(shapes) == 1 else [f"input{i}" for i in range(len(shapes))]
    node = Node(name, layer, tuple(names), infer(layer, shapes), ORIGIN)
    inputs = {name: TensorType(shape) for name, shape in zip(names, shapes, strict=True)}
    return Graph("test", inputs, (node,), {name: node.output})


def chain_of(*layers: Layer, shape: Shape) -> Graph:
    """A graph of layers one after another, named `layer0`, `layer1`, …"""
    nodes: list[Node] = []
    value, type_ = "input", TensorType(shape)
    for index, layer in enumerate(layers):
        node = Node(f"layer{index}", layer, (value,), infer(layer, (type_.shape,)), ORIGIN)
        nodes.append(node)
        value, type_ = node.name, node.output
    return Graph("test", {"input": TensorType(shape)}, tuple(nodes), {value: type_})
