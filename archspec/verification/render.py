"""A report as text, as Markdown and as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archspec.terminal import printable
from archspec.verification.report import (
    Check,
    Comparison,
    Divergence,
    Error,
    InputValue,
    Report,
)

Rows = Sequence[Sequence[str]]

_CHECKS = ("", "spec", "PyTorch", "ONNX")
_COMPARISONS = (
    "inputs",
    "output",
    "error",
    "largest, relative",
    "allowed",
    "cosine",
    "SQNR dB",
    "top-1",
)


def text(report: Report) -> str:
    """For a terminal."""
    return "\n".join(_lines(report, _text_table, lambda title: title)) + "\n"


def markdown(report: Report) -> str:
    """For a review, a wiki or a pull request."""
    return "\n".join(_lines(report, _markdown_table, lambda title: f"## {title}")) + "\n"


def as_json(report: Report) -> str:
    """All that the report has, for a program. What is not finite is null."""
    document = {"agrees": report.agrees, **_plain(vars(report))}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _lines(
    report: Report, table: Callable[[Sequence[str], Rows], list[str]], title: Callable[[str], str]
) -> list[str]:
    lines = [
        title(f"{printable(report.network)}: {'agrees' if report.agrees else 'DISAGREES'}"),
        "",
    ]
    lines += table(("", ""), _facts(report))
    lines += ["", title("What is known without running"), ""]
    lines += table(_CHECKS, [_check(check) for check in report.checks])
    if report.comparisons:
        lines += ["", title("Outputs of onnxruntime against PyTorch in float64"), ""]
        error = "rms error" if report.model.precision == "int8" else "largest error"
        head = [error if word == "error" else word for word in _COMPARISONS]
        lines += table(head, [_comparison(each) for each in report.comparisons])
    if report.divergence is not None:
        lines += ["", title("The first layer that differs"), ""]
        lines += table(("", ""), _divergence(report.divergence))
    for note in report.notes:
        lines += ["", printable(f"note: {note}")]
    if report.failure:
        lines += ["", printable(f"{report.failure}")]
    return lines


def _facts(report: Report) -> Rows:
    model = report.model
    rows = [
        ("spec", f"{report.spec} (SHA-256 {report.digest})"),
        *([("with", ", ".join(report.settings))] if report.settings else []),
        (
            "model",
            f"{model.path or 'built for this'} (SHA-256 {model.digest}), {model.bytes:,} bytes, "
            f"{model.precision}, optimized: {model.optimize}",
        ),
        *([("weights", report.weights)] if report.weights else []),
        ("inputs", f"drawn from the seed {report.seed}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())),
    ]
    return [[printable(cell) for cell in row] for row in rows]


def _check(check: Check) -> list[str]:
    mark = "" if check.agrees else "✗ "
    return [f"{mark}{check.what}", check.spec, check.torch, check.onnx]


def _comparison(comparison: Comparison) -> list[str]:
    error = comparison.error
    classes = "—" if comparison.classes is None else f"{comparison.classes}/{comparison.samples}"
    mark = "" if error.agrees else "✗ "
    return [
        f"{mark}{comparison.inputs}",
        printable(comparison.output),
        f"{error.measured:.3g}",
        f"{error.relative:.2g}",
        f"{error.tolerance:.3g}",
        f"{error.cosine:.6f}",
        f"{error.sqnr:.1f}",
        classes,
    ]


def _divergence(found: Divergence) -> Rows:
    error = found.error
    index = ", ".join(map(str, error.place))
    rows = [
        ("layer", f"{found.layer} ({found.kind}), {found.file}:{found.line}:{found.column}"),
        ("shape", " × ".join(map(str, found.shape))),
        ("largest error", f"{error.absolute:.3g} at [{index}]; allowed: {error.tolerance:.3g}"),
        ("PyTorch", "  ".join(f"{number:.6g}" for number in found.torch)),
        ("onnxruntime", "  ".join(f"{number:.6g}" for number in found.onnx)),
    ]
    for taken in found.inputs:
        verdict = "agrees" if taken.agrees else "differs as well"
        rows.append(("its input", f"{taken.name} {verdict} (largest error {taken.absolute:.3g})"))
    if found.folded:
        rows.append(("with it in one", ", ".join(found.folded)))
    rows += [("reason", reason) for reason in found.reasons]
    rows.append(("found in", f"{found.runs} runs"))
    return [[printable(cell) for cell in row] for row in rows]


def _text_table(head: Sequence[str], rows: Rows) -> list[str]:
    whole = [*([list(head)] if any(head) else []), *map(list, rows)]
    # The last column is not padded, and where there are but two they are read as sentences.
    right = len(head) > 2
    widths = [max(len(row[at]) for row in whole) for at in range(len(head))]
    lines = []
    for row in whole:
        cells = [
            f"{cell:>{width}}" if right and at else f"{cell:<{width}}"
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


def _markdown_table(head: Sequence[str], rows: Rows) -> list[str]:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return lines + [f"| {' | '.join(row)} |" for row in escaped]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return _plain(vars(value))
    if isinstance(value, Check | Error):
        return {**_plain(value._asdict()), "agrees": value.agrees}
    if isinstance(value, Comparison | InputValue):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
