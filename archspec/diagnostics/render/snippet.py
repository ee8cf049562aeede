"""The lines of a file with marks under them, and what there is to say of each mark."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from archspec.diagnostics import Span
from archspec.terminal import Style, cells, printable

GUTTER = "1;34"
SECONDARY = "1;34"

_TAB = "    "
_MOST_LINES = 4
"""Lines of a span that are all marked; of a longer one the first and the last."""
_LEAST_ROOM = 24
"""Columns that a text behind a mark has at least; else it goes below."""


class Mark(NamedTuple):
    """A stretch of a line, of `start` to `end` counted from 0, and what there is to say of it."""

    line: int
    start: int
    end: int
    text: str
    colour: str
    is_primary: bool


def marks_of(span: Span, text: str, colour: str, is_primary: bool) -> list[Mark]:
    """The marks of a span, one a line, with the text at the last; none where there is nothing to
    be marked.
    """
    lines = span.source.lines()
    if span.line > len(lines) or not lines[span.line - 1].strip():
        return []
    last = min(span.end_line, len(lines))
    while last > span.line and _is_idle(lines[last - 1], last == span.end_line, span.end_column):
        last -= 1
    numbers = [number for number in range(span.line, last + 1) if lines[number - 1].strip()]
    if len(numbers) > _MOST_LINES:
        numbers = [span.line, last]
    marks = []
    for number in numbers:
        line = lines[number - 1]
        start = span.column - 1 if number == span.line else len(line) - len(line.lstrip())
        end = span.end_column - 1 if number == span.end_line else len(line.rstrip())
        start = min(start, len(line))
        end = max(start + 1, min(end, len(line)))
        marks.append(Mark(number, start, end, "", colour, is_primary))
    marks[-1] = marks[-1]._replace(text=printable(text))
    return marks


def _is_idle(line: str, is_end: bool, end_column: int) -> bool:
    """Whether nothing of a span is on its last line: YAML's collections end where the next thing
    begins.
    """
    held = (line[: end_column - 1] if is_end else line).strip()
    return not held or held.startswith("#")


def snippet(
    lines: Sequence[str], marks: Sequence[Mark], gutter: int, style: Style, room: int
) -> list[str]:
    """The marked lines of a file, in their order; `gutter` columns are for their numbers, `room`
    for what they hold.
    """
    margin = style.paint(f"{'':>{gutter}} |", GUTTER)
    shown = [margin]
    before = 0
    for number, group in groupby(sorted(marks, key=lambda mark: mark.line), lambda mark: mark.line):
        if before and number - before > 2:
            shown.append(style.paint("...", GUTTER))
        elif before and number - before == 2:
            window = _Window(lines[before], 0, 1, room)
            shown.append(
                f"{style.paint(f'{before + 1:>{gutter}} |', GUTTER)} {window.text}".rstrip()
            )
        before = number
        found = _merged(list(group))
        anchor = next((mark for mark in found if mark.is_primary), found[0])
        window = _Window(lines[number - 1], anchor.start, anchor.end, room)
        shown.append(f"{style.paint(f'{number:>{gutter}} |', GUTTER)} {window.text}")
        shown += [f"{margin} {row}" for row in _rows(window, found, style, room)]
    return shown


def _merged(marks: list[Mark]) -> list[Mark]:
    """Marks of the same stretch as one, with all that there is to say of it."""
    found: dict[tuple[int, int], Mark] = {}
    for mark in marks:
        first = found.setdefault((mark.start, mark.end), mark)
        if first is not mark:
            texts = [text for text in (first.text, mark.text) if text]
            leading = first if first.is_primary else mark
            found[mark.start, mark.end] = leading._replace(text="; ".join(texts))
    return sorted(found.values(), key=lambda mark: (mark.start, mark.end))


class _Window:
    """The part of a line that there is room for, around what is marked."""

    def __init__(self, line: str, start: int, end: int, room: int) -> None:
        self.first, self.last = 0, len(line)
        if len(line) > room or cells(_visible(line)) > room:
            room -= 2  # for the dots
            marked = cells(_visible(line[start : min(end, start + room)]))
            before = line[max(0, start - room) : start][::-1]
            self.first = start - _fitting(before, max(0, min(room // 3, room - marked)))
            self.last = self.first + _fitting(line[self.first : self.first + 2 * room], room)
            if self.last == len(line):
                left = room - cells(_visible(line[self.first :]))
                before = line[max(0, self.first - room) : self.first][::-1]
                self.first -= _fitting(before, left)
        behind = "…" if self.last < len(line) else ""
        before = "…" if self.first else ""
        self._line = line
        self._lead = len(before)
        self.text = before + _visible(line[self.first : self.last]) + behind

    def column(self, index: int) -> int:
        """The column of a character of the line; of the dots, where it is not shown."""
        if index < self.first:
            return 0
        return self._lead + cells(_visible(self._line[self.first : min(index, self.last)]))


def _fitting(text: str, room: int) -> int:
    """How many of the text's characters, from the first on, there is room for."""
    for count, character in enumerate(text):
        room -= cells(_visible(character))
        if room < 0:
            return count
    return len(text)


