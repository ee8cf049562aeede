"""Diagnostics as JSON-able data."""

from __future__ import annotations

from typing import Any

from archspec.diagnostics import Diagnostic, Fix, Label, Span


def render(diagnostic: Diagnostic) -> dict[str, Any]:
    """One diagnostic; lines and columns count from 1, ends are exclusive. `path` is the
    file, which may be one that the spec extends or imports from. An edit of a `fix` replaces what
    is at its place by its text, and inserts it where that is empty.
    """
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "help": diagnostic.help,
        **_place(diagnostic.span),
        "labels": [_label(label) for label in diagnostic.labels],
        "trail": [_label(label) for label in diagnostic.trail],
        "fix": None if diagnostic.fix is None else _fix(diagnostic.fix),
    }


def _label(label: Label) -> dict[str, Any]:
    return {"message": label.text, **_place(label.span)}


def _fix(fix: Fix) -> dict[str, Any]:
    edits = [{**_place(edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "edits": edits}


def _place(span: Span) -> dict[str, str | int]:
    return {
        "path": span.source.path,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
