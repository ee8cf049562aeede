"""Diagnostics as a person reads them in a terminal: the message, the line, a caret, the way out."""

from __future__ import annotations

from archspec.diagnostics import Diagnostic, Span

WIDTH = 100
"""Columns of source that are shown at most."""


def render(diagnostic: Diagnostic) -> str:
    """The diagnostic as lines of text, without a trailing newline."""
    title = f"{diagnostic.severity.value}[{diagnostic.code}]: {diagnostic.message}"
    gutter = len(str(max(span.line for span in _spans(diagnostic))))
    lines = [_printable(title), *_frame(diagnostic.span, gutter, "", "^")]
    for label in diagnostic.labels:
        lines += _frame(label.span, gutter, _printable(label.text), "-")
    if diagnostic.help:
        lines.append(f"{' ' * gutter} = help: {_printable(diagnostic.help)}")
    return "\n".join(lines)


def _spans(diagnostic: Diagnostic) -> list[Span]:
    return [diagnostic.span, *(label.span for label in diagnostic.labels)]


def _frame(span: Span, gutter: int, text: str, mark: str) -> list[str]:
    """Where a span is, its line, and a mark under it with `text` behind."""
    margin = " " * gutter
    arrow = "-->" if mark == "^" else ":::"
    lines = [f"{margin}{arrow} {_printable(span.source.path)}:{span.line}:{span.column}"]
    written = span.source.lines()
    line = written[span.line - 1] if span.line <= len(written) else ""
    if not line.strip():
        if text:
            lines.append(f"{margin} = note: {text}")
        return lines
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    end = max(start + 1, min(end, len(line)))
    # A long line is cut around the mark.
    cut = max(0, min(start - WIDTH // 3, len(line) - WIDTH)) if len(line) > WIDTH else 0
    shown = _printable(line[cut : cut + WIDTH])
    before, behind = "…" if cut else "", "…" if cut + WIDTH < len(line) else ""
    lead, marked = line[cut:start], line[start : min(end, cut + WIDTH)]
    caret = " " * (len(before) + _cells(lead)) + mark * max(1, _cells(marked))
    return [
        *lines,
        f"{margin} |",
        f"{span.line:>{gutter}} | {before}{shown}{behind}",
        f"{margin} | {caret} {text}".rstrip(),
    ]


def _cells(text: str) -> int:
    """The columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _printable(text: str) -> str:
    """The text with whatever could move the cursor, or turn its direction, made visible."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else " " if character == "\t" else "�"
        for character in text
    )
