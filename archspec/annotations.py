"""What a file says of its network besides the layers: figures to meet, pictures, class labels."""

from __future__ import annotations

from typing import Any

from archspec.analysis.cost import cost
from archspec.analysis.memory import peak_activation_bytes
from archspec.diagnostics import Sink
from archspec.document import Spec
from archspec.graph import Graph
from archspec.labels import read_labels
from archspec.layers.base import Shape, text_of
from archspec.metadata import Scores
from archspec.preprocess import CHANNEL_COUNT, Preprocess, both_sides
from archspec.source import place


def check_figures(spec: Spec, graph: Graph, as_written: bool, sink: Sink) -> None:
    """Report each figure of the file's `expect` that the network does not meet.

    A bound holds for any variables; an exact figure speaks of the network as it is written.
    """
    expected = spec.sections.expect.figures() if spec.sections.expect else {}
    found = cost(graph)._asdict() if expected else {}
    if "activation_bytes" in expected:
        found["activation_bytes"] = peak_activation_bytes(graph)
    for name, bound in expected.items():
        if (bound.relation == "==" and not as_written) or bound.admits(found[name]):
            continue
        sink.report(
            "AS306",
            f"the network has {found[name]:,} {name.replace('_', ' ')}, not {bound} as expected",
            place(spec.root, ("expect", name)),
            help=f"write `{name}: {found[name]}` if that is what you mean",
        )


def metadata(spec: Spec, graph: Graph, as_written: bool, sink: Sink) -> dict[str, Any]:
    """What travels with the network. Reports what does not go with it, where it is as written."""
    sections = spec.sections
    found: dict[str, Any] = {"scores": scores(graph)}
    if sections.description:
        found["description"] = sections.description
    if sections.references:
        found["references"] = list(sections.references)
    if sections.preprocess is not None:
        if as_written:
            _check_preprocess(sections.preprocess, spec, graph, sink)
        found["preprocess"] = sections.preprocess.model_dump(mode="json")
    if sections.labels is not None:
        labels = read_labels(sections.labels, place(spec.root, ("labels",)), sink)
        shapes = [type_.shape for type_ in graph.outputs.values()]
        if labels is not None and shapes == [(len(labels),)]:
            found["labels"] = labels
        elif labels is not None and as_written:
            sink.report(
                "AS306",
                f"there are {len(labels):,} labels, but the output is "
                + " and ".join(text_of(shape) for shape in shapes),
                place(spec.root, ("labels",)),
                help="give one label for each number of the output",
            )
    return found


def _check_preprocess(preprocess: Preprocess, spec: Spec, graph: Graph, sink: Sink) -> None:
    """Report a picture that would not be the network's input."""
    shapes = [type_.shape for type_ in graph.inputs.values()]
    channels = CHANNEL_COUNT[preprocess.channels]
    size = preprocess.crop if preprocess.crop is not None else preprocess.resize
    picture: Shape | None = None
    if preprocess.crop is not None or isinstance(size, tuple):
        picture = (channels, *both_sides(size or 0))
    if len(shapes) != 1 or len(shapes[0]) != 3:
        message = "`preprocess` makes one picture, but the network takes " + " and ".join(
            text_of(shape) for shape in shapes
        )
    elif shapes[0][0] != channels:
        message = (
            f"`preprocess` makes {channels} channels ({preprocess.channels}), "
            f"but the input is {text_of(shapes[0])}"
        )
    elif picture is not None and picture != shapes[0]:
        message = f"`preprocess` makes {text_of(picture)}, but the input is {text_of(shapes[0])}"
    else:
        return
    help = "change `channels`, `resize` or `crop` to make the network's input"
    sink.report("AS306", message, place(spec.root, ("preprocess",)), help=help)


def scores(graph: Graph) -> Scores:
    """Whether the one output is probabilities already: a softmax, or a view of one."""
    makers = {node.name: node for node in graph.nodes}
    outputs = list(graph.outputs)
    node = makers.get(outputs[0]) if len(outputs) == 1 else None
    while node is not None and node.layer.is_view:
        node = makers.get(node.inputs[0])
    return "probabilities" if node is not None and node.kind == "softmax" else "logits"
