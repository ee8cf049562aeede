"""What a convention is made of: for each kind of layer, what of its work is counted as MACs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, NamedTuple

from archspec.graph import Graph, Node, Signature
from archspec.layers.base import Inputs, Layer, Shape


class Part(StrEnum):
    """What a count is for: the lines in which two conventions are compared."""

    PRODUCTS = "products"
    TRANSPOSED = "transposed"
    ATTENTION = "attention"
    BIASES = "biases"
    BATCH_NORM = "batch_norm"
    OTHER_NORMS = "other_norms"
    ACTIVATIONS = "activations"
    POOLING = "pooling"
    UPSAMPLING = "upsampling"
    COUNTED_AGAIN = "counted_again"


Count = Callable[[Any, Inputs, Shape], int]
"""What is counted of a layer, the first argument, for one sample, given its inputs' shapes and its
output's. Plain arithmetic, so that sizes may be symbolic.
"""


class Term(NamedTuple):
    """A count, and the line that it belongs to."""

    part: Part
    counted: Count


class Rule(NamedTuple):
    """What a convention counts of a kind; where it counts nothing, `why`."""

    terms: tuple[Term, ...]
    why: str = ""

    def parts(self, layer: Layer, inputs: Inputs, output: Shape) -> dict[Part, int]:
        """The counts of one layer, by line."""
        counted: dict[Part, int] = {}
        for part, count in self.terms:
            counted[part] = counted.get(part, 0) + count(layer, inputs, output)
        return counted


def counts(*terms: tuple[Part, Count]) -> Rule:
    """The rule that counts these."""
    return Rule(tuple([Term(part, count) for part, count in terms]))


def nothing(why: str) -> Rule:
    """The rule that counts nothing, for this reason."""
    return Rule((), why)


Rules = Mapping[type[Layer], Rule]


def alike(rule: Rule, *kinds: type[Layer]) -> Rules:
    """The same rule for several kinds."""
    return dict.fromkeys(kinds, rule)


class NoRule(Exception):
    """A convention says nothing of a kind, so that there is no figure under it."""

    def __init__(self, kind: str, convention: str) -> None:
        super().__init__(f"the convention {convention} has no rule for the kind `{kind}`")
        self.kind = kind
        self.convention = convention


class Convention(NamedTuple):
    """How one tool counts. `tool` says of which call these are the figures, and `packages` of which
    versions. `otherwise` is the rule for kinds from outside archspec, if there is one.
    """

    name: str
    tool: str
    packages: Mapping[str, str]
    rules: Rules
    otherwise: Rule | None = None

    def parts_of(self, node: Node) -> dict[Part, int]:
        """What is counted of one node, by line. Raises NoRule."""
        rule = self.rules.get(type(node.layer), self.otherwise)
        if rule is None:
            raise NoRule(node.kind, self.name)
        return rule.parts(node.layer, node.input_shapes, node.output.shape)

    def macs_of(self, node: Node) -> int:
        """What is counted of one node. Raises NoRule."""
        return sum(self.parts_of(node).values())

    def breakdown(self, graph: Graph) -> dict[Part, int]:
        """What is counted of a network, by line, every line included. Raises NoRule."""
        total: dict[Part, int] = dict.fromkeys(Part, 0)
        # Nodes that do the same share their layer and signature: each is counted once, times its
        # nodes. One that runs again on another's weights is counted again, as it works again.
        times = Counter([(id(node.layer), id(node.signature)) for node in graph.nodes])
        nodes = {(id(node.layer), id(node.signature)): node for node in graph.nodes}
        for key, node in nodes.items():
            for part, count in self.parts_of(node).items():
                total[part] = total[part] + times[key] * count
        return total

    def macs(self, graph: Graph) -> int:
        """What is counted of a network. Raises NoRule."""
        return sum(self.breakdown(graph).values())


def recounted(graph: Graph, convention: Convention) -> Graph:
    """The same network with the MACs of its nodes as the convention counts them. Raises NoRule."""
    made: dict[tuple[int, int], Signature] = {}
    nodes = []
    for node in graph.nodes:
        key = id(node.layer), id(node.signature)
        if key not in made:
            made[key] = node.signature._replace(macs=convention.macs_of(node))
        nodes.append(node._replace(signature=made[key]))
    return replace(graph, nodes=tuple(nodes))
