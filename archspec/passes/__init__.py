"""Optimisation: networks that compute the same with fewer layers, for inference.

    graph, weights ──optimize──▶ Network

A pass is a file here, with one function, `run`: a network in, a network out, which is the same
object where there is nothing to do. PASSES has them all, in the order in which they run; it is the
order in which nothing is left to do, so that to optimise twice is to optimise once.

What a pass keeps: the graph's inputs, outputs and metadata; the name of each value that is still
made, and the value itself but for rounding; names of tensors, shapes and MACs. A layer whose value
is an output stays, unless another can make the value under its name. What goes: how the network
behaves in training (dropout, the running statistics).

There is no pass for constants: each kind of layer takes a value, so none of the graph's values
follows from constants alone. Those of the ONNX operations that a layer becomes are folded by
`backends/onnx/constants.py`, where `Options.fold_constants` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from archspec.graph import Graph
from archspec.metadata import Level
from archspec.passes import (
    fold_batch_norm,
    fold_scale,
    merge_equal,
    remove_dead,
    remove_identity,
)
from archspec.passes.network import Network
from archspec.weights import Weights

__all__ = ["LEVELS", "PASSES", "Level", "Network", "Pass", "optimize"]

LEVELS: tuple[Level, ...] = ("none", "fold", "all")
"""How far to optimise: not at all; what folds into weights; everything."""


class Pass(NamedTuple):
    """A pass, and the first of LEVELS that runs it."""

    name: str
    level: Level
    run: Callable[[Network], Network]


PASSES = (
    Pass("remove_identity", "all", remove_identity.run),
    Pass("remove_dead", "all", remove_dead.run),
    Pass("merge_equal", "all", merge_equal.run),
    Pass("fold_batch_norm", "fold", fold_batch_norm.run),
    Pass("fold_scale", "fold", fold_scale.run),
)
"""Every pass, in the order in which they run."""


def optimize(graph: Graph, weights: Weights, level: Level) -> Network:
    """The network after the passes of this level. No array is read or made: that is done when the
    new weights are asked for one.
    """
    network = Network(graph, weights)
    for each in PASSES:
        if LEVELS.index(each.level) <= LEVELS.index(level):
            network = each.run(network)
    return network
