"""AS709 and AS710: an activation after an activation, and a softmax where the loss has one."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.diagnostics import Diagnostic, Label, calls_of
from archspec.lints.network import Network

_ACTIVATIONS = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "softplus"),
        *("sigmoid", "hard_sigmoid", "hard_swish", "tanh", "softmax", "log_softmax"),
    }
)
KINDS = _ACTIVATIONS | {"abs"}
_NEVER_NEGATIVE = frozenset(
    {"relu", "relu6", "sigmoid", "hard_sigmoid", "softplus", "softmax", "abs"}
)
_AT_MOST_6 = frozenset({"relu6", "sigmoid", "hard_sigmoid", "softmax"})
_KEEPS_POSITIVE = frozenset({"relu", "leaky_relu", "prelu", "elu", "abs"})
"""Kinds that pass on what is not negative as it is."""

_KNOWN_PAIRS = frozenset({("softplus", "tanh")})
"""What mish is made of: x tanh(softplus(x))."""


def activations_in_a_row(network: Network) -> Iterator[Diagnostic]:
    """Activations whose input is an activation's output, with nothing learnt between them.

    Where the second provably changes nothing, that is said. Any other two are one function of each
    element that no layer needs (but those that mish is made of), unless something else takes what
    is between them too: then each has a reason of its own.
    """
    told = set()
    for node in network.graph.nodes:
        if node.kind not in KINDS:
            continue
        before = network.makers.get(node.inputs[0])
        if before is None or not (before.kind in KINDS or before.layer.is_view):
            continue
        way = network.behind_views(before.name)
        if not way or node.origin in told:
            continue
        first = way[-1]
        if _is_idle(first.kind, node.kind, directly=len(way) == 1):
            message = f"this {node.kind} changes nothing after the {first.kind} before it"
            help = "remove it"
        elif (
            {first.kind, node.kind} <= _ACTIVATIONS
            and (first.kind, node.kind) not in _KNOWN_PAIRS
            and all([_is_taken_once(between.name, network) for between in way])
        ):
            message = f"two activations in a row: {first.kind}, and this {node.kind}"
            help = "remove one, or put the layer between them that is missing"
        else:
            continue
        told.add(node.origin)
        labels = calls_of(node.frames)
        if first.origin != node.origin:
            labels = (Label(first.origin, f"the {first.kind} before it"), *labels)
        yield Diagnostic("AS709", message, node.origin, help=help, labels=labels)


def _is_idle(first: str, second: str, *, directly: bool) -> bool:
    """Whether the second of two activations changes nothing that the first can make. What stands
    between them may be a dropout, which makes values larger in training.
    """
    if second in _KEEPS_POSITIVE:
        return first in _NEVER_NEGATIVE
    return second == "relu6" and first in _AT_MOST_6 and directly


def _is_taken_once(value: str, network: Network) -> bool:
    return len(network.takers.get(value, ())) == 1 and value not in network.graph.outputs


def last_softmax(network: Network) -> Iterator[Diagnostic]:
    """Outputs that are probabilities. Trained with a loss that takes logits, they are squashed
    twice, and learn slowly at no error.
    """
    for output in network.graph.outputs:
        way = network.behind_views(output)
        if way and way[-1].kind == "softmax":
            message = (
                "this output is a softmax's, and a loss such as PyTorch's cross_entropy takes "
            )
            yield Diagnostic(
                "AS710",
                message + "logits, to which it applies the softmax itself",
                way[-1].origin,
                help="end with the logits: `archspec run` makes probabilities of them",
                labels=calls_of(way[-1].frames),
            )
