"""How much memory the values of a network take at inference, from when each is alive."""

from __future__ import annotations

from archspec.analysis.cost import BYTES
from archspec.graph import Graph


def peak_activation_bytes(graph: Graph) -> int:
    """The most bytes that float32 values take at one time, for one sample of known size.

    Nodes run one at a time in the graph's order. A value lives from the node that makes it to the
    last that reads it, a network's output to the end; while a node runs, its inputs and its output
    are there together. A flatten, an identity and a dropout take nothing: their output is their
    input. Weights, and what a kernel needs besides, are not counted.
    """
    owner = {name: name for name in graph.inputs}
    for node in graph.nodes:
        owner[node.name] = owner[node.inputs[0]] if node.layer.is_view else node.name
    last: dict[str, int] = {}
    for index, node in enumerate(graph.nodes):
        for value in node.inputs:
            last[owner[value]] = index
    kept = {owner[name] for name in graph.outputs}
    sizes = {name: type_.elements for name, type_ in graph.inputs.items()}
    live = peak = sum(sizes.values())
    elements: dict[int, int] = {}
    for index, node in enumerate(graph.nodes):
        if not node.layer.is_view:
            key = id(node.signature)
            if key not in elements:
                elements[key] = node.output.elements
            sizes[node.name] = elements[key]
            live += elements[key]
            peak = max(peak, live)
        if node.name not in last and owner[node.name] == node.name and node.name not in kept:
            live -= sizes.pop(node.name)  # Nothing reads it.
        for value in {owner[name] for name in node.inputs}:
            if last[value] == index and value not in kept:
                live -= sizes.pop(value)
    return peak * BYTES
