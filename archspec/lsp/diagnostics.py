"""What is wrong with a text, where an editor shows it, and the edits that mend it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from archspec.diagnostics import Diagnostic, Fix, Label, Severity, Span
from archspec.diagnostics.suppression import silencing
from archspec.lsp.analysis import Analysis
from archspec.lsp.names import file_of, taken_files

UNUSED = frozenset({"AS705", "AS706", "AS707", "AS708", "AS713"})
"""Codes of what is there and does nothing, which an editor shows faded."""


def by_file(analysis: Analysis) -> dict[Path, list[Diagnostic]]:
    """All there is to say of a spec and of the files that it takes from, by the file.

    An error in another file is told in the spec's own, too: where it calls the block that the error
    is in, or else where it names a file.
    """
    own = Path(analysis.source.path).resolve()
    found: dict[Path, list[Diagnostic]] = {own: []}
    for diagnostic in analysis.diagnostics:
        path = own
        if not analysis.is_here(diagnostic.span):
            path = Path(diagnostic.span.source.path).resolve()
            if diagnostic.severity is Severity.ERROR:
                found[own].append(_told_here(diagnostic, analysis))
        found.setdefault(path, []).append(diagnostic)
    return found


def _told_here(diagnostic: Diagnostic, analysis: Analysis) -> Diagnostic:
    """A diagnostic of another file, at the place of this one that leads to it."""
    there = diagnostic.span
    # The calls that lead to a place come last, and the outermost at the end.
    calls = [label.span for label in diagnostic.labels if analysis.is_here(label.span)]
    span = calls[-1] if calls else _named_here(there, analysis)
    where = f"{Path(there.source.path).name}, line {there.line}"
    labels = (Label(there, diagnostic.message), *diagnostic.labels)
    return diagnostic._replace(
        message=f"{diagnostic.message} (in {where})", span=span, labels=labels, fix=None
    )


def _named_here(there: Span, analysis: Analysis) -> Span:
    """Where a text names the file that a place is in, or one that may lead to it."""
    named = list(taken_files(analysis.root))
    path = Path(there.source.path).resolve()
    spans = [one.span for one in named if file_of(one) == path] or [one.span for one in named]
    return spans[0] if spans else Span(1, 1, 1, 1, analysis.source)


def fixes(analysis: Analysis, first: int, last: int) -> Iterator[tuple[Diagnostic, Fix]]:
    """The mends of what is wrong in some lines: those that are certain, and for a warning a comment
    that silences it.
    """
    for diagnostic in analysis.diagnostics:
        span = diagnostic.span
        if not analysis.is_here(span) or span.line > last or span.end_line < first:
            continue
        if diagnostic.fix is not None:
            yield diagnostic, diagnostic.fix
        if diagnostic.severity is Severity.WARNING and diagnostic.code != "AS713":
            edit = silencing(diagnostic)
            yield diagnostic, Fix(f"silence {diagnostic.code} on this line", (edit,))
