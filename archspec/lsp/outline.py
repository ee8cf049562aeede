"""The outline of a text that may be no YAML yet: what a person would take it for.

`source.parse` is exact, and gives nothing where a bracket is open. This reader never fails: a
bracket ends where the text is indented less, a word without its colon is a key, and what fits
nowhere is passed over. Where the text is right, the two agree.
"""

from __future__ import annotations

import re

from archspec.diagnostics import Source, Span
from archspec.source import DEEPEST, Mapping, Scalar, Sequence, Value, resolve

_KEY = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'"""
    r"""|(?:[^\s\-?:,\[\]{}#&*!|>'"%@`]|[-?:](?=[^\s#]))(?:[^\s#]|(?<=\S)#|\s)*?)"""
    r"""\s*:(?=\s|$)"""
)
_DASH = re.compile(r"-(?=\s|$)")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*(?:"|$)|'(?:[^']|'')*(?:'|$)""")
_PLAIN = re.compile(r"(?:[^\s#]|(?<=\S)#|\s+(?![\s#]|$))*")
_PLAIN_IN_FLOW = re.compile(
    r"(?:[^\s,\[\]{}:#]|:(?![\s,\[\]{}]|$)|(?<=[^\s,\[\]{}])#"
    r"|[ \t]+(?=[^\s,\[\]{}:#]|:[^\s,\[\]{}]))+"
)
_SPACES = re.compile(r"\s*")
_PROPERTIES = re.compile(r"\s*(?:[&!][^\s,\[\]{}]*\s*)*")
_COLON = re.compile(r"\s*:")
_BLOCK_SCALAR = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?$")
_DIRECTIVE = re.compile("---|%")
_CLOSING = {"{": "}", "[": "]"}
_LONGEST_KEY = 200
_ESCAPE = re.compile(r"\\(.)")


def outline(source: Source) -> Mapping:
    """The sections of a text, and all that is in them, as far as they can be made out."""
    found = _Reader(source).read()
    return found if isinstance(found, Mapping) else Mapping({}, {}, found.span)


