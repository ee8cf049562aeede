"""Diagnostics as a person reads them in a terminal: the message, the lines, marks, the way out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from archspec.diagnostics import Diagnostic, Severity, Span
from archspec.diagnostics.render.snippet import GUTTER, SECONDARY, Mark, marks_of, snippet
from archspec.terminal import Style, cells, printable

_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33"}
_BOLD = "1"
_NOTE = "1;36"
_PLAIN = Style()
_MOST_CODES = 3
"""Codes that the summary names."""


def render(diagnostic: Diagnostic, style: Style = _PLAIN) -> str:
    """The diagnostic as lines of text, without a trailing newline.

    Its second places are shown with the first where they are in the same file, and below where
    they are in another.
    """
    colour = _COLOURS[diagnostic.severity]
    title = f"{diagnostic.severity.value}[{diagnostic.code}]"
    indent = len(title) + 2
    first, *more = style.wrapped(printable(diagnostic.message), indent, indent)
    head = f"{style.paint(title, colour)}{style.paint(f': {first}', _BOLD)}"
    shown = [head, *(" " * indent + style.paint(line, _BOLD) for line in more)]
    files = _files(diagnostic, colour)
    gutter = len(str(max(line for file in files for line in file.lines)))
    for file in files:
        shown += _frame(file, gutter, style)
    if diagnostic.trail:
        shown += _note("shapes", _trail(diagnostic), gutter, style)
    if diagnostic.help:
        shown += _note("help", [printable(diagnostic.help)], gutter, style)
    return "\n".join(shown)


def summary(diagnostics: Sequence[Diagnostic], style: Style = _PLAIN) -> str:
    """How many errors and warnings there are, how many of them can be mended, and where to read
    on.
    """
    counts = []
    for severity, colour in _COLOURS.items():
        number = sum(1 for found in diagnostics if found.severity is severity)
        if number:
            words = f"{number:,} {severity.value}{'s' if number > 1 else ''}"
            counts.append(style.paint(words, colour))
    said = [", ".join(counts)]
    mended = sum(1 for found in diagnostics if found.fix is not None)
    if mended:
        said.append(f"`archspec fix` mends {mended:,}")
    codes = list(dict.fromkeys(found.code for found in diagnostics))
    which = "it" if len(codes) == 1 else "them"
    said.append(f"more about {which}: `archspec explain {' '.join(codes[:_MOST_CODES])}`")
    return "; ".join(said)


class _File(NamedTuple):
    """What there is to show of one file: the place that stands above it, its marks, and what is
    said of places that have nothing to be marked.
    """

    arrow: str
    span: Span
    marks: list[Mark]
    notes: list[str]

    @property
    def lines(self) -> list[int]:
        return [self.span.line, *(mark.line for mark in self.marks)]


def _files(diagnostic: Diagnostic, colour: str) -> list[_File]:
    """The files that a diagnostic speaks of, the one that it is about first."""
    span = diagnostic.span
    first = _File("-->", span, marks_of(span, "", colour, True), [])
    files = {span.source.path: first}
    for label in diagnostic.labels:
        file = files.setdefault(label.span.source.path, _File(":::", label.span, [], []))
        marks = marks_of(label.span, label.text, SECONDARY, False)
        file.marks.extend(marks)
        if label.text and not marks:
            file.notes.append(printable(label.text))
    return list(files.values())


def _frame(file: _File, gutter: int, style: Style) -> list[str]:
    """The places in one file, with its lines."""
    shown = [f"{style.paint(' ' * gutter + file.arrow, GUTTER)} {_place(file.span)}"]
    if file.marks:
        room = style.width - gutter - 3
        shown += snippet(file.span.source.lines(), file.marks, gutter, style, room)
    for note in file.notes:
        shown += _note("note", [note], gutter, style)
    return shown


def _place(span: Span) -> str:
    return f"{printable(span.source.path)}:{span.line}:{span.column}"


def _note(word: str, paragraphs: Sequence[str], gutter: int, style: Style) -> list[str]:
    """What is said below the lines, after a word for what it is."""
    indent = gutter + len(f" = {word}: ")
    lines = [line for text in paragraphs for line in style.wrapped(text, indent, indent)]
    head = f"{style.paint(f'{chr(32) * gutter} =', GUTTER)} {style.paint(word, _NOTE)}: "
    return [head + lines[0], *(" " * indent + line for line in lines[1:])]


_NAMED = re.compile("(`[^`]*`) (.*)")


def _trail(diagnostic: Diagnostic) -> list[str]:
    """A line for each shape that led to the place: where it is made, by what, and the shape."""
    here = diagnostic.span.source.path
    rows = []
    for span, text in diagnostic.trail:
        path = "" if span.source.path == here else f"{printable(span.source.path)}:"
        named = _NAMED.fullmatch(printable(text))
        rows.append((f"{path}{span.line}", *(named.groups() if named else ("", printable(text)))))
    places = max(cells(place) for place, _, _ in rows)
    names = max(cells(name) for _, name, _ in rows)
    return [
        f"line {' ' * (places - cells(place))}{place}  "
        f"{name}{' ' * (names - cells(name) + bool(names))}{rest}"
        for place, name, rest in rows
    ]
