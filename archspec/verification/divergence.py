"""The first layer whose value is not what it should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.backends.onnx import read
from archspec.backends.onnx.model import Initializer
from archspec.backends.torch.values import Network
from archspec.diagnostics.diagnostic import shown_path
from archspec.graph import Node
from archspec.layers.base import product
from archspec.runtime.values import run_bytes
from archspec.verification.errors import error_of
from archspec.verification.report import Divergence, Error, InputValue
from archspec.verification.static import stored_differences
from archspec.verification.subject import Subject

Array = NDArray[Any]

MOST_BYTES = 2**28
"""Of values that are looked at in one run, about."""

MOST_SHOWN = 5
"""Numbers of a value that are shown."""


class Search:
    """The search for the first divergence, on one batch.

    `inputs` are the network's, `feeds` the same as the file takes them.
    """

    def __init__(
        self,
        subject: Subject,
        network: Network,
        inputs: dict[str, Array],
        feeds: dict[str, Array],
        relative: float | None,
    ) -> None:
        self.subject, self.network = subject, network
        self.inputs, self.feeds, self.relative = inputs, feeds, relative
        self.nodes = [node for node in subject.graph.nodes if node.name in subject.values]
        self.runs = 0
        self._found: dict[str, Array] = {}
        self._exact: dict[str, Array] = {}
        self._errors: dict[str, Error] = {}

    def first(self) -> Divergence | None:
        """The first layer, in the order of the network, whose value diverges; None if none does.

        Found by bisection between the input, which is the same, and the last value that diverges,
        with one value to look at in each run. A later layer may hide what an earlier one does, as a
        relu does, and then bisection passes it by: so the values before the one that it finds are
        all looked at in the end.
        """
        last = next((at for at in range(len(self.nodes) - 1, -1, -1) if self._is_tried(at)), None)
        if last is None:
            return None
        agreeing, diverging = -1, last
        while diverging - agreeing > 1:
            middle = (agreeing + diverging) // 2
            if self._diverges([self.nodes[middle]]):
                diverging = middle
            else:
                agreeing = middle
        for part in self._parts(self.nodes[:diverging]):
            wrong = self._diverges(part)
            if wrong:
                return self._described(wrong[0])
        return self._described(self.nodes[diverging])

    def strayed(self) -> tuple[Node, Error] | None:
        """The first layer whose value is not what it should be, whatever the outputs are."""
        for part in self._parts(self.nodes):
            wrong = self._diverges(part)
            if wrong:
                return wrong[0], self._errors[wrong[0].name]
            self._keep("")
        return None

    def _is_tried(self, at: int) -> bool:
        """Whether the value diverges, of those that are looked at first: the network's outputs."""
        node = self.nodes[at]
        return node.name in self.subject.graph.outputs and bool(self._diverges([node]))

    def _diverges(self, nodes: Sequence[Node]) -> list[Node]:
        """Those of the nodes whose value is not what it should be."""
        self._run([node.name for node in nodes])
        return [node for node in nodes if not self._errors[node.name].agrees]

    def _run(self, names: Sequence[str]) -> None:
        asked = [name for name in names if name not in self._errors]
        if not asked:
            return
        self.runs += 1
        called = [self.subject.values[name] for name in asked]
        model = read.exposed(self.subject.proto, called)
        found = run_bytes(
            model, self.subject.path.parent, self.feeds, called, self.subject.model.placement
        )
        precision = self.subject.metadata.precision
        exact = self.network.exact_values(self.inputs, asked)
        if precision in ("fp16", "bf16"):
            rounded = self.network.rounded_values(self.inputs, asked, precision)
        else:
            rounded = self.network.values(self.inputs, asked)
        for name, called_so in zip(asked, called, strict=True):
            self._found[name], self._exact[name] = found[called_so], exact[name]
            self._errors[name] = error_of(
                found[called_so], exact[name], rounded[name], precision, self.relative
            )

    def _parts(self, nodes: Sequence[Node]) -> Iterator[list[Node]]:
        """The nodes in runs whose values are MOST_BYTES together, or one alone is more."""
        samples = len(next(iter(self.inputs.values())))
        part: list[Node] = []
        held = 0
        for node in nodes:
            shape = node.output.shape
            size = 20 * samples * (product(shape) if all(type(s) is int for s in shape) else 2**16)
            if part and held + size > MOST_BYTES:
                yield part
                part, held = [], 0
            part.append(node)
            held += size
        if part:
            yield part

    def _described(self, node: Node) -> Divergence:
        self._keep(node.name)
        taken, folded = self._before(node)
        inner = [name for name in taken if name in self.subject.values]
        self._run(inner)
        inputs = [
            InputValue(name, self._errors[name].agrees, self._errors[name].absolute)
            if name in self._errors
            else InputValue(name, True, 0.0)
            for name in taken
        ]
        error = self._errors[node.name]
        found, exact = self._found[node.name], self._exact[node.name]
        layers = [node.name, *folded]
        expected = self.subject.skeleton.model
        reasons = [
            reason
            for name in layers
            for reason in read.differences(
                read.operations_of(expected, name), self.subject.proto, expected
            )
        ]
        reasons += stored_differences(self.subject, self._tensors(layers))
        return Divergence(
            layer=node.name,
            kind=node.kind,
            file=shown_path(node.origin.source.path),
            line=node.origin.line,
            column=node.origin.column,
            folded=tuple(folded),
            shape=tuple(exact.shape),
            error=error,
            torch=_around(exact, error.place),
            onnx=_around(found, error.place) if found.shape == exact.shape else (),
            inputs=tuple(inputs),
            reasons=tuple(reasons),
            runs=self.runs,
        )

    def _tensors(self, layers: list[str]) -> list[Initializer]:
        """What the file is to store for these layers."""
        names = {
            name
            for node in self.subject.network.graph.nodes
            if node.name in layers
            for name in (*node.parameters, *node.buffers)
        }
        return [each for each in self.subject.skeleton.initializers if each.key in names]

    def _keep(self, name: str) -> None:
        """Forget the arrays of all other values."""
        for held in (self._found, self._exact):
            for other in [each for each in held if each != name]:
                del held[other]

    def _before(self, node: Node) -> tuple[list[str], list[str]]:
        """The values that the layer follows from and that the file has, and the layers between,
        whose values it has not.
        """
        makers = {each.name: each for each in self.subject.graph.nodes}
        taken: dict[str, None] = {}
        between: dict[str, None] = {}
        rest = list(node.inputs)
        while rest:
            name = rest.pop(0)
            if name in self.subject.values or name not in makers:
                taken[name] = None
            elif name not in between:
                between[name] = None
                rest += makers[name].inputs
        return list(taken), list(between)


def _around(array: Array, index: tuple[int, ...]) -> tuple[float, ...]:
    """The number at `index` and those next to it along the last axis."""
    if not index:
        return (float(array),) if not array.ndim else ()
    row = array[index[:-1]]
    start = max(0, min(index[-1] - MOST_SHOWN // 2, len(row) - MOST_SHOWN))
    return tuple(float(np.float64(each)) for each in row[start : start + MOST_SHOWN])
