"""AS701: a bias that the normalisation after it takes away again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archspec.diagnostics import Diagnostic, Label
from archspec.graph import Node
from archspec.layers.fields import count
from archspec.lints.network import Network, place_of

BIASED = frozenset({"conv", "depthwise", "conv_transpose", "fc", "patch_embedding"})
"""Kinds whose bias is a number added to each channel."""

PASSES = frozenset(
    {
        *("identity", "flatten", "max_pool", "upsample", "channel_shuffle"),
        *("slice", "split", "concat", "add", "subtract"),
    }
)
"""Kinds that leave a number added to a channel what it is: no padding joins in, no dropout."""


def undone_biases(network: Network) -> Iterator[Diagnostic]:
    """Biases whose every way leads into a normalisation that takes each channel's mean away, and
    with it whatever is added to the channel (Ioffe and Szegedy 2015, section 3.2).

    A layer_norm, or a group_norm of several channels a group, does not: its mean is over channels
    that have different biases.
    """
    graph, takers = network.graph, network.takers
    biased = [n for n in graph.nodes if n.kind in BIASED and "bias" in n.signature.parameters]
    # Most biases are of a classifier, or before an activation.
    if not any([_may_be_undone(takers.get(node.name, ())) for node in biased]):
        return
    undone = _undone(network)
    # A bias that several layers share is undone where it is for each of them.
    needed = {node.owner or node.name for node in biased if node.name not in undone}
    found = [node for node in biased if (node.owner or node.name) not in needed]
    for nodes in network.wherever_made(found):
        first, norm = nodes[0], undone[nodes[0].name]
        saved = sum([n.signature.parameters["bias"].size for n in nodes if n.owner is None])
        yield Diagnostic(
            "AS701",
            f"the bias of this {first.kind} changes nothing: the {norm.kind} after it takes each "
            "channel's mean away",
            place_of(first, "bias"),
            help=f"`bias: false` saves {count(saved, 'parameter')}" if saved else "`bias: false`",
            labels=(Label(norm.origin, "this takes the mean away"),),
        )


def _undone(network: Network) -> dict[str, Node]:
    """The values to whose channels a number could be added for nothing, each with the next
    normalisation that takes it away.
    """
    undone: dict[str, Node] = {}
    for node in reversed(network.graph.nodes):
        takers = network.takers.get(node.name, ())
        norms = [t if _takes_mean_away(t) else _passed(t, undone) for t in takers]
        if norms and norms[0] and all(norms) and node.name not in network.graph.outputs:
            undone[node.name] = norms[0]
    return undone


def _passed(node: Node, undone: dict[str, Node]) -> Node | None:
    return undone.get(node.name) if node.kind in PASSES else None


def _may_be_undone(takers: Sequence[Node]) -> bool:
    return bool(takers) and all([_takes_mean_away(t) or t.kind in PASSES for t in takers])


def _takes_mean_away(node: Node) -> bool:
    """Whether a node takes each channel's own mean away."""
    if node.kind == "group_norm":
        return bool(getattr(node.layer, "num_groups", 0) == node.input_shapes[0][0])
    return node.kind in ("batch_norm", "instance_norm")
