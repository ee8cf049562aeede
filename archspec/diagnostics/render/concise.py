"""Diagnostics in a line each, for grep and for editors: `net.yaml:8:5: AS303 error: …`."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.diagnostics import Diagnostic
from archspec.terminal import printable


def document(diagnostics: Iterable[Diagnostic]) -> str:
    """A line for each diagnostic."""
    return "".join([f"{render(diagnostic)}\n" for diagnostic in diagnostics])


def render(diagnostic: Diagnostic) -> str:
    """One diagnostic, without its way out and its second places."""
    span, severity = diagnostic.span, diagnostic.severity.value
    place = f"{span.source.path}:{span.line}:{span.column}"
    return printable(f"{place}: {diagnostic.code} {severity}: {diagnostic.message}")
