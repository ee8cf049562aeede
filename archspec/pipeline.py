"""The front end, end to end: the text of a spec → its Graph, and all there is to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from archspec import document, source
from archspec.annotations import check_figures, metadata
from archspec.diagnostics import Diagnostic, Sink, Source, Span
from archspec.elaborate import elaborate
from archspec.graph import Graph
from archspec.kinds import Vocabulary
from archspec.source import Plain


class Compiled(NamedTuple):
    """What became of one spec, which is `ok` without errors.

    The graph holds the nodes that could be made; it is `complete` if these are all, though an
    expectation may be unmet.
    """

    path: str
    name: str | None
    graph: Graph
    diagnostics: tuple[Diagnostic, ...]
    ok: bool
    complete: bool


def compile_file(
    path: str,
    overrides: Mapping[str, Plain] | None = None,
    vocabulary: Vocabulary | None = None,
) -> Compiled:
    """Compile the spec at `path`, `-` for standard input. Raises OSError where it can't be read."""
    return compile_bytes(path, source.read_source(path), overrides or {}, vocabulary)


def compile_bytes(
    path: str, data: bytes, overrides: Mapping[str, Plain], vocabulary: Vocabulary | None = None
) -> Compiled:
    """Compile the bytes of a spec; `path` is what messages call it and where its files are."""
    sink = Sink()
    text = source.decode(path, data, sink)
    spec: document.Spec | None = None
    if text is not None:
        value = source.parse(text, sink)
        if value is not None:
            spec = document.read(value, overrides, vocabulary or Vocabulary(), sink)
        elif not sink.has_errors:
            _report_empty(text, sink)  # Not even a comment is a value.
    if spec is None:
        return Compiled(path, None, Graph("", {}, (), {}), tuple(sink.sorted()), False, False)
    graph = elaborate(spec, overrides, sink)
    # A step that does not make what is expected of it makes something all the same.
    complete = not sink.has_errors_besides("AS306")
    if complete:
        check_figures(spec, graph, not overrides, sink)
        graph = replace(graph, metadata=metadata(spec, graph, not overrides, sink))
    found = tuple(sink.sorted())
    name = graph.name if "name" in spec.root.values else None
    return Compiled(path, name, graph, found, not sink.has_errors, complete)


def _report_empty(text: Source, sink: Sink) -> None:
    sink.report(
        "AS004",
        "the file is empty",
        Span(1, 1, 1, 1, text),
        help="a spec starts with `archspec: 1`, a `name`, an `input` and `layers`",
    )
