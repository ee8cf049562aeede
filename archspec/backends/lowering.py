"""One layer lowered, by whichever backend: what cannot be lowered is said with the layer's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from archspec.graph import Graph, Node
from archspec.layers.base import Layer
from archspec.layers.sizes import NeedsNumber

Emit = TypeVar("Emit")
Made = TypeVar("Made")

_CALLED = {"torch": "PyTorch", "onnx": "ONNX"}


def lower(
    node: Node,
    graph: Graph,
    backend: Literal["torch", "onnx"],
    table: Mapping[type[Layer], Callable[[Any, Emit], Made]],
    emit: Emit,
    problem: Callable[[Made], str],
) -> Made:
    """What the lowering of the node's layer makes, by the backend's `table`, or as a kind from
    outside says itself; `problem` tells what is wrong with what that one made.

    Raises ValueError for a size that has to be a number, and for a kind from outside that fails.
    """
    try:
        if type(node.layer) in table:
            return table[type(node.layer)](node.layer, emit)
        return _from_outside(node, graph, backend, emit, problem)
    except NeedsNumber as error:
        raise ValueError(f"{node.name}: {error.message}; {error.help}") from error


def _from_outside(
    node: Node,
    graph: Graph,
    backend: Literal["torch", "onnx"],
    emit: Emit,
    problem: Callable[[Made], str],
) -> Made:
    lowering: Callable[[Any, Emit], Made] | None
    lowering = getattr(graph.outside[type(node.layer)], backend)
    kind = f"{node.name}: the kind `{node.kind}`"
    if lowering is None:
        raise ValueError(f"{kind} has no lowering to {_CALLED[backend]}")
    try:
        made = lowering(node.layer, emit)
        wrong = problem(made)
    except NeedsNumber:
        raise
    except Exception as error:  # it may fail in any way
        wrong = f"{type(error).__name__}: {error}"
        raise ValueError(f"{kind} fails in its lowering to {_CALLED[backend]}: {wrong}") from error
    if wrong:
        raise ValueError(f"{kind} fails in its lowering to {_CALLED[backend]}: {wrong}")
    return made
