"""Parameters, multiply-accumulates and bytes of weights, in all."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from archspec.graph import Graph
from archspec.layers.sizes import total

BYTES = 4
"""Of one float32 element."""


class Cost(NamedTuple):
    """Totals of a network, for one sample.

    `params` leaves running statistics out, as PyTorch does; `macs` counts convolutions, fully
    connected layers and attention without biases, as torchvision publishes; `weight_bytes` is all
    that is stored, running statistics included, as float32.
    """

    params: int
    macs: int
    weight_bytes: int


def cost(graph: Graph) -> Cost:
    """The totals of all nodes."""
    # Nodes that do the same share their signature: each is added up once, times its nodes.
    signatures = {id(node.signature): node.signature for node in graph.nodes}
    times = Counter([id(node.signature) for node in graph.nodes])
    # Weights that are another node's are there once.
    owned = times - Counter([id(node.signature) for node in graph.nodes if node.owner])
    learnt = stored = 0
    macs = total(times[key] * signature.macs for key, signature in signatures.items())
    for key, signature in signatures.items():
        learnt += owned[key] * signature.params
        stored += owned[key] * sum([tensor.size for tensor in signature.buffers.values()])
    return Cost(learnt, macs, (learnt + stored) * BYTES)
