"""Parameters, multiply-accumulates and bytes of weights, in all."""

from __future__ import annotations

from typing import NamedTuple

from archspec.graph import Graph

BYTES = 4
"""Of one float32 element."""


class Cost(NamedTuple):
    """Totals of a network, for one sample.

    `params` leaves running statistics out, as PyTorch does; `macs` counts convolutions and fully
    connected layers without biases, as torchvision publishes; `weight_bytes` is all that is stored,
    running statistics included, as float32.
    """

    params: int
    macs: int
    weight_bytes: int


def cost(graph: Graph) -> Cost:
    """The totals of all nodes."""
    learnt = stored = macs = 0
    for node in graph.nodes:
        signature = node.signature
        macs += signature.macs
        if signature.parameters:
            learnt += signature.params
        if signature.buffers:
            stored += sum(tensor.size for tensor in signature.buffers.values())
    return Cost(learnt, macs, (learnt + stored) * BYTES)
