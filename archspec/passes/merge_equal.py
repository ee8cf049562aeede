"""Layers that do the same to the same values: the first does it for all (common subexpressions).

They are of the same kind and fields, read the same values in the same order, and have no tensors or
share the same ones. Kinds from outside are left alone: what they compute is their own affair.
"""

from __future__ import annotations

from archspec.graph import Node
from archspec.layers.base import Layer
from archspec.passes.network import Network, rewired


def run(network: Network) -> Network:
    """The network with each value made once, but for values that are outputs."""
    graph = network.graph
    first: dict[tuple[Layer, tuple[str, ...], str], str] = {}
    instead: dict[str, str] = {}
    nodes: list[Node] = []
    for old in graph.nodes:
        node = rewired(old, instead)
        if type(node.layer) not in graph.outside:
            has_tensors = node.signature.parameters or node.signature.buffers
            tensors = node.tensor_name("") if has_tensors else ""
            twin = first.setdefault((node.layer, node.inputs, tensors), node.name)
            if twin != node.name and node.name not in graph.outputs:
                instead[node.name] = twin
                continue
        nodes.append(node)
    return network.with_nodes(nodes) if instead else network