def _visible(text: str) -> str:
    return printable(text.replace("\t", _TAB))


class _Placed(NamedTuple):
    """A mark in the columns of the terminal."""

    start: int
    end: int
    mark: Mark


def _rows(window: _Window, marks: list[Mark], style: Style, room: int) -> list[str]:
    """What stands below a line: its marks, and their texts, the last one behind its mark and the
    others hanging below theirs.
    """
    placed = []
    for mark in marks:
        start = window.column(mark.start)
        placed.append(_Placed(start, max(start + 1, window.column(mark.end)), mark))
    under = _underline(placed)
    spoken = [one for one in placed if one.mark.text]
    behind = max(placed, key=lambda one: (one.end, one.start, one.mark.is_primary))
    rows = [under]
    column = behind.end + 1
    left = max(0, room - column)
    if behind.mark.text and (not style.wraps or left >= min(_LEAST_ROOM, cells(behind.mark.text))):
        spoken.remove(behind)
        first, *more = style.wrapped(behind.mark.text, column, column + style.width - room)
        under.append((column, first, behind.mark.colour))
        hooks = [(one.start, "|", one.mark.colour) for one in spoken]
        rows += [[*hooks, (column, text, behind.mark.colour)] for text in more]
    if spoken:
        rows.append([(one.start, "|", one.mark.colour) for one in spoken])
    while spoken:
        one = spoken.pop()
        hooks = [(other.start, "|", other.mark.colour) for other in spoken]
        column = min(one.start, max(0, room - _LEAST_ROOM)) if style.wraps else one.start
        taken = column + style.width - room
        rows += [
            [*(hook for hook in hooks if hook[0] < column), (column, text, one.mark.colour)]
            for text in style.wrapped(one.mark.text, taken, taken)
        ]
    return [_row(row, style) for row in rows]


_Piece = tuple[int, str, str]
"""A column, what is written there, and its colour."""


def _underline(placed: list[_Placed]) -> list[_Piece]:
    """The marks themselves, the primary one over the others."""
    canvas: dict[int, tuple[str, str]] = {}
    for one in sorted(placed, key=lambda one: (one.mark.is_primary, one.start - one.end)):
        sign = "^" if one.mark.is_primary else "-"
        canvas.update(dict.fromkeys(range(one.start, one.end), (sign, one.mark.colour)))
    pieces: list[_Piece] = []
    for column, (sign, colour) in sorted(canvas.items()):
        start, text, before = pieces[-1] if pieces else (0, "", "")
        if text[:1] == sign and before == colour and start + len(text) == column:
            pieces[-1] = (start, text + sign, colour)
        else:
            pieces.append((column, sign, colour))
    return pieces


def _row(pieces: list[_Piece], style: Style) -> str:
    row, position = "", 0
    for column, text, colour in sorted(pieces):
        if column < position:
            continue  # two marks begin in one column: their hooks are one
        row += " " * (column - position) + style.paint(text, colour)
        position = column + cells(text)
    return row
