"""Diagnostics as SARIF 2.1.0, the format that code scanning takes (OASIS, errata 01)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from archspec.diagnostics import CODES, Diagnostic, Fix, Label, Severity, Span
from archspec.diagnostics.catalogue import page
from archspec.diagnostics.render.artifact import uri

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning"}
_LINE_ENDS = ["\r\n", "\n", "\r", "\x85", "\u2028", "\u2029"]
"""As YAML has them; SARIF counts the first two alone where a run does not say."""


def document(diagnostics: Iterable[Diagnostic]) -> str:
    """A log of one run. Of the rules, it has those that were broken."""
    from archspec import __version__

    found = list(diagnostics)
    codes = sorted({diagnostic.code for diagnostic in found})
    driver = {
        "name": "archspec",
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": _LINE_ENDS,
        "results": [_result(diagnostic, codes.index(diagnostic.code)) for diagnostic in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    said, title = page(code), CODES[code].title
    name = "".join(word[:1].upper() + word[1:] for word in re.findall(r"\w+", title))
    return {
        "id": code,
        "name": name,
        "shortDescription": {"text": f"{title[:1].upper()}{title[1:]}."},
        "fullDescription": {"text": said.means.replace("\n", " ")},
        "help": {"text": said.text, "markdown": said.text},
        "defaultConfiguration": {"level": _LEVELS[CODES[code].severity]},
    }


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    said = diagnostic.message
    if diagnostic.help:
        said += f"\n{diagnostic.help}"
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": said},
        "locations": [{"physicalLocation": _location(diagnostic.span)}],
    }
    related = [*diagnostic.labels, *diagnostic.trail]
    if related:
        result["relatedLocations"] = _related(related)
    if diagnostic.fix is not None:
        result["fixes"] = [_fix(diagnostic.fix)]
    return result


def _related(labels: Sequence[Label]) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "physicalLocation": _location(label.span),
            "message": {"text": label.text},
        }
        for number, label in enumerate(labels, 1)
    ]


def _fix(fix: Fix) -> dict[str, Any]:
    changes: dict[str, list[dict[str, Any]]] = {}
    for edit in fix.edits:
        replacement = {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
        changes.setdefault(uri(edit.span.source.path), []).append(replacement)
    return {
        "description": {"text": fix.title},
        "artifactChanges": [
            {"artifactLocation": {"uri": path}, "replacements": replacements}
            for path, replacements in changes.items()
        ],
    }


def _location(span: Span) -> dict[str, Any]:
    return {"artifactLocation": {"uri": uri(span.source.path)}, "region": _region(span)}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
