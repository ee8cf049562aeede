"""Diagnostics as the commands of a GitHub workflow, which shows them beside the lines."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.diagnostics import CODES, Diagnostic
from archspec.diagnostics.diagnostic import STANDARD_INPUT
from archspec.diagnostics.render.artifact import relative
from archspec.terminal import printable


def document(diagnostics: Iterable[Diagnostic]) -> str:
    """A command for each diagnostic."""
    return "".join([f"{render(diagnostic)}\n" for diagnostic in diagnostics])


def render(diagnostic: Diagnostic) -> str:
    """One diagnostic, with its way out."""
    span, title = diagnostic.span, f"{diagnostic.code}: {CODES[diagnostic.code].title}"
    fields: dict[str, object] = {}
    if span.source.path != STANDARD_INPUT:
        fields.update(file=relative(span.source.path), line=span.line, endLine=span.end_line)
        if span.end_line == span.line:  # GitHub takes columns of one line alone.
            fields.update(col=span.column, endColumn=span.end_column)
    fields["title"] = title
    properties = ",".join([f"{name}={_property(str(value))}" for name, value in fields.items()])
    said = [diagnostic.message, *([f"help: {diagnostic.help}"] if diagnostic.help else [])]
    message = _data("\n".join([printable(text) for text in said]))
    return f"::{diagnostic.severity.value} {properties}::{message}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
