"""YAML text to plain values, each with its place in the text.

Values are built from the parser's events, iteratively and with caps, so that no input is composed,
walked or expanded before it is known to be small. Scalars follow YAML 1.2's core schema, where
PyYAML follows 1.1: `no` and `on` are strings, `1e3` is a number, `010` is ten.
"""

from __future__ import annotations

import re
import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from errno import EBADF
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from archspec.diagnostics import Edit, Fix, Label, Sink, Source, Span, shown_path
from archspec.diagnostics.diagnostic import LINE_END

LARGEST_FILE = 2**20
"""Bytes. A chain of 10,000 layers takes a quarter of it."""
MOST_VALUES = 120_000
"""Keys count, too. A chain of 10,000 layers, each with a name and all its fields, has 97,000."""
_LONG_TEXT = 100
_LONG_EXPRESSION = 4
"""Characters for which a text, or what may be an expression, counts as one value more."""
_MOST_DIRECTIVES = 10
DEEPEST = 64
LONGEST_NUMBER = 40
"""Characters of a number; a longer one is a string, and an error wherever a number belongs."""

_SHOWN = 40

KeyPath = tuple[str | int, ...]
"""The way from a value to one inside it: keys and positions."""

Plain = Any
"""None, bool, int, float, str, tuples and dicts of these: a value without its places."""


class Scalar(NamedTuple):
    """A leaf: null, a boolean, a number or a string."""

    value: bool | int | float | str | None
    span: Span


class Sequence(NamedTuple):
    """A list."""

    items: tuple[Value, ...]
    span: Span


class Mapping(NamedTuple):
    """`keys` holds the place of each key of `values`."""

    keys: dict[str, Span]
    values: dict[str, Value]
    span: Span


Value = Scalar | Sequence | Mapping


def plain(value: Value) -> Plain:
    """The value without its places; sequences become tuples."""
    if type(value) is Scalar:
        return value.value
    if type(value) is Sequence:
        return tuple([plain(item) for item in value.items])
    assert type(value) is Mapping
    return {key: plain(item) for key, item in value.values.items()}


def place(value: Value, path: KeyPath) -> Span:
    """The place of what lies at `path` inside `value`, or of the nearest thing around it."""
    for step in path:
        if isinstance(value, Mapping) and step in value.values:
            value = value.values[str(step)]
        elif isinstance(value, Sequence) and isinstance(step, int) and step < len(value.items):
            value = value.items[step]
    return value.span


def key_place(value: Value, path: KeyPath) -> Span:
    """The place of the key that `path` ends in; of what lies there, where it has none."""
    for step in path[:-1]:
        if isinstance(value, Mapping) and step in value.values:
            value = value.values[str(step)]
    keys = value.keys if isinstance(value, Mapping) else {}
    return keys.get(str(path[-1])) or place(value, path[-1:])


def read_source(path: str) -> bytes:
    """The bytes of the file at `path`, or of standard input for `-`, up to just past the cap.

    Raises OSError where it cannot be read.
    """
    if path == "-":
        if sys.stdin is None:
            raise OSError(EBADF, "standard input is closed")
        return sys.stdin.buffer.read(LARGEST_FILE + 1)
    with open(path, "rb") as file:
        return file.read(LARGEST_FILE + 1)


def decode(path: str, data: bytes, sink: Sink) -> Source | None:
    """The text of a spec. Reports a file that is too large, empty, or not UTF-8 text."""
    folder = Path() if path == "-" else Path(path).parent
    shown = shown_path(path)
    empty = Source(shown, "", folder)
    start = Span(1, 1, 1, 1, empty)
    if len(data) > LARGEST_FILE:
        sink.report(
            "AS003",
            f"the file is larger than {LARGEST_FILE // 2**20} MiB, the most a spec may have",
            start,
            help="a spec is text of some hundred lines; use `repeat` and blocks for deep networks",
        )
        return None
    try:
        text = data.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        body, at = error.object, error.start
        number = at + len(data) - len(body)
        message = f"the file is not UTF-8 text: byte {number} is 0x{body[at]:02x}"
        help = "a spec is a YAML file; is this the file you meant?"
        if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            help = "the file is in UTF-16: save it as UTF-8"
        elif not _NOT_TEXT.search(data.decode("cp1252", "replace")):
            meant = body[at : at + 1].decode("cp1252", "replace")
            help = f"save it as UTF-8; in Windows-1252 and Latin-1 this byte is `{meant}`"
            readable = Source(shown, body.decode(errors="replace"), folder)
            start = _character(readable, len(body[:at].decode()))
        sink.report("AS002", message, start, help=help)
        return None
    source = Source(shown, text, folder)
    bad = _NOT_TEXT.search(text)
    if bad:
        sink.report(
            "AS002",
            f"the file holds the control character U+{ord(bad.group()):04X}, which YAML forbids",
            _character(source, bad.start()),
            help="remove it; is this the file you meant?",
        )
        return None
    directives = list(islice(_DIRECTIVE.finditer(text), _MOST_DIRECTIVES + 1))
    if len(directives) > _MOST_DIRECTIVES:
        # A parser compares each with all before it.
        sink.report(
            "AS105",
            "lines that begin with `%` are directives of YAML, which specs do not use",
            _character(source, directives[-1].start()),
            help="remove them; indent a text that holds such lines",
        )
        return None
    if TURNED.search(text):
        _report_turned(source, sink)
    return source


