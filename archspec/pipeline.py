"""The front end, end to end: the text of a spec → its Graph, and all there is to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from archspec import document, source
from archspec.analysis.cost import cost
from archspec.analysis.memory import peak_activation_bytes
from archspec.diagnostics import Diagnostic, Sink, Source, Span
from archspec.elaborate import elaborate
from archspec.graph import Graph
from archspec.labels import read_labels
from archspec.source import Plain


class Compiled(NamedTuple):
    """What became of one spec: with errors, the graph holds the nodes that could be made."""

    path: str
    name: str | None
    graph: Graph
    diagnostics: tuple[Diagnostic, ...]
    ok: bool


def compile_file(path: str, overrides: Mapping[str, Plain] | None = None) -> Compiled:
    """Compile the spec at `path`, `-` for standard input. Raises OSError where it can't be read."""
    return compile_bytes(path, source.read_source(path), overrides or {})


def compile_bytes(path: str, data: bytes, overrides: Mapping[str, Plain]) -> Compiled:
    """Compile the bytes of a spec; `path` is what messages call it and where its files are."""
    sink = Sink()
    text = source.decode(path, data, sink)
    spec: document.Spec | None = None
    if text is not None:
        value = source.parse(text, sink)
        if value is not None:
            spec = document.read(value, overrides, sink)
        elif not sink.has_errors:
            _report_empty(text, sink)  # Not even a comment is a value.
    if spec is None:
        return Compiled(path, None, Graph("", {}, (), {}), tuple(sink.sorted()), False)
    graph = elaborate(spec, overrides, sink)
    # A step that does not make what is expected of it makes something all the same.
    if not sink.has_errors_besides("AS306"):
        _check_figures(spec, graph, bool(overrides), sink)
        graph = replace(graph, metadata=_metadata(spec, graph, bool(overrides), sink))
    return Compiled(path, spec.sections.name, graph, tuple(sink.sorted()), not sink.has_errors)


def _report_empty(text: Source, sink: Sink) -> None:
    sink.report(
        "AS004",
        "the file is empty",
        Span(1, 1, 1, 1, text),
        help="a spec starts with `archspec: 1`, a `name`, an `input` and `layers`",
    )


def _check_figures(spec: document.Spec, graph: Graph, overridden: bool, sink: Sink) -> None:
    """Report each figure of the file's `expect` that the network does not meet.

    A bound holds for any variables; an exact figure speaks of the network as it is written.
    """
    expected = spec.sections.expect.figures() if spec.sections.expect else {}
    if not expected:
        return
    found = {**cost(graph)._asdict(), "activation_bytes": 0}
    if "activation_bytes" in expected:
        found["activation_bytes"] = peak_activation_bytes(graph)
    for name, bound in expected.items():
        if (overridden and bound.relation == "==") or bound.admits(found[name]):
            continue
        unit = name.replace("_", " ")
        sink.report(
            "AS306",
            f"the network has {found[name]:,} {unit}, not {bound} as expected",
            source.place(spec.root, ("expect", name)),
            help=f"write `{name}: {found[name]}` if that is what you mean",
        )


def _metadata(spec: document.Spec, graph: Graph, overridden: bool, sink: Sink) -> dict[str, Any]:
    """What travels with the network into the files that are made of it."""
    sections = spec.sections
    metadata: dict[str, Any] = {}
    if sections.description:
        metadata["description"] = sections.description
    if sections.references:
        metadata["references"] = list(sections.references)
    if sections.preprocess is not None:
        metadata["preprocess"] = sections.preprocess.model_dump(mode="json")
    if sections.labels is not None:
        labels = read_labels(sections.labels, source.place(spec.root, ("labels",)), sink)
        shapes = [type_.shape for type_ in graph.outputs.values()]
        if labels is not None and shapes == [(len(labels),)]:
            metadata["labels"] = labels
        elif labels is not None and not overridden:
            sink.report(
                "AS306",
                f"there are {len(labels):,} labels, but the output is "
                + " and ".join(str(list(shape)) for shape in shapes),
                source.place(spec.root, ("labels",)),
                help="give one label for each number of the output",
            )
    last = graph.nodes[-1] if graph.nodes else None
    probabilities = last is not None and last.kind == "softmax" and last.name in graph.outputs
    metadata["scores"] = "probabilities" if probabilities else "logits"
    return metadata
