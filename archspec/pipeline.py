"""The front end, end to end: the text of a spec → its Graph, and all there is to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from archspec import document, source
from archspec.annotations import check_figures, metadata
from archspec.diagnostics import MOST_ERRORS, Diagnostic, Enough, Sink, Source, Span
from archspec.diagnostics.suppression import silenced
from archspec.document.files import NOTHING_OPENED, Opened
from archspec.elaborate import elaborate
from archspec.graph import Graph
from archspec.kinds import Vocabulary
from archspec.source import Plain

if TYPE_CHECKING:
    from archspec.elaborate.trace import Trace


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
    path: str,
    data: bytes,
    overrides: Mapping[str, Plain],
    vocabulary: Vocabulary | None = None,
    opened: Opened = NOTHING_OPENED,
    trace: Trace | None = None,
) -> Compiled:
    """Compile the bytes of a spec; `path` is what messages call it and where its files are.

    For an editor, `opened` has the text of other files that is not what lies on the disk, and the
    `trace` is told what each step came to.
    """
    sink = Sink(MOST_ERRORS)
    try:
        return _compiled(path, data, overrides, vocabulary or Vocabulary(), opened, trace, sink)
    except Enough:
        return _nothing(path, sink.sorted())


def _compiled(
    path: str,
    data: bytes,
    overrides: Mapping[str, Plain],
    vocabulary: Vocabulary,
    opened: Opened,
    trace: Trace | None,
    sink: Sink,
) -> Compiled:
    """See `compile_bytes`. Raises Enough, reported, where too much is wrong to go on."""
    text = source.decode(path, data, sink)
    spec: document.Spec | None = None
    if text is not None:
        value = source.parse(text, sink)
        if value is not None:
            spec = document.read(value, overrides, vocabulary, sink, opened)
        elif not sink.has_errors:
            _report_empty(text, sink)  # Not even a comment is a value.
    # Of a key that is written twice, it is open which value counts for all that takes it.
    if text is None or spec is None or sink.holds("AS102"):
        return _nothing(path, sink.sorted() if text is None else silenced(sink.sorted(), text))
    graph = elaborate(spec, overrides, sink, trace)
    # A step that does not make what is expected of it makes something all the same.
    complete = not sink.has_errors_besides("AS306")
    if complete:
        check_figures(spec, graph, not overrides, sink)
        graph = replace(graph, metadata=metadata(spec, graph, not overrides, sink))
    ok = not sink.has_errors
    if ok:  # What an error leaves undone would be warned of.
        from archspec.lints import lint

        for warning in lint(spec, graph):
            sink.add(warning)
    # With other variables, what a comment silences may not be there.
    found = silenced(sink.sorted(), text, is_judged=ok and not overrides)
    name = graph.name if "name" in spec.root.values else None
    return Compiled(path, name, graph, tuple(found), ok, complete)


def _nothing(path: str, found: list[Diagnostic]) -> Compiled:
    """What becomes of a spec of which nothing can be made."""
    return Compiled(path, None, Graph("", {}, (), {}), tuple(found), False, False)


def _report_empty(text: Source, sink: Sink) -> None:
    sink.report(
        "AS004",
        "the file is empty",
        Span(1, 1, 1, 1, text),
        help="a spec starts with `archspec: 1`, a `name`, an `input` and `layers`",
    )