def _character(source: Source, index: int) -> Span:
    """The place of one character of a text."""
    before = LINE_END.split(source.text[:index])
    return Span(len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2, source)


def _report_turned(source: Source, sink: Sink) -> None:
    """Report characters that have a text shown in another order than it is read in."""
    for number, line in enumerate(source.lines(), 1):
        for turned in TURNED.finditer(line):
            code, column = ord(turned.group()), turned.start() + 1
            sink.report(
                "AS107",
                f"the character U+{code:04X} turns the direction of the text around it, which is "
                "shown in another order than it is read in",
                Span(number, column, number, column + 1, source),
                help=f"remove it; a text in double quotes may hold it as `\\u{code:04x}`",
            )


_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_DIRECTIVE = re.compile("(?<![^\n\r\x85\u2028\u2029])%")
TURNED = re.compile("[\u202a-\u202e\u2066-\u2069]")


def parse(source: Source, sink: Sink) -> Value | None:
    """The one document of the text as a value. Reports everything that stops it from being one."""
    try:
        return _Builder(source, sink).build()
    except yaml.YAMLError as error:
        _report_syntax(error, source, sink)
    except _Stopped:
        pass
    return None


_FLAT = "make blocks of the inner steps"
_ANCHOR = "a variable is written `${0}`; an alias stands for a value with `&{0}` before it"


class _Stopped(Exception):
    """Building ends here; what is wrong has been reported."""


class _Open(NamedTuple):
    """A collection whose end has not come yet."""

    start: Any
    items: list[Value] | None
    keys: dict[str, Span] | None
    values: dict[str, Value]
    key: list[Scalar]
    anchor: str | None
    first: int


