"""The one layout of a spec: a tree → lines.

A mapping or a list is written in brackets where it fits on the line of its key and holds no
comment, and else line by line. What has steps in it is written in brackets only where its author
did so, in the author's rows if it takes several; the layers of the network, its blocks and its
references never are.
"""

from __future__ import annotations

from collections.abc import Sequence

from archspec.formatting import scalars
from archspec.formatting.fitting import (
    LONGEST,
    WIDTH,
    Path,
    holds_comment,
    in_rows,
    key_text,
    measure,
    one_line,
)
from archspec.formatting.lines import Line, text_of
from archspec.formatting.tree import (
    BLANK,
    Alias,
    Collection,
    Entry,
    Note,
    Scalar,
    has_comment,
    without_blanks_before,
    without_blanks_behind,
)

_STEP = 2
_PRAGMA = "# archspec:"
"""What begins a comment that speaks of all that is on its line."""

Notes = Sequence[Note]


def lay_out(root: Entry) -> str:
    """The text of a whole spec in its one layout."""
    printer = _Printer()
    printer.document(root)
    return text_of(printer.lines, WIDTH)


class _Printer:
    def __init__(self) -> None:
        self.lines: list[Line] = []

    def document(self, root: Entry) -> None:
        value = root.value
        measure(value)
        above = without_blanks_before([*root.above, *root.header])
        if not isinstance(value, Collection):
            self._leaf(Entry(None, value), "", 0, above, root.after, WIDTH)
        elif value.flat and not value.entries:
            above, beside = _beside(above, root.after)
            self._notes(above, 0)
            self._line(0, value.flat, beside)
        else:
            self._entries(value, 0, (), above, (), root.after)
            if value.anchor:
                self.lines.insert(self._content(0), Line(f"&{value.anchor}"))
        self._notes(without_blanks_behind(root.below), 0)

    # Collections

    def _entries(
        self,
        collection: Collection,
        column: int,
        path: Path | None,
        above: Notes,
        after: Notes,
        ending: Notes,
    ) -> None:
        """The entries of a collection line by line, with further notes `above` the first, `after`
        the last, and at the `ending` of all.
        """
        last = collection.entries[-1]
        for entry in collection.entries:
            first = entry is collection.entries[0]
            notes = without_blanks_before([*above, *entry.above]) if first else entry.above
            behind = [*entry.after, *after] if entry is last else entry.after
            start = len(self.lines)
            self._entry(entry, column, path, notes, behind)
            content = self._content(start)
            if content == len(self.lines) - 1:
                self.lines[content].group = id(collection)
        self._notes(without_blanks_behind([*collection.ending, *ending]), column)

    def _entry(
        self, entry: Entry, column: int, path: Path | None, above: Notes, after: Notes
    ) -> None:
        """One entry: its comments, and its key or dash with what is behind it."""
        value, header = entry.value, entry.header
        head = "-" if entry.key is None else self._key(entry.key, column, above)
        if head == ":":
            above = ()  # They are there already, above the line with the `?`.
        path = _inside(path, entry.key)
        room = WIDTH - column - len(head) - 1
        if not isinstance(value, Collection):
            self._leaf(entry, head, column, [*above, *header], after, room)
            return
        over, beside = _beside([*above, *header], after)
        if beside.startswith(_PRAGMA) and value.is_flow:
            room = LONGEST
        elif beside and entry.key is not None and not beside.startswith(_PRAGMA):
            room -= len(beside) + 2
        flat = one_line(value, entry.key is None, path, room)
        if flat is not None:
            self._notes(over, column)
            self._line(column, f"{head} {flat}", beside)
        elif entry.key is not None:
            self._under_key(entry, head, column, path, above, after)
        else:
            self._item(entry, column, [*above, *header], after)

    def _under_key(
        self, entry: Entry, head: str, column: int, path: Path | None, above: Notes, after: Notes
    ) -> None:
        """A key and, further in, its collection."""
        value = entry.value
        assert isinstance(value, Collection)
        filled = in_rows(value, path, WIDTH - column - _STEP)
        if filled is not None:
            above, beside = _beside([*above, *entry.header], after)
            self._notes(above, column)
            self._line(column, head, beside)
            for line in filled:
                self._line(column + _STEP, line)
            return
        header, beside = list(entry.header), ""
        if header and header[0].column is None:
            beside = header.pop(0).text
        elif len(after) == 1 and not header and not holds_comment(value):
            beside, after = after[0].text, ()
        self._notes(above, column)
        head += f" &{value.anchor}" if value.anchor else ""
        self._line(column, head, beside, id(value))
        self._entries(value, column + _STEP, path, header, (), after)

    def _item(self, entry: Entry, column: int, above: Notes, after: Notes) -> None:
        """A collection as an item: its first line stands behind the dash."""
        value = entry.value
        assert isinstance(value, Collection)
        filled = in_rows(value, None, WIDTH - column - _STEP)
        if filled is not None:
            self._notes([*above, *after], column)
            start = len(self.lines)
            for text in filled:
                self._line(column + _STEP, text)
        else:
            last: Notes = ()
            if value.is_mapping and len(value.entries) == 1 and not has_comment(value.ending):
                last, after = after, ()
            elif not holds_comment(value):
                above, after = [*above, *after], ()
            self._notes(above, column)
            start = len(self.lines)
            self._entries(value, column + _STEP, None, (), last, after)
        # Nothing can stand between the dash and its first line: comments go above it.
        content = self._content(start)
        for line in self.lines[start:content]:
            line.text = " " * column if line.comment else ""
        indent, first = " " * column, self.lines[content]
        if value.anchor and filled is None:
            self.lines.insert(content, Line(f"{indent}- &{value.anchor}"))
        else:
            first.text = f"{indent}- {first.text[column + _STEP :]}"

    # Leaves

    def _leaf(
        self, entry: Entry, head: str, column: int, above: Notes, after: Notes, room: int
    ) -> None:
        value = entry.value
        assert not isinstance(value, Collection)
        above, beside = _beside(above, after)
        self._notes(above, column)
        rest: list[str] = []
        if isinstance(value, Alias):
            text = f"*{value.name}"
        else:
            anchor = f"&{value.anchor} " if value.anchor else ""
            lines = scalars.on_lines(value, room - len(anchor), WIDTH - column - _STEP)
            first, *rest = lines or [scalars.on_one_line(value, flow=False)]
            text = anchor + first
        text = f"{head} {text}".strip(" ")
        if text or beside:
            self._line(column, text, beside)
        for line in rest:
            self._line(column + _STEP if line else 0, line)
        self._notes(without_blanks_behind(entry.below), column + _STEP)

    def _key(self, key: Scalar | Alias, column: int, above: Notes) -> str:
        """What stands before the value; a key that no colon may follow gets its own lines."""
        text = key_text(key, flow=False)
        if text is not None:
            return f"{text}:"
        assert isinstance(key, Scalar)
        self._leaf(Entry(None, key), "?", column, above, (), WIDTH)
        return ":"

    # Lines

    def _line(self, column: int, text: str, comment: str = "", group: int = 0) -> None:
        self.lines.append(Line(" " * column + text, comment, group))

    def _notes(self, notes: Notes, column: int) -> None:
        """Comments and blank lines, at most one in a row."""
        for note in notes:
            if note is not BLANK:
                self.lines.append(Line(" " * column, note.text))
            elif self.lines and (self.lines[-1].text or self.lines[-1].comment):
                self.lines.append(Line(""))

    def _content(self, start: int) -> int:
        """The first line from `start` on that is no comment alone, and not blank."""
        while not self.lines[start].text.strip(" "):
            start += 1
        return start


def _inside(path: Path | None, key: Scalar | Alias | None) -> Path | None:
    """The path of the value of `key`; None where it makes no difference any more."""
    if path is None or len(path) > 1 or not isinstance(key, Scalar):
        return None
    return (*path, key.text)


def _beside(notes: Notes, after: Notes) -> tuple[Notes, str]:
    """What is to stand above a line, and the comment beside it."""
    notes = [*notes, *after]
    if notes and notes[-1] is not BLANK and notes[-1].column is None:
        return notes[:-1], notes[-1].text
    return notes, ""
