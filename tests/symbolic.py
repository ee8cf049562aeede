"""Cases and networks with symbolic sizes in the place of their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from archspec.graph import Graph, Node, TensorType, infer
from archspec.layers.base import Inputs, LayerError
from archspec.layers.sizes import number_at
from archspec.pipeline import compile_bytes
from archspec.symbolic import Symbols
from tests.cases import Case
from tests.graphs import ORIGIN
from tests.zoo import SPECS

Values = Mapping[str, int]


class Symbolic(NamedTuple):
    """A case whose spatial sizes are symbols: of the same size along the same axis, the same."""

    case: Case
    symbols: Symbols
    shapes: Inputs

    def numbers(self, values: Values) -> Inputs:
        """The shapes where symbols have these values."""
        return tuple([tuple([number_at(n, values) for n in shape]) for shape in self.shapes])

    def graph(self, shapes: Inputs | None = None) -> Graph:
        """The case's layer as a network, with symbolic sizes or with numbers."""
        names = [f"input{index}" for index in range(len(self.shapes))]
        taken = self.shapes if shapes is None else shapes
        node = Node("layer", self.case.layer, tuple(names), infer(self.case.layer, taken), ORIGIN)
        inputs = {name: TensorType(shape) for name, shape in zip(names, taken, strict=True)}
        symbols = self.symbols if shapes is None else None
        return Graph("test", inputs, (node,), {"layer": node.output}, symbols=symbols)

    def values(self, *firsts: int, step: int = 1) -> list[Values]:
        """Values for the symbols that grow by a step from one axis to the next."""
        return [
            {name: first + step * index for index, name in enumerate(self.symbols.names)}
            for first in firsts
        ]


def symbolic(case: Case) -> Symbolic | None:
    """A case with symbols; None where it has no spatial size, or its weights follow from one."""
    words: dict[tuple[int, int], str] = {}
    for shape in case.shapes:
        for axis, size in enumerate(shape[1:]):
            if size != 1:  # A size of 1 is repeated: it is no other number in disguise.
                words.setdefault((axis, size), f"{'ABC'[axis]}{size}")
    if not words:
        return None
    symbols = Symbols(tuple(words.values()))
    shapes = tuple(
        [
            (
                shape[0],
                *[n if n == 1 else symbols.size(words[a, n]) for a, n in enumerate(shape[1:])],
            )
            for shape in case.shapes
        ]
    )
    made = Symbolic(case, symbols, shapes)
    try:
        made.graph()
    except LayerError as error:
        assert error.code == "AS307", case.id
        return None
    symbols.settle()
    return made


def free(network: str) -> Graph:
    """A network of the zoo with a free height and width."""
    text = f"archspec: 1\nname: {network}\nextends: {network}.yaml\ninput: [3, H, W]\n"
    found = compile_bytes(str(SPECS / f"{network}_free.yaml"), text.encode(), {})
    assert found.ok, [diagnostic.message for diagnostic in found.diagnostics]
    return found.graph


def texts(shape: Any) -> list[int | str]:
    """A shape with its formulas as text."""
    return [size if type(size) is int else str(size) for size in shape]