class _Builder:
    """Builds values from events; see `parse`."""

    def __init__(self, source: Source, sink: Sink) -> None:
        self.source = source
        self.sink = sink
        self.count = 0
        self.anchors: dict[str, tuple[Value, int]] = {}

    def build(self) -> Value | None:  # noqa: PLR0912, PLR0915  # a branch an event
        stack: list[_Open] = []
        root: Value | None = None
        loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
        event: Any
        last: Any = None
        for event in yaml.parse(self.source.text, Loader=loader):
            kind = type(event)
            if kind is yaml.ScalarEvent:
                before = self.count
                value: Value = self._scalar(event)
                last, anchor = event, event.anchor
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                if event.tag not in (None, "!"):
                    self._refuse_tag(event)
                if len(stack) >= DEEPEST:
                    self._stop(
                        "AS103", f"values are nested deeper than {DEEPEST} levels", event, _FLAT
                    )
                mapping = kind is yaml.MappingStartEvent
                keys: dict[str, Span] | None = {} if mapping else None
                items: list[Value] | None = None if mapping else []
                stack.append(_Open(event, items, keys, {}, [], event.anchor, self.count))
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                closed = stack.pop()
                if closed.start.flow_style:
                    last = event
                # A block has no end of its own: the parser finds it where something else begins.
                span = self._span(closed.start, last)
                before, anchor = closed.first, closed.anchor
                self._grow(1, event)
                if closed.keys is not None:
                    value = Mapping(closed.keys, closed.values, span)
                else:
                    value = Sequence(tuple(closed.items or ()), span)
            elif kind is yaml.AliasEvent:
                value, size = self._anchored(event)
                self._grow(size, event)
                last, before, anchor = event, self.count - size, None
            elif kind is yaml.DocumentStartEvent:
                if root is not None:
                    message = "the file holds more than one YAML document"
                    self._stop("AS105", message, event, "keep one network a file; remove the `---`")
                continue
            else:
                continue
            if anchor:
                self.anchors[anchor] = (value, self.count - before)
            if not stack:
                root = value
            elif stack[-1].items is not None:
                stack[-1].items.append(value)
            else:
                self._into_mapping(stack[-1], value)
                if stack[-1].key:
                    continue
            if kind is yaml.ScalarEvent and isinstance(value, Scalar):
                self._warn_of_yaml_1_1(event, value)
        return root

    def _into_mapping(self, parent: _Open, value: Value) -> None:
        """Take `value` as the next key of an open mapping, or as the value of the key before."""
        if parent.key:
            key = parent.key.pop()
            name = key.value
            assert isinstance(name, str) and parent.keys is not None
            if name in parent.keys:
                first = parent.keys[name]
                self.sink.report(
                    "AS102",
                    f"`{name}` is written twice in the same mapping",
                    key.span,
                    help="remove one; YAML gives no rule for which would count",
                    labels=(Label(first, "first written here"),),
                )
                return
            parent.keys[name] = key.span
            parent.values[name] = value
        elif isinstance(value, Scalar):
            if value.value == "<<" and text_at(value.span) == "<<":
                self.sink.report(
                    "AS105",
                    "merge keys (`<<`) are not part of YAML 1.2",
                    value.span,
                    help="write the fields out, or make a block with `args`",
                )
                raise _Stopped
            if not isinstance(value.value, str):
                self._not_a_word(value.span)
            parent.key.append(value)
        else:
            self._not_a_word(value.span)

    def _not_a_word(self, span: Span) -> None:
        from archspec.syntax import instead_of_key

        self.sink.report(
            "AS106",
            f"a key must be a word, not {text_at(span)[:_SHOWN] or 'nothing'}",
            span,
            help=instead_of_key(span),
        )
        raise _Stopped

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        long = _LONG_EXPRESSION if "$" in event.value else _LONG_TEXT
        self._grow(1 + len(event.value) // long, event)
        span = self._span(event, event)
        if event.tag not in (None, "!"):
            if event.tag == "tag:yaml.org,2002:str":
                return Scalar(event.value, span)
            self._refuse_tag(event)
        if not event.implicit[0]:
            return Scalar(event.value, span)
        return Scalar(resolve(event.value), span)

    def _warn_of_yaml_1_1(self, event: yaml.ScalarEvent, scalar: Scalar) -> None:
        """Warn of a plain value that YAML 1.1 reads as something else."""
        text, value, span = event.value, scalar.value, scalar.span
        if not (event.implicit[0] and isinstance(value, str | int) and _DIFFERS.fullmatch(text)):
            return
        meaning = "a string" if isinstance(value, str) else f"the number {value}"
        same = str(value) if isinstance(value, int) else ""
        self.sink.report(
            "AS121",
            f"`{text}` is {meaning} here, as in YAML 1.2; YAML 1.1 tools read something else",
            span,
            help=f'write "{text}" for the string, '
            "true or false for a boolean, and numbers without leading zeros or underscores",
            fix=Fix(f"write `{same}`", (Edit(span, same),)) if same else None,
        )

    def _anchored(self, event: Any) -> tuple[Value, int]:
        found = self.anchors.get(event.anchor)
        if found is None:
            from archspec.words import closest

            near = closest(event.anchor, self.anchors)
            help = f"did you mean `*{near}`?" if near else _ANCHOR.format(event.anchor[:_SHOWN])
            self._stop("AS101", f"the alias `*{event.anchor}` has no anchor before it", event, help)
            raise AssertionError
        return found

    def _grow(self, size: int, event: yaml.Event) -> None:
        self.count += size
        if self.count > MOST_VALUES:
            self._stop(
                "AS104",
                f"the file holds more than {MOST_VALUES:,} values, aliases written out",
                event,
                "use blocks and `repeat` instead of copies",
            )

    def _refuse_tag(self, event: Any) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")[:_SHOWN]
        message = f"the tag `{tag}` is not used in specs"
        self._stop("AS105", message, event, "remove it; put a value in quotes to make it a string")

    def _stop(self, code: str, message: str, event: yaml.Event, help: str = "") -> None:
        self.sink.report(code, message, self._span(event, event), help=help)
        raise _Stopped

    def _span(self, first: Any, last: Any) -> Span:
        start, end = first.start_mark, last.end_mark
        return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1, self.source)


def text_at(span: Span) -> str:
    """The text of a span that lies within a line; up to the line's end for a longer one."""
    lines = span.source.lines()
    if span.line > len(lines):
        return ""
    line = lines[span.line - 1]
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    return line[span.column - 1 : end]


_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: float("inf") for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_DIFFERS = re.compile(
    r"(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)"
    r"|[-+]?0[0-9]+|[-+]?[0-9]+(?:_[0-9]+)+|[-+]?[0-9]+(?::[0-5]?[0-9])+"
)


def resolve(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar, by YAML 1.2's core schema."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in "-+.0123456789" and len(text) <= LONGEST_NUMBER:
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _OCTAL.fullmatch(text):
            return int(text[2:], 8)
        if _HEXADECIMAL.fullmatch(text):
            return int(text[2:], 16)
    return text


def _report_syntax(error: yaml.YAMLError, source: Source, sink: Sink) -> None:
    from archspec.syntax import slip_of  # Few files have such an error.

    message, span, help, labels = slip_of(error, source)
    sink.report("AS101", message, span, help=help, labels=labels)
