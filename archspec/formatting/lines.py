"""Lines of a layout, and the comments beside them, which are aligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_GAP = 2
_CLOSE = 3
_FURTHEST = 30
"""Columns by which a comment is moved to the right, at most, to stand below another."""


@dataclass(slots=True, eq=False)
class Line:
    """A line of the text, and the comment beside it. The comments of lines of one `group` that are
    close, with two lines between them at most, are aligned.
    """

    text: str
    comment: str = ""
    group: int = 0


def text_of(lines: Sequence[Line], width: int) -> str:
    """The lines as a text, their comments aligned where none gets further than `width` by it."""
    written = []
    columns = _columns(lines, width)
    for number, line in enumerate(lines):
        text = line.text
        if line.comment:
            column = columns.get(number, len(text) + _GAP if text.strip(" ") else len(text))
            text = text.ljust(column) + line.comment
        written.append(text + "\n")
    return "".join(written)


def _columns(lines: Sequence[Line], width: int) -> dict[int, int]:
    """The column of the comment of each line whose comment is aligned with others."""
    columns: dict[int, int] = {}
    run: list[int] = []

    def align() -> None:
        if len(run) > 1:
            ends = [len(lines[number].text) + _GAP for number in run]
            column = max(ends)
            longest = max(column + len(lines[number].comment) for number in run)
            if longest <= width and column - min(ends) <= _FURTHEST:
                columns.update(dict.fromkeys(run, column))
        run.clear()

    for number, line in enumerate(lines):
        if run and (line.group != lines[run[-1]].group or number - run[-1] > _CLOSE):
            align()
        if line.comment and line.group:
            run.append(number)
    align()
    return columns