class _Reader:
    """Reads a text from its `row` and `column`, which count from 0."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.lines = source.lines()
        self.row = 0
        self.column = 0
        self.depth = 0

    def read(self) -> Value:
        indent = self._next_written()
        if indent is None or self._meets(_DASH):
            return self._empty()
        return self._flow(0) if self._here == "{" else self._mapping(indent)

    # Places

    @property
    def _here(self) -> str:
        """The next character of the line, or nothing."""
        return self.lines[self.row][self.column : self.column + 1]

    def _meets(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if self.row >= len(self.lines):
            return None
        line = self.lines[self.row]
        # A key is short, and looking for one must not take long.
        end = self.column + _LONGEST_KEY if pattern is _KEY else len(line)
        return pattern.match(line, self.column, end)

    def _span(self, row: int, column: int, end: tuple[int, int] | None = None) -> Span:
        end_row, end_column = (self.row, self.column) if end is None else end
        return Span(row + 1, column + 1, end_row + 1, end_column + 1, self.source)

    def _empty(self) -> Scalar:
        return Scalar(None, self._span(self.row, self.column))

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = self._meets(pattern)
        self.column = match.end() if match else self.column

    def _ends(self) -> bool:
        """Whether nothing is left of the line, but a comment."""
        return self._here in ("", "#")

    def _next_line(self) -> None:
        self.row, self.column = self.row + 1, 0

    def _next_written(self) -> int | None:
        """Go to the next thing that is written, and return its indentation; None at the end."""
        while self.row < len(self.lines):
            if not (self.column == 0 and self._meets(_DIRECTIVE)):
                self._skip(_SPACES)
                if not self._ends():
                    return self.column
            self._next_line()
        return None

    # Blocks

    def _block(self, least: int) -> Value:
        """The value in the lines from here that are indented by `least` or more."""
        place = self.row, self.column
        indent = self._next_written()
        if indent is None or indent < least:
            return Scalar(None, self._span(*place, place))
        return self._node(least)

    def _node(self, least: int, inline: bool = False) -> Value:
        """The value that begins here; its lines are indented by `least` or more."""
        if self.depth >= DEEPEST:
            self._next_line()
            return self._empty()
        self.depth += 1
        try:
            if self._meets(_DASH) and not inline:
                return self._sequence(self.column)
            if self._meets(_KEY) and not inline:
                return self._mapping(self.column)
            value = self._inline(least)
            if not inline:
                self._leave_line(least)
            return value
        finally:
            self.depth -= 1

    def _sequence(self, indent: int) -> Sequence:
        start = self.row, self.column
        items: list[Value] = []
        end = start
        while self._meets(_DASH):
            self.column += 1
            end = self.row, self.column
            self._skip(_PROPERTIES)
            if self._ends():
                place = self.row, min(self.column, end[1] + 1)
                self._next_line()
                value = self._block(indent + 1)
                if isinstance(value, Scalar) and value.value is None:
                    value = Scalar(None, self._span(*place, place))
            else:
                value = self._node(indent + 1)
            items.append(value)
            end = max(end, (value.span.end_line - 1, value.span.end_column - 1))
            if not self._is_at(indent):
                break
        return Sequence(tuple(items), self._span(*start, end))

    def _mapping(self, indent: int) -> Mapping:
        start = end = self.row, self.column
        keys: dict[str, Span] = {}
        values: dict[str, Value] = {}
        while not self._meets(_DASH):
            row, column = self.row, self.column
            match = self._meets(_KEY)
            if match:
                name = _unquoted(match.group(1))
                at = self._span(row, column, (row, match.end(1)))
                self.column = match.end()
                value = self._value(indent)
            else:  # a word whose colon is still to be written
                word = self._inline(indent + 1)
                name, at = str(word.value) if isinstance(word, Scalar) else "", word.span
                value = Scalar(None, at._replace(line=at.end_line, column=at.end_column))
                self._leave_line(indent + 1)
            if name not in values:
                keys[name], values[name] = at, value
            end = max(end, *((s.end_line - 1, s.end_column - 1) for s in (at, value.span)))
            if not self._is_at(indent):
                break
        return Mapping(keys, values, self._span(*start, end))

    def _value(self, indent: int) -> Value:
        """The value behind a key that is indented so."""
        behind = self.row, self.column
        self._skip(_PROPERTIES)
        if not self._ends():
            value = self._node(indent + 1, inline=True)
            self._leave_line(indent + 1)
            return value
        self._next_line()
        found = self._next_written()
        if found is not None and (found > indent or (found == indent and self._meets(_DASH))):
            return self._node(indent + (found > indent))
        return Scalar(None, self._span(*behind, behind))

    def _is_at(self, indent: int) -> bool:
        """Whether the next thing that is written is indented so; deeper ones are passed over."""
        while (found := self._next_written()) is not None and found > indent:
            self._next_line()
        return found == indent

    def _leave_line(self, least: int) -> None:
        """Pass over what is left of the line, and over the lines of a text that goes on."""
        self._next_line()
        while (found := self._next_written()) is not None and found >= max(1, least):
            if self._meets(_DASH) or self._meets(_KEY):
                break
            self._next_line()

    # Within a line

    def _inline(self, least: int) -> Value:
        """A scalar, or a value in brackets."""
        if self._here in _CLOSING:
            return self._flow(least)
        if self._meets(_BLOCK_SCALAR):
            return self._text(least)
        return self._scalar(_PLAIN)

    def _text(self, least: int) -> Scalar:
        """A text of several lines, behind `|` or `>`."""
        start, first = (self.row, self.column), self.row + 1
        self._next_line()
        while self.row < len(self.lines):
            line = self.lines[self.row]
            if line.strip() and len(line) - len(line.lstrip()) < max(1, least):
                break
            self.row += 1
        text = "\n".join(line.strip() for line in self.lines[first : self.row])
        self.row, self.column = self.row - 1, len(self.lines[self.row - 1])
        return Scalar(text, self._span(*start))

    def _scalar(self, plain: re.Pattern[str]) -> Scalar:
        row, column = self.row, self.column
        quoted = self._meets(_QUOTED)
        match = quoted or self._meets(plain)
        text = match.group().rstrip() if match else ""
        self.column += len(text)
        return Scalar(_unquoted(text) if quoted else resolve(text), self._span(row, column))

    def _flow(self, least: int) -> Value:
        """What is in brackets, to the one that closes it, or to where the text is indented less."""
        row, column = self.row, self.column
        opening = self._here
        self.column += 1
        if self.depth >= DEEPEST:
            return self._empty()
        self.depth += 1
        keys: dict[str, Span] = {}
        values: dict[str, Value] = {}
        items: list[Value] = []
        while self._is_in_flow(least):
            here = self._here
            if here in "]}":
                if here == _CLOSING[opening]:
                    self.column += 1
                break
            if here == ",":
                self.column += 1
                continue
            before = self.row, self.column
            if opening == "{":
                self._entry(least, keys, values)
            else:
                items.append(self._item(least))
            if (self.row, self.column) == before:
                self.column += 1  # a stray character
        self.depth -= 1
        span = self._span(row, column)
        return Mapping(keys, values, span) if opening == "{" else Sequence(tuple(items), span)

    def _is_in_flow(self, least: int) -> bool:
        """Go to what comes next in brackets; whether there is something."""
        while True:
            self._skip(_PROPERTIES)
            if not self._ends():
                return True
            end = self.row, len(self.lines[self.row][: self.column].rstrip())
            self._next_line()
            found = self._next_written()
            goes_on = found is not None and (
                self._here in "]}" or (found >= max(1, least) and not self._meets(_DASH))
            )
            if not goes_on:
                self.row, self.column = end
                return False

    def _entry(self, least: int, keys: dict[str, Span], values: dict[str, Value]) -> None:
        """A key and its value in braces."""
        if self._here in _CLOSING:
            self._flow(least)  # is no key: what is meant by it cannot be known
            return
        key = self._scalar(_PLAIN_IN_FLOW)
        at, value = key.span, Scalar(None, self._span(self.row, self.column))
        found: Value = value
        if self._is_in_flow(least) and self._here == ":":
            self.column += 1
            found = self._flow_value(least)
        name = "" if key.value is None else str(key.value)
        if name not in values:
            keys[name], values[name] = at, found

    def _item(self, least: int) -> Value:
        """A value in brackets, which may be one key with its value."""
        if self._here in _CLOSING:
            return self._flow(least)
        key = self._scalar(_PLAIN_IN_FLOW)
        colon = self._meets(_COLON)
        if not colon:
            return key
        self.column = colon.end()
        name, value = str(key.value), self._flow_value(least)
        end = value.span.end_line - 1, value.span.end_column - 1
        span = self._span(key.span.line - 1, key.span.column - 1, end)
        return Mapping({name: key.span}, {name: value}, span)

    def _flow_value(self, least: int) -> Value:
        """The value behind a colon."""
        behind = self.row, self.column
        if not self._is_in_flow(least) or self._here in ",]}":
            return Scalar(None, self._span(*behind, behind))
        if self._here in _CLOSING:
            return self._flow(least)
        return self._scalar(_PLAIN_IN_FLOW)


def _unquoted(text: str) -> str:
    """The text in quotes, or itself."""
    if text[:1] == '"':
        inner = text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:]
        return _ESCAPE.sub(r"\1", inner)
    if text[:1] == "'":
        inner = text[1:-1] if len(text) > 1 and text.endswith("'") else text[1:]
        return inner.replace("''", "'")
    return text
