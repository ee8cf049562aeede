"""Whether weights fit a network: each of its tensors is there, of its shape, and nothing else."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from archspec.diagnostics import Diagnostic, Source, Span
from archspec.graph import Graph
from archspec.layers.base import Shape, product
from archspec.weights.stored import FLOATING, Stored
from archspec.weights.words import quoted, shape_text

_LISTED = 20
"""How many tensors with the same fault are named; the rest are counted."""

_CANDIDATES = 500
_CANDIDATE_LENGTH = 200
"""How many names, and of which length, are compared with one that has no counterpart."""


def check(graph: Graph, stored: Mapping[str, Stored], source: Source) -> list[Diagnostic]:
    """All that keeps the weights from being the graph's; empty if they are.

    A tensor that is missing, misshaped or not floating point is shown at its layer, in the order of
    the spec's text; after that, in `source`, which stands for the weights, come tensors that the
    network has no place for.
    """
    comparison = _compare(graph, stored, source)
    named: list[Diagnostic] = []
    counted: list[Diagnostic] = []
    for names, diagnose, fault in (
        (comparison.missing, comparison.missing_tensor, "are missing from the weights"),
        (comparison.unusable, comparison.unusable_tensor, "are not floating point"),
        (comparison.misshaped, comparison.misshaped_tensor, "have another shape"),
        (comparison.extra, comparison.extra_tensor, "of the weights are not the network's"),
    ):
        named += map(diagnose, names[:_LISTED])
        counted += _rest(names[_LISTED:], diagnose, fault)
    named.sort(key=lambda diagnostic: (diagnostic.span.source is source, diagnostic.span[:2]))
    return named + counted


def _rest(
    names: tuple[str, ...], diagnose: Callable[[str], Diagnostic], fault: str
) -> list[Diagnostic]:
    """One diagnostic for all the names, at the place of the first; none if there are none."""
    if not names:
        return []
    first = diagnose(names[0])
    return [Diagnostic(first.code, f"further tensors {fault}: {len(names):,}", first.span)]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What the network wants and what the weights have, by name, and the names that differ."""

    wanted: Mapping[str, Shape]
    origins: Mapping[str, Span]
    stored: Mapping[str, Stored]
    place: Span
    missing: tuple[str, ...]
    unusable: tuple[str, ...]
    misshaped: tuple[str, ...]
    extra: tuple[str, ...]

    def missing_tensor(self, name: str) -> Diagnostic:
        shape = self.wanted[name]
        extra = {other: self.stored[other].shape for other in self.extra}
        return Diagnostic(
            "AS602",
            f"the weights have no {quoted(name)} ({shape_text(shape)})",
            self.origins[name],
            _renamed(name, shape, extra, "The weights have", "Name the step after it")
            or "Use weights of this very network, or none, for initial values.",
        )

    def unusable_tensor(self, name: str) -> Diagnostic:
        return Diagnostic(
            "AS605",
            f"{quoted(name)} is of type {self.stored[name].dtype} in the weights",
            self.origins[name],
            f"Save it as one of {', '.join(FLOATING)}: a network's tensors are floating point.",
        )

    def misshaped_tensor(self, name: str) -> Diagnostic:
        wanted, given = self.wanted[name], self.stored[name].shape
        return Diagnostic(
            "AS604",
            f"{quoted(name)} is {shape_text(wanted)} in the network "
            f"and {shape_text(given)} in the weights",
            self.origins[name],
            _reshaped(wanted, given),
        )

    def extra_tensor(self, name: str) -> Diagnostic:
        shape = self.stored[name].shape
        missing = {other: self.wanted[other] for other in self.missing}
        return Diagnostic(
            "AS603",
            f"the weights have {quoted(name)} ({shape_text(shape)}), which the network has not",
            self.place,
            _renamed(name, shape, missing, "The network lacks", "Name that step after this one")
            or "Use weights of this very network, or take the tensor out of them.",
        )


def _compare(graph: Graph, stored: Mapping[str, Stored], source: Source) -> _Comparison:
    tensors = {name: tensor.shape for name, tensor in graph.tensors()}
    ignored = _batch_counters(graph)
    present = [name for name in tensors if name in stored]
    usable = [name for name in present if stored[name].dtype in FLOATING]
    return _Comparison(
        wanted=tensors,
        origins={
            name: node.origin for node in graph.nodes for name in (*node.parameters, *node.buffers)
        },
        stored=stored,
        place=Span(1, 1, 1, 1, source),
        missing=tuple(name for name in tensors if name not in stored),
        unusable=tuple(name for name in present if stored[name].dtype not in FLOATING),
        misshaped=tuple(name for name in usable if stored[name].shape != tensors[name]),
        extra=tuple(name for name in stored if name not in tensors and name not in ignored),
    )


def _batch_counters(graph: Graph) -> frozenset[str]:
    """The counts of batches that PyTorch keeps beside running statistics; inference needs none."""
    return frozenset(
        node.tensor_name("num_batches_tracked")
        for node in graph.nodes
        if node.kind == "batch_norm" and "running_mean" in node.signature.buffers
    )


def _renamed(name: str, shape: Shape, others: Mapping[str, Shape], holder: str, remedy: str) -> str:
    """Which of the others, on the other side, may be this tensor under another name, if any."""
    same_shape = [other for other in others if others[other] == shape]
    twin = _closest(name, same_shape, 0.0)
    if twin is not None:
        return (
            f"{holder} {quoted(twin)}, of the same shape: likely the same tensor, renamed. "
            f"{remedy}, or rename the tensor."
        )
    nearest = _closest(name, list(others), 0.6)
    if nearest is None:
        return ""
    return f"The closest name there is {quoted(nearest)} ({shape_text(others[nearest])})."


def _closest(name: str, others: list[str], cutoff: float) -> str | None:
    """The name most like this one, with a likeness, from 0 to 1, of at least the cutoff."""
    candidates = [other for other in others[:_CANDIDATES] if len(other) <= _CANDIDATE_LENGTH]
    matches = difflib.get_close_matches(name[:_CANDIDATE_LENGTH], candidates, 1, cutoff)
    return matches[0] if matches else None


def _reshaped(wanted: Shape, given: Shape) -> str:
    """What to do about weights of another shape."""
    if len(wanted) == len(given) and sorted(wanted) == sorted(given):
        return (
            "Only the order of the axes differs; PyTorch's is output channels, input channels, "
            "then the kernel. Transpose the tensor."
        )
    if product(wanted) == product(given):
        return "It has as many values: reshape the tensor."
    return "Use weights that were trained with these sizes, or change the layer to fit them."
