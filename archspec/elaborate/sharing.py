"""Layers that have the weights of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from archspec.diagnostics import Label, Sink, Span
from archspec.graph import Node
from archspec.layers.base import Shape, Tensor, text_of


class _Reporter(Protocol):
    sink: Sink
    by_name: dict[str, Node]

    def report(
        self, code: str, message: str, span: Span, help: str = "", labels: tuple[Label, ...] = ()
    ) -> None: ...


class Sharing:
    """Layers at one name, a step's own or those inside a block, that have the weights of those at
    another. The two must be the same layers, called the same below their names.
    """

    def __init__(self, name: str, owner: str, at: Span) -> None:
        self.name = name
        self.owner = owner
        self.at = at
        self.is_used = False

    def owner_of(self, node: Node, builder: _Reporter) -> str | None:
        """The name of the node whose weights this one has; None where they do not fit, which is
        reported.
        """
        self.is_used = True
        if node.name != self.name and not node.name.startswith(f"{self.name}."):
            message = f"`{node.name}` is named outside `{self.name}`, and shares nothing with it"
            help = "give this step, and the one that it shares with, a `name`"
            builder.report("AS308", message, self.at, help=help)
            return None
        wanted = self.owner + node.name.removeprefix(self.name)
        owner = builder.by_name.get(wanted)
        if owner is None:
            message = f"`{node.name}` would share the weights of `{wanted}`, which is not there"
            builder.report("AS308", message, self.at, help=self._way_out(builder))
            return None
        difference = _difference(node, owner)
        if difference:
            message = f"`{node.name}` cannot share the weights of `{wanted}`: {difference}"
            help = "make the two alike, or give this one weights of its own"
            places = (
                (node.origin, "this would share them"),
                (owner.origin, "this has the weights"),
            )
            labels = tuple(Label(span, text) for span, text in places)
            builder.report("AS308", message, self.at, help=help, labels=labels)
            return None
        return owner.owner or owner.name

    def _way_out(self, builder: _Reporter) -> str:
        """The names that could be meant. They are looked for once: of a thousand repeats of the
        same mistake, one is told.
        """
        names = () if builder.sink.holds("AS308") else builder.by_name
        near = [name for name in names if name.startswith(f"{self.owner}.")]
        if near:
            return f"below `{self.owner}` there are {', '.join(near[:6])}"
        return f"`{self.owner}` must be a step, or block, that runs before this one"


def _difference(node: Node, owner: Node) -> str:
    """In what two layers that are to share their weights differ; empty where they do not."""
    if type(node.layer) is not type(owner.layer):
        return f"it is {node.kind}, and that is {owner.kind}"
    ours, theirs = dict(_shapes(node)), dict(_shapes(owner))
    for leaf, shape in ours.items():
        if shape != theirs.get(leaf):
            there = f"{text_of(theirs[leaf])} there" if leaf in theirs else "not there"
            return f"its {leaf or 'tensor'} is {text_of(shape)}, and {there}"
    for leaf in theirs.keys() - ours.keys():
        return f"it has no {leaf}, and that has"
    for field, value in node.layer:
        other = getattr(owner.layer, field)
        if value != other:
            return f"its {field} is another"
    return ""


def _shapes(node: Node) -> Iterable[tuple[str, Shape]]:
    tensors: Iterable[Mapping[str, Tensor]] = (node.signature.parameters, node.signature.buffers)
    for named in tensors:
        yield from ((leaf, tensor.shape) for leaf, tensor in named.items())
