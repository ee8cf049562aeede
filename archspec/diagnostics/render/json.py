"""Diagnostics as JSON-able data."""

from __future__ import annotations

from typing import Any

from archspec.diagnostics import Diagnostic


def render(diagnostic: Diagnostic) -> dict[str, Any]:
    """One diagnostic; lines and columns count from 1, ends are exclusive. `path` is the
    file, which may be one that the spec extends or imports from.
    """
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "path": span.source.path,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        "labels": [
            {
                "message": label.text,
                "path": label.span.source.path,
                "line": label.span.line,
                "column": label.span.column,
            }
            for label in diagnostic.labels
        ],
    }
