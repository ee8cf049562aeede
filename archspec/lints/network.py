"""What the lints look at: a network without errors, and who takes which value in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from archspec.diagnostics import Diagnostic, Span
from archspec.document import Spec
from archspec.graph import Graph, Node

_MOST_VIEWS = 10
"""In a row that are looked behind: without a limit, ten thousand would be, from each node."""


class Network:
    """A spec and its graph. `makers` has the node of every value but the inputs, `takers` those
    that take it.
    """

    # A class of typing's or of dataclasses' takes longer to be made than some lints take in all.
    __slots__ = ("graph", "makers", "spec", "takers")

    def __init__(self, spec: Spec, graph: Graph) -> None:
        self.spec = spec
        self.graph = graph
        self.makers = {node.name: node for node in graph.nodes}
        self.takers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for value in node.inputs:
                self.takers.setdefault(value, []).append(node)

    def behind_views(self, value: str) -> list[Node]:
        """The nodes that made a value, from the last back to the first that is no view: what
        flatten and dropout pass on was made before. Empty where there is no such node nearby.
        """
        found: list[Node] = []
        node = self.makers.get(value)
        while node is not None and len(found) < _MOST_VIEWS:
            found.append(node)
            node = self.makers.get(node.inputs[0]) if node.layer.is_view else None
        return found if found and not found[-1].layer.is_view else []

    def wherever_made(self, found: Iterable[Node]) -> list[list[Node]]:
        """The nodes place by place in the text, where all that a place makes are among them: what
        is so in one repeat, or call of a block, alone may be needed in another.
        """
        places: dict[tuple[Span, str], list[Node]] = {}
        for node in found:
            places.setdefault((node.origin, node.kind), []).append(node)
        if not places:
            return []
        names = {node.name for nodes in places.values() for node in nodes}
        for node in self.graph.nodes:
            if node.name not in names:
                places.pop((node.origin, node.kind), None)
        return list(places.values())


Lint = Callable[[Network], Iterator[Diagnostic]]
"""A pure function that finds one thing, or one family of things."""


def place_of(node: Node, field: str) -> Span:
    """Where the value of a node's field is written, or else its step's word."""
    return node.places.get(field, node.origin)
