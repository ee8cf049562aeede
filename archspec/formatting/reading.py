"""YAML text → what is written in it, with every comment at what it speaks of.

The parser's events say where values are; comments are in the text between them. The text is one
that `archspec.source` has read without an error, and so is small, and not deep.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from archspec.formatting.tree import BLANK, Alias, Collection, Entry, Node, Note, Scalar, Written

STEP_LISTS = frozenset(("layers", "inline", "sequential", "branches", "shortcut", "residual"))
"""The keys of lists of steps."""

_BREAK = "\r\n|[\n\r\x85\u2028\u2029]"
_LINE_END = re.compile(_BREAK)
_BETWEEN = re.compile(
    rf"(?P<end>{_BREAK})|(?P<comment>#[^\n\r\x85\u2028\u2029]*)"
    r"|(?P<mark>[&!][^\s,\[\]{}]*)|(?P<indicator>\S)"
)
_NOTHING = frozenset(("", " ", ": ", ", "))
"""What is most often between two values."""
_BLOCK_HEADER = re.compile(r"[|>]([-+0-9]*)[ \t]*(#[^\n\r\x85\u2028\u2029]*)?")


def read(text: str) -> Written:
    """What is written in a text that `source.parse` has read without an error."""
    return _Reader(text).read()


class _Open:
    """A collection whose end has not come yet; `key` is the entry that waits for its value."""

    __slots__ = ("collection", "entry", "key")

    def __init__(self, collection: Collection, entry: Entry) -> None:
        self.collection = collection
        self.entry = entry
        self.key: Entry | None = None


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.pending: list[Note] = []
        """Comments that go above what comes next."""
        self.beside: list[Note] | None = None
        """Where a comment goes that stands behind what came last, on its line."""
        self.starts_row = False
        """Whether the value that comes next stands on another line than what came last."""
        self.comments: list[str] = []
        self.anchors: list[str] = []
        self.stack: list[_Open] = []
        self.root: Entry | None = None

    def read(self) -> Written:
        loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
        event: Any
        for event in yaml.parse(self.text, Loader=loader):
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._start(event, kind is yaml.MappingStartEvent)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._end(event)
            elif kind is yaml.AliasEvent:
                self._between(event.start_mark.index)
                self.position = event.end_mark.index
                self.anchors.append(f"*{event.anchor}")
                self._take(Alias(event.anchor))
            elif kind is yaml.StreamEndEvent:
                self._between(len(self.text))
        root = self.root or Entry(None, Scalar("", "plain"))
        root.below += self.pending
        return Written(root, tuple(self.comments), tuple(self.anchors))

    # Comments

    def _between(self, end: int) -> None:
        """Take the comments and blank lines from here to `end`, where nothing else is but marks."""
        line, self.starts_row = self.position, False
        if self.text[line:end] in _NOTHING:
            self.position = max(line, end)
            return
        starts_line = not line or self.text[line - 1] in "\n\r\x85\u2028\u2029"
        breaks, after_indicator = 0, False
        for found in _BETWEEN.finditer(self.text, self.position, end):
            kind = found.lastgroup
            if kind == "end":
                breaks += 1
                self.starts_row = True
                line, starts_line, after_indicator = found.end(), True, False
                continue
            if breaks > 1:
                self.pending.append(BLANK)
            breaks = 0
            if kind == "comment":
                self._comment(found, found.start() - line if starts_line else None, after_indicator)
            elif found.group() in "-?":
                after_indicator = True
            starts_line = False
        if breaks > 1:
            self.pending.append(BLANK)
        self.position = max(self.position, end)

    def _comment(self, found: re.Match[str], column: int | None, after_indicator: bool) -> None:
        note = Note(_tidy(found.group()), column)
        self.comments.append(note.text)
        # Behind others on lines of their own it stays, even with a comma or an anchor before it.
        if self.beside is None or column is not None or after_indicator or _comments(self.pending):
            self.pending.append(note)
        else:
            self.beside.append(note)

    def _taken(self) -> list[Note]:
        notes, self.pending = self.pending, []
        return notes

    def _taken_from(self, column: int) -> list[Note]:
        """The first comments, up to one that stands further out than `column`."""
        count = blanks = 0
        for note in self.pending:
            if note is BLANK:
                blanks += 1
            elif note.column is not None and note.column >= column:
                count += 1 + blanks
                blanks = 0
            else:
                break
        taken, self.pending = self.pending[:count], self.pending[count:]
        return taken

    # Values

    def _take(self, value: Node) -> Entry:
        """Put a value where it belongs: the entry whose key, value or item it is."""
        around = self.stack[-1] if self.stack else None
        if around is None:
            self.root = entry = Entry(None, value)
            self._above(entry, value)
        elif not around.collection.is_mapping:
            self._below(around.collection)
            entry = Entry(None, value, above=self._taken(), starts_row=self.starts_row)
            around.collection.entries.append(entry)
        elif around.key is None:
            assert not isinstance(value, Collection)
            self._below(around.collection)
            around.key = entry = Entry(value, value, above=self._taken())
            around.collection.entries.append(entry)
            self.beside = entry.header
            return entry
        else:
            entry, around.key = around.key, None
            entry.value = value
            self._above(entry, value)
        self.beside = entry.after
        return entry

    def _above(self, entry: Entry, value: Node) -> None:
        """Put comments between a key and its value above the key; a block keeps them."""
        if isinstance(value, Collection) and not value.is_flow:
            return
        notes = _comments(self._taken())
        if notes:
            entry.above += [*entry.header, *notes]
            entry.header.clear()

    def _below(self, collection: Collection) -> None:
        """Leave comments that are further in than a key without a value where they are."""
        last = collection.entries[-1] if collection.entries else None
        if last is not None and not collection.is_flow and _is_missing(last.value):
            last.below += self._taken_from(collection.column + 1)

    def _scalar(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        if event.anchor or event.tag:
            start = self._after_marks(start, end)
        self._between(start)
        written = self.text[start:end]
        self.position = end
        note = None
        if event.style in ("|", ">"):
            scalar, note = self._block(event, written, end)
        elif event.implicit[0]:
            scalar = Scalar(event.value, "plain")
        elif event.style == '"' and not _LINE_END.search(written):
            scalar = Scalar(event.value, "double", (written[1:-1],))
        else:
            scalar = Scalar(event.value, "string")
        scalar.anchor = self._anchor(event)
        entry = self._take(scalar)
        if note is not None:
            self.comments.append(note.text)
            (entry.header if self.beside is entry.header else entry.after).append(note)

    def _after_marks(self, start: int, end: int) -> int:
        """Where what an anchor or a tag stands before begins; `end` if that is nothing."""
        for found in _BETWEEN.finditer(self.text, start, end):
            if found.lastgroup == "indicator":
                return found.start()
        return end

    def _block(self, event: Any, written: str, end: int) -> tuple[Scalar, Note | None]:
        """A block scalar, and the comment behind its indicator."""
        header = _BLOCK_HEADER.match(written)
        assert header is not None
        comment = Note(_tidy(header[2]), None) if header[2] else None
        if not event.value.endswith("\n\n"):
            # Empty lines behind it are no part of it, unless it keeps them.
            self.position = end - len(written) + len(written.rstrip("\r\n\x85\u2028\u2029"))
        if event.style == "|":
            return Scalar(event.value, "literal"), comment
        lines = _LINE_END.split(written[header.end() :])[1:]
        while lines and not lines[-1].strip(" "):
            lines.pop()
        blank = [line for line in lines if not line.strip(" ")]
        first = next((line for line in lines if line.strip(" ")), "")
        indent = len(first) - len(first.lstrip(" "))
        if (
            not first
            or re.search("[0-9]", header[1])
            or re.search("[\x85\u2028\u2029]", written)
            or any(len(line) > indent for line in blank)
        ):
            # Its indentation means something: no verbatim lines of it.
            return Scalar(event.value, "string"), comment
        return Scalar(event.value, "folded", tuple([line[indent:] for line in lines])), comment

    def _anchor(self, event: Any) -> str | None:
        if event.anchor:
            self.anchors.append(f"&{event.anchor}")
        return event.anchor or None

    # Collections

    def _start(self, event: Any, is_mapping: bool) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        is_flow = bool(event.flow_style)
        column = event.end_mark.column
        if is_flow:
            if event.anchor or event.tag:
                start = self._after_marks(start, end)
        else:
            start = end
            if not is_mapping and self.text[end : end + 1] != "-":
                # A list as far out as its key; what is as far out behind it is not in it.
                start = end - 1
        self._between(start)
        self.position = max(start, end) if is_flow else start
        around = self.stack[-1] if self.stack else None
        is_steps = False
        if around is not None and not is_mapping:
            key = around.key.key if around.key is not None else None
            in_steps = around.collection.is_steps
            is_steps = in_steps or (isinstance(key, Scalar) and key.text in STEP_LISTS)
        collection = Collection(is_mapping, is_flow, is_steps, column, self._anchor(event))
        entry = self._take(collection)
        self.stack.append(_Open(collection, entry))
        self.beside = entry.header if is_flow else self.beside

    def _end(self, event: Any) -> None:
        self._between(event.start_mark.index)
        opened = self.stack.pop()
        collection, entry = opened.collection, opened.entry
        if not collection.is_flow:
            self._below(collection)
            collection.ending += self._taken_from(collection.column)
            self.beside = self.beside if self.stack else None
        else:
            self.position = max(self.position, event.end_mark.index)
            if collection.entries:
                collection.ending += self._taken()
            # One comment can stand behind the key, and none behind a dash.
            self._above(entry, collection)
            entry.above += entry.header[:-1]
            del entry.header[:-1]
            self.beside = entry.after
        if self.stack and not self.stack[-1].collection.is_mapping:
            entry.above += entry.header
            entry.header.clear()
            if collection.entries:
                entry.above += _comments(collection.entries[0].above)
                collection.entries[0].above.clear()


def _comments(notes: list[Note]) -> list[Note]:
    return [note for note in notes if note is not BLANK]


def _is_missing(value: Node) -> bool:
    return isinstance(value, Scalar) and value.style == "plain" and not value.text


def _tidy(comment: str) -> str:
    """The comment without blanks at its end, and with one between its `#` and a text."""
    comment = comment.rstrip()
    text = comment.lstrip("#")
    marks = comment[: len(comment) - len(text)]
    return f"{marks} {text}" if text and text[0] not in " \t!" else comment
