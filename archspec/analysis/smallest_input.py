"""The smallest input that a network takes with its weights as they are.

A size is legal where every layer fits what it is given and every tensor keeps its shape, which is
tried out, size by size from 1, by the layers' own shape rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archspec.graph import Graph, Node
from archspec.layers.base import Layer, LayerError, Shape, Tensor
from archspec.layers.sizes import are_numbers, number_at

MOST_VISITS = 100_000
"""Nodes that are visited for it."""
MOST_INFERRED = 20_000
"""Times that a layer is asked: at most a few tenths of a second, with the visits."""

Shapes = Mapping[str, Shape]
"""A shape for every input."""

Axis = tuple[str, int]
"""An input, by its name, and one of its axes."""


class Search(NamedTuple):
    """What came of looking for the smallest input: None where it was given up."""

    shapes: Shapes | None


def smallest_input(graph: Graph) -> Search | None:
    """The smallest legal size along each axis of the inputs, with the other axes as they are; where
    these are not legal together, sizes that are, and of which no one alone can be less. None where
    no input has an axis to vary.

    Inputs of the same size keep having the same. Of a network with symbolic sizes, the least values
    of its symbols.
    """
    free = _free_axes(graph)
    if not free:
        return None
    trial = _Trial(graph)
    try:
        if graph.symbols is not None:
            return Search(_of_symbols(graph, trial))
        return Search(_of_numbers(graph, trial, free))
    except _GivenUp:
        return Search(None)


def _free_axes(graph: Graph) -> list[list[Axis]]:
    """The spatial axes of the inputs, those together that have one size and one place."""
    groups: dict[tuple[int, int, int], list[Axis]] = {}
    for name, type_ in graph.inputs.items():
        rank = len(type_.shape)
        for axis, size in enumerate(type_.shape[1:], start=1):
            groups.setdefault((rank, axis, size), []).append((name, axis))
    return list(groups.values())


def _of_numbers(graph: Graph, trial: _Trial, free: list[list[Axis]]) -> Shapes:
    written = {name: type_.shape for name, type_ in graph.inputs.items()}
    own = [_size(written, axes) for axes in free]
    ones = _with_all(written, free, [1] * len(free))
    if trial.is_legal(ones):
        return ones  # as of most networks that end in a global pool
    least = [
        next((n for n in range(1, most) if trial.is_legal(_with(written, axes, n))), most)
        for axes, most in zip(free, own, strict=True)
    ]
    together = _with_all(written, free, least)
    if trial.is_legal(together):
        return together
    for number in range(min(least), max(own) + 1):
        sizes = [max(n, min(number, most)) for n, most in zip(least, own, strict=True)]
        together = _with_all(written, free, sizes)
        if trial.is_legal(together):
            break
    for axes, first in zip(free, least, strict=True):
        fewer = (_with(together, axes, n) for n in range(first, _size(together, axes)))
        together = next(filter(trial.is_legal, fewer), together)
    return together


def _size(shapes: Shapes, axes: list[Axis]) -> int:
    name, axis = axes[0]
    return shapes[name][axis]


def _with(shapes: Shapes, axes: list[Axis], number: int) -> Shapes:
    """The shapes with another size along these axes."""
    changed = {name: list(shape) for name, shape in shapes.items()}
    for name, axis in axes:
        changed[name][axis] = number
    return {name: tuple(shape) for name, shape in changed.items()}


def _with_all(shapes: Shapes, free: list[list[Axis]], numbers: list[int]) -> Shapes:
    for axes, number in zip(free, numbers, strict=True):
        shapes = _with(shapes, axes, number)
    return shapes


def _of_symbols(graph: Graph, trial: _Trial) -> Shapes | None:
    assert graph.symbols is not None
    values = graph.symbols.smallest()
    if values is None:
        return None
    shapes = shapes_at(graph, values)
    # The conditions say all there is to say; but no figure is given that was not tried.
    return shapes if trial.is_legal(shapes) else None


def shapes_at(graph: Graph, values: Mapping[str, int]) -> Shapes:
    """The inputs' shapes where their symbols have these values."""
    return {
        name: tuple([number_at(size, values) for size in type_.shape])
        for name, type_ in graph.inputs.items()
    }


class _GivenUp(Exception):
    """There is too much to try."""


class _Trial:
    """Runs shapes through a network's layers, each layer once for the shapes that it meets."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._visits = self._inferred = 0
        self._known: dict[int, dict[tuple[Shape, ...], Shape | None]] = {}
        self._kept: dict[tuple[int, tuple[Shape, ...]], bool] = {}
        self._steps = [
            (node, self._known.setdefault(id(node.layer), {}), node.inputs) for node in graph.nodes
        ]
        self._weighted = [
            node for node in graph.nodes if node.signature.parameters or node.signature.buffers
        ]

    def is_legal(self, inputs: Shapes) -> bool:
        """Whether the network takes inputs of these shapes. Raises _GivenUp after too much work."""
        if self._visits > MOST_VISITS or self._inferred > MOST_INFERRED:
            raise _GivenUp
        shapes = dict(inputs)
        for node, known, names in self._steps:
            self._visits += 1
            taken = tuple([shapes[name] for name in names])
            if taken in known:
                made = known[taken]
            else:
                made = known[taken] = self._infer(node.layer, taken)
            if made is None:
                return False
            shapes[node.name] = made
        for index, node in enumerate(self._weighted):
            if not self._keeps_weights(node, tuple([shapes[name] for name in node.inputs])):
                # What refuses one size will likely refuse the next: it is asked first then.
                self._weighted.insert(0, self._weighted.pop(index))
                return False
        return True

    def _infer(self, layer: Layer, inputs: tuple[Shape, ...]) -> Shape | None:
        """What a layer makes of inputs of these shapes, None where they do not fit."""
        self._inferred += 1
        try:
            made = layer.output_shape(inputs)
        except LayerError:
            return None
        return made if are_numbers(made) and min(made) >= 1 else None

    def _keeps_weights(self, node: Node, inputs: tuple[Shape, ...]) -> bool:
        """Whether a layer's tensors are of their own shapes for inputs of these."""
        key = (id(node.signature), inputs)
        if key not in self._kept:
            self._inferred += 1
            layer, own = node.layer, node.signature
            self._kept[key] = _shapes_of(own.parameters) == _shapes_of(
                layer.parameters(inputs)
            ) and _shapes_of(own.buffers) == _shapes_of(layer.buffers(inputs))
        return self._kept[key]


def _shapes_of(tensors: Mapping[str, Tensor]) -> Shapes:
    return {leaf: tensor.shape for leaf, tensor in tensors.items()}
