"""What the passes take and give, and the questions about a graph that several of them ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from archspec.graph import Graph, Node
from archspec.weights import Stored, Weights

_NOTHING: Mapping[str, Stored] = MappingProxyType({})


class Network(NamedTuple):
    """A graph and the weights that are its own: an array for each of `graph.tensors()`."""

    graph: Graph
    weights: Weights

    def with_nodes(self, nodes: Iterable[Node], made: Mapping[str, Stored] = _NOTHING) -> Network:
        """The network of these nodes, in topological order; the same inputs, outputs and metadata.

        Where a node shares the tensors of one that is gone, the first such node has them from here
        on, under the names that they had. The weights are those of its tensors that `made` has, and
        for the rest the ones of before.
        """
        kept = _with_owners(nodes)
        used = {type(node.layer) for node in kept}
        outside = {layer: kind for layer, kind in self.graph.outside.items() if layer in used}
        graph = replace(self.graph, nodes=kept, outside=outside)
        names = [name for name, _ in graph.tensors()]
        return Network(graph, self.weights.replaced(names, made))


def _with_owners(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes, each with tensors of its own or those of one before it."""
    owners: set[str] = set()
    made = []
    for node in nodes:
        is_orphan = node.owner is not None and node.owner not in owners
        made.append(node._replace(owner=None, prefix=node.owner) if is_orphan else node)
        owners.add(node.tensor_name(""))
    return tuple(made)


def takers(graph: Graph) -> dict[str, list[Node]]:
    """The nodes that read each value, none for a value that no node reads; the outputs, which the
    caller reads, are not counted.
    """
    found: dict[str, list[Node]] = {name: [] for name in graph.inputs}
    for node in graph.nodes:
        for name in node.inputs:
            found[name].append(node)
        found[node.name] = []
    return found


def rewired(node: Node, instead: Mapping[str, str]) -> Node:
    """The node, reading for each of these values the one that stands for it."""
    if not any([name in instead for name in node.inputs]):
        return node
    return node._replace(inputs=tuple([instead.get(name, name) for name in node.inputs]))


def shared_tensors(graph: Graph) -> frozenset[str]:
    """What the tensors are named after that more than one node has."""
    return frozenset([node.owner for node in graph.nodes if node.owner is not None])
