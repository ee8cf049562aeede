"""Places as an editor counts them: lines and characters from 0, in units that are agreed upon.

An editor's lines end at a line feed, a carriage return or both; YAML's at some other characters
too. Its characters are UTF-16 code units, unless the two have agreed on another encoding.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

from archspec.diagnostics import Span
from archspec.edits import line_starts

_EDITOR_LINE_END = re.compile("\r\n|[\n\r]")
_UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}

Position = tuple[int, int]


class Positions:
    """The places of one text, given and taken in an editor's units.

    What lies beyond the text's end, or a line's, is taken for that end.
    """

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.text = text
        self._encoding, self._unit = _UNITS[encoding]
        # A byte order mark is a character to the editor, and nothing to YAML.
        self._mark = int(text.startswith("\ufeff"))
        self._starts = line_starts(text)
        self._editor_starts = [0, *(end.end() for end in _EDITOR_LINE_END.finditer(text))]

    def position(self, line: int, column: int) -> Position:
        """The editor's position of a line and a column, which count from 1."""
        row = min(max(line, 1), len(self._starts)) - 1
        shift = self._mark if row == 0 else 0
        length = len(_line(self._starts, row, self.text).rstrip("\r\n\x85\u2028\u2029"))
        return self._position(self._starts[row] + min(max(column, 1) - 1 + shift, length))

    def range(self, span: Span) -> tuple[Position, Position]:
        """A span's start and end."""
        return self.position(*span[:2]), self.position(*span[2:4])

    def place(self, row: int, character: int) -> tuple[int, int]:
        """The line and the column, from 1, of an editor's position."""
        row = min(max(row, 0), len(self._editor_starts) - 1)
        line = _line(self._editor_starts, row, self.text).rstrip("\r\n")
        offset = self._editor_starts[row] + self._column(line, max(character, 0))
        index = bisect_right(self._starts, offset) - 1
        shift = self._mark if index == 0 else 0
        return index + 1, max(offset - self._starts[index] - shift, 0) + 1

    def end(self) -> Position:
        """Behind the last character."""
        return self._position(len(self.text))

    def _position(self, offset: int) -> Position:
        row = bisect_right(self._editor_starts, offset) - 1
        return row, self._units(self.text[self._editor_starts[row] : offset])

    def _units(self, text: str) -> int:
        if text.isascii():
            return len(text)
        return len(text.encode(self._encoding, "surrogatepass")) // self._unit

    def _column(self, line: str, character: int) -> int:
        """How many characters of a line lie before that many units."""
        if line.isascii():
            return min(character, len(line))
        ends = list(accumulate(self._units(one) for one in line))
        return bisect_right(ends, character)


def _line(starts: list[int], row: int, text: str) -> str:
    """A line, with what ends it."""
    return text[starts[row] : starts[row + 1] if row + 1 < len(starts) else len(text)]
