"""Layers removed whose value nobody reads, neither a layer nor the caller.

Their tensors go with them, but for those that a layer which stays shares.
"""

from __future__ import annotations

from archspec.graph import Node
from archspec.passes.network import Network


def run(network: Network) -> Network:
    """The network with only the layers that its outputs follow from."""
    read = set(network.graph.outputs)
    kept: list[Node] = []
    for node in reversed(network.graph.nodes):
        if node.name in read:
            read.update(node.inputs)
            kept.append(node)
    kept.reverse()
    if len(kept) == len(network.graph.nodes):
        return network
    return network.with_nodes(kept)
