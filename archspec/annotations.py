"""What a file says of its network besides the layers: figures to meet, pictures, class labels."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from archspec.analysis.cost import cost
from archspec.analysis.memory import peak_activation_bytes
from archspec.diagnostics import Sink
from archspec.document import Spec
from archspec.document.expectations import Bound
from archspec.graph import Graph
from archspec.labels import read_labels
from archspec.layers.base import Shape, text_of
from archspec.layers.sizes import is_number, settings
from archspec.metadata import Scores
from archspec.preprocess import CHANNEL_COUNT, Preprocess, both_sides
from archspec.source import KeyPath, place

if TYPE_CHECKING:
    from archspec.symbolic import Symbols


def check_figures(spec: Spec, graph: Graph, as_written: bool, sink: Sink) -> None:
    """Report each figure of the file's `expect` that the network does not meet.

    A bound holds for any variables; an exact figure speaks of the network as it is written.
    """
    expected = spec.sections.expect.figures() if spec.sections.expect else {}
    found = cost(graph)._asdict() if expected else {}
    if "activation_bytes" in expected and graph.symbols is None:
        found["activation_bytes"] = peak_activation_bytes(graph)
    for name, bound in expected.items():
        if graph.symbols is not None and not is_number(found.get(name, graph.symbols)):
            _report_symbolic(spec, name, graph.symbols, sink)
            continue
        if (bound.relation == "==" and not as_written) or bound.admits(found[name]):
            continue
        sink.report(
            "AS306",
            f"the network has {found[name]:,} {name.replace('_', ' ')}, not {bound} as expected",
            place(spec.root, ("expect", name)),
            help=_explained(name, found[name], bound, graph)
            + f"write `{name}: {_met(bound, found[name])}` if that is what you mean",
        )


def _met(bound: Bound, figure: int) -> str:
    """The figure, or a bound of the same sense that it meets, with three digits."""
    if bound.relation == "==":
        return str(figure)
    step = 10 ** max(0, len(str(figure)) - 3)
    limit = figure // step * step
    if "<" in bound.relation:
        limit += step
    elif bound.relation == ">" and limit == figure:
        limit -= step
    return f'"{bound.relation} {limit:,}"'


def _explained(name: str, found: int, bound: Bound, graph: Graph) -> str:
    """Where there are too many parameters: the tensor, or all of one sort, that has exactly as many
    as there are too many, if there is one; else empty.
    """
    if name != "params" or bound.relation != "==":
        return ""
    counts: Counter[str] = Counter()
    for node in graph.nodes:
        for tensor, parameter in node.parameters.items():
            counts[f"`{tensor}` has"] += parameter.size
            leaf = tensor.rpartition(".")[2]
            counts[f"every `{leaf}` of {node.kind} together have"] += parameter.size
    too_many = found - int(bound.limit)
    holder = next((words for words, size in counts.items() if size == too_many), None)
    return f"{holder} the {too_many:,} that are too many; or " if holder else ""


def _report_symbolic(spec: Spec, name: str, symbols: Symbols, sink: Sink) -> None:
    """Report that a figure of the network is none, as long as its input has no size."""
    words, sizes = name.replace("_", " "), ", ".join(symbols.names)
    message = f"the network's {words} follow from {sizes}, and are no number to compare with"
    help = f"expect them where the input's sizes are numbers: {settings(symbols.names)}"
    sink.report("AS307", message, place(spec.root, ("expect", name)), help=help)


def metadata(spec: Spec, graph: Graph, as_written: bool, sink: Sink) -> dict[str, Any]:
    """What travels with the network. Reports what does not go with it, where it is as written: with
    other variables, or taken over from a file for another network, it may not fit.
    """
    sections = spec.sections
    found: dict[str, Any] = {"scores": scores(graph)}
    if graph.symbols is not None:
        found["sizes"] = graph.symbols.limits()
    if sections.description:
        found["description"] = sections.description
    if sections.references:
        found["references"] = list(sections.references)
    if sections.preprocess is not None:
        problem, blamed = _problem_with(sections.preprocess, graph)
        if not problem:
            found["preprocess"] = sections.preprocess.model_dump(mode="json")
        elif as_written and _is_own(spec, "preprocess"):
            help = "change `channels`, `resize` or `crop` to make the network's input"
            sink.report("AS306", problem, place(spec.root, ("preprocess", *blamed)), help=help)
    if sections.labels is not None:
        labels = read_labels(sections.labels, place(spec.root, ("labels",)), sink)
        shapes = [type_.shape for type_ in graph.outputs.values()]
        if labels is not None and shapes == [(len(labels),)]:
            found["labels"] = labels
        elif labels is not None and as_written and _is_own(spec, "labels"):
            sink.report(
                "AS306",
                f"there are {len(labels):,} labels, but the output is "
                + " and ".join(text_of(shape) for shape in shapes),
                place(spec.root, ("labels",)),
                help="give one label for each number of the output",
            )
    return found


def _is_own(spec: Spec, section: str) -> bool:
    """Whether a section is the file's own, and not taken over from one that it extends."""
    return spec.root.keys[section].source is spec.root.span.source


def _problem_with(preprocess: Preprocess, graph: Graph) -> tuple[str, KeyPath]:
    """Why the picture that it makes would not be the network's input, and which of its fields is
    the reason; empty where it would.
    """
    shapes = [type_.shape for type_ in graph.inputs.values()]
    channels = CHANNEL_COUNT[preprocess.channels]
    size = preprocess.crop if preprocess.crop is not None else preprocess.resize
    picture: Shape | None = None
    if preprocess.crop is not None or isinstance(size, tuple):
        picture = (channels, *both_sides(size or 0))
    if len(shapes) != 1 or len(shapes[0]) != 3:
        taken = " and ".join(text_of(shape) for shape in shapes)
        return f"`preprocess` makes one picture, but the network takes {taken}", ()
    if shapes[0][0] != channels:
        made = f"{channels} channels ({preprocess.channels})"
        message = f"`preprocess` makes {made}, but the input is {text_of(shapes[0])}"
        return message, ("channels",)
    if picture is not None and not _is_taken(picture, shapes[0], graph.symbols):
        wanted = text_of(shapes[0]) + _conditions(graph.symbols)
        blamed = "resize" if preprocess.crop is None else "crop"
        return f"`preprocess` makes {text_of(picture)}, but the input is {wanted}", (blamed,)
    return "", ()


def _conditions(symbols: Symbols | None) -> str:
    """What an input of symbolic sizes must fulfil, to end a message with."""
    if symbols is None:
        return ""
    from archspec.symbolic.constraints import constraints

    words = constraints(symbols)
    return f", with {', '.join(words)}" if words else ""


def _is_taken(picture: Shape, shape: Shape, symbols: Symbols | None) -> bool:
    """Whether an input of this shape takes the picture."""
    if symbols is None:
        return picture == shape
    values: dict[str, int] = {}
    for made, size in zip(picture, shape, strict=True):
        if is_number(size) and made != size:
            return False
        if not is_number(size) and values.setdefault(str(size), made) != made:
            return False
    return symbols.admits(values)


def scores(graph: Graph) -> Scores:
    """Whether the one output is probabilities already: a softmax, or a view of one."""
    makers = {node.name: node for node in graph.nodes}
    outputs = list(graph.outputs)
    node = makers.get(outputs[0]) if len(outputs) == 1 else None
    while node is not None and node.layer.is_view:
        node = makers.get(node.inputs[0])
    return "probabilities" if node is not None and node.kind == "softmax" else "logits"
