"""What a YAML parser's complaint means: the slip behind it, the place of it, and the way out.

A parser complains where it cannot go on, which is often lines after the slip: a bracket that is not
closed is found out by the next step. Whoever wrote the file looks for the bracket.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import yaml

from archspec.diagnostics import Label, Source, Span

_SHOWN = 40
_LARGEST = 200_000
"""Characters of a text."""
_LONGEST_LINE = 2_000
_PAIRS = {"{": "}", "[": "]"}
_CLOSING = frozenset("}])")
_QUOTES = frozenset("\"'")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


class Slip(NamedTuple):
    """What to say of a text that is not YAML."""

    message: str
    span: Span
    help: str
    labels: tuple[Label, ...] = ()


def slip_of(error: yaml.YAMLError, source: Source) -> Slip:
    """The slip that made the parser give up on this text with this error."""
    found = _Complaint.of(error, source)
    # Of a text that nobody has written by hand, less exactly: what follows takes time.
    if len(source.text) <= _LARGEST and max(map(len, found.lines)) <= _LONGEST_LINE:
        for judge in _JUDGES:
            slip = judge(found)
            if slip is not None:
                return slip
    context = f" ({found.context})" if found.context else ""
    return Slip(
        f"this is not YAML: {found.problem}{context}",
        found.at(),
        "check the indentation, the colons and the quotes near here",
    )


class _Complaint(NamedTuple):
    """An error with its places: lines and columns count from 0 here, as the parser's do."""

    problem: str
    context: str
    line: int
    column: int
    opened: tuple[int, int] | None
    """Where what was being read begins."""
    last: Any
    """The last scalar that could be read."""
    at_end: bool
    """The parser came to the end of the file."""
    source: Source
    lines: list[str]

    @classmethod
    def of(cls, error: yaml.YAMLError, source: Source) -> _Complaint:
        lines = source.lines()
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        mark, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
        line, column = (mark.line, mark.column) if mark else (0, 0)
        at_end = line >= len(lines) or (line == len(lines) - 1 and not lines[-1].strip())
        if at_end:
            # The end of the file: point behind the last thing written.
            written = [number for number, text in enumerate(lines) if text.strip()]
            line = written[-1] if written else 0
            column = len(lines[line])
        return cls(
            problem,
            getattr(error, "context", None) or "",
            line,
            column,
            (opened.line, opened.column) if opened and opened.line < len(lines) else None,
            _last_scalar(source.text) if len(source.text) <= _LARGEST else None,
            at_end,
            source,
            lines,
        )

    @property
    def text(self) -> str:
        """The line that the parser gave up at."""
        return self.lines[self.line]

    @property
    def character(self) -> str:
        return self.text[self.column : self.column + 1]

    def at(self, length: int = 1) -> Span:
        return self.span(self.line, self.column, length)

    def span(self, line: int, column: int, length: int = 1) -> Span:
        return Span(line + 1, column + 1, line + 1, column + 1 + max(1, length), self.source)

    def before(self, line: int) -> int | None:
        """The last line before this one that holds more than a comment."""
        for number in range(line - 1, -1, -1):
            if self.lines[number].strip() and not self.lines[number].lstrip().startswith("#"):
                return number
        return None


def _last_scalar(text: str) -> Any:
    loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
    last = None
    try:
        for event in yaml.parse(text, Loader=loader):
            if type(event) is yaml.ScalarEvent:
                last = event
    except yaml.YAMLError:
        pass
    return last


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _bare(text: str) -> str:
    """A line's text without a comment behind it."""
    return re.split(r"\s#", text)[0].strip()


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_LIKE_A_SPACE = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
_LOOKALIKE = re.compile(
    rf"(?:^(?: |- )*|[-:,{{}}\[\]] *)(?P<space>[{_LIKE_A_SPACE}]+)|^ *(?:- +)*\w+(?P<colon>\uff1a)"
)
"""What is pasted from a web page in the place of a space, or of a colon, of YAML's own."""


def _lookalike(found: _Complaint) -> Slip | None:
    """A character that looks like a space or a colon, which YAML reads as a letter."""
    for line in (found.before(found.line), found.line):
        if line is None:
            continue
        text = _QUOTED.sub(lambda quoted: "x" * len(quoted.group()), found.lines[line])
        match = _LOOKALIKE.search(re.split(r"\s#", text)[0])
        if match is None:
            continue
        what = str(match.lastgroup)
        code = f"U+{ord(match[what][0]):04X}"
        message = f"the character {code} looks like a {what}, and is read as a letter"
        help = "write a space" if what == "space" else "write a `:`, and a space behind it"
        return Slip(message, found.span(line, match.start(what), len(match[what])), help)
    return None


def _tab(found: _Complaint) -> Slip | None:
    tab = found.text[: _indentation(found.text)].find("\t")
    if tab < 0 and found.character == "\t":
        tab = found.column
    if tab < 0:
        return None
    message = "this line is indented with a tab, which YAML does not allow"
    like = _indented(found, "")
    help = "indent with spaces" if like is None else like.help.replace("it ", "it with spaces, ", 1)
    return Slip(message, found.span(found.line, tab), help)


def _quote(found: _Complaint) -> Slip | None:
    """A text in quotes that does not end, or ends at a quote that was meant for another."""
    last, help = found.last, "close it where the text ends"
    if "unexpected end" in found.problem and found.opened and "quoted" in found.context:
        line, column = found.opened
        quote = found.lines[line][column : column + 1]
        return Slip(f"the quote `{quote}` is never closed", found.span(line, column), help)
    if last is None or last.style not in _QUOTES:
        return None
    start, end = last.start_mark, last.end_mark
    if (end.line, end.column) == (found.line, found.column) and end.line > start.line:
        return Slip(
            f"the quote `{last.style}` is not closed in its line",
            found.span(start.line, start.column),
            help,
            (Label(found.span(end.line, end.column - 1), "this one closes it"),),
        )
    if (end.line, end.column) == (found.line, found.column) and found.character.strip():
        rest = _bare(found.text[found.column :])
        if rest[0] not in ",}]":
            help = "put all of it in quotes, or none of it"
            message = f"`{_shortened(rest)}` stands behind the quote that closes the text"
            return Slip(message, found.at(len(rest)), help)
    return None


def _bracket(found: _Complaint) -> Slip | None:
    """A bracket that is not closed, or within brackets, a comma that is missing."""
    if "flow" not in found.context:
        return None
    place = found.opened
    if found.at_end and (place is None or "node" in found.context):
        place = next(iter(reversed(_unclosed(found.lines, 0, 0))), None)
    if place is None:
        return None
    line, column = place
    bracket = found.lines[line][column : column + 1]
    if bracket not in _PAIRS:
        return None
    opened = found.span(line, column)
    if found.character in _CLOSING:
        message = f"the `{bracket}` is closed by a `{found.character}`"
        label = Label(opened, "opened here")
        return Slip(message, found.at(), f"close it with `{_PAIRS[bracket]}`", (label,))
    if (line, column) in _unclosed(found.lines, line, column):
        labels = () if found.at_end else (Label(found.at(), "read as if within it, up to here"),)
        help = f"add the `{_PAIRS[bracket]}` that closes it"
        return Slip(f"the `{bracket}` is never closed", opened, help, labels)
    if found.character == "[":
        start = max(found.text.rfind(" ", 0, found.column), found.text.rfind(",", 0, found.column))
        value = re.match(r"[^,{}\s]*", found.text[start + 1 :])
        written = value.group() if value else ""
        message = "a `[` within a value ends it here, between brackets"
        return Slip(message, found.at(), f'put the value in quotes: `"{_shortened(written)}"`')
    if found.character == ":":
        word = re.search(r"[^\s,{}\[\]]+\s*$", found.text[: found.column])
        if word:
            written = word.group().strip()
            message = f"a comma is missing before `{_shortened(written)}`"
            span = found.span(found.line, word.start(), len(written))
            return Slip(message, span, f"write `, {_shortened(written)}: …`")
    message = f"a comma is missing before `{_shortened(_bare(found.text[found.column :]))}`"
    return Slip(message, found.at(), "put a comma between the values")


def _unclosed(lines: list[str], line: int, column: int) -> list[tuple[int, int]]:
    """The brackets from this place on that are not closed, the outermost first."""
    opened: list[tuple[int, int]] = []
    for number in range(line, len(lines)):
        start = column if number == line else 0
        # What is in quotes, and what is a comment, holds its place and no brackets.
        text = _QUOTED.sub(lambda quoted: " " * len(quoted.group()), lines[number])
        comment = re.search(r"(?:^|\s)#", text)
        for index in range(start, comment.start() if comment else len(text)):
            if text[index] in _PAIRS:
                opened.append((number, index))
            elif text[index] in _CLOSING and opened:
                opened.pop()
    return opened


def _no_colon(found: _Complaint) -> Slip | None:
    """A line that should be a key and its value, or a step, and has no colon that counts."""
    if "simple key" not in found.context or found.opened is None:
        return None
    line, column = found.opened
    text = _bare(found.lines[line][column:])
    span = found.span(line, column, len(text))
    if text.startswith("//"):
        help = f"write `# {_shortened(text[2:].strip())}`"
        return Slip("a comment begins with `#`, not with `//`", span, help)
    dash = re.fullmatch(r"-([^\s-].*)", text)
    if dash:
        help = f"write `- {_shortened(dash[1])}`"
        return Slip("a space is missing after the dash", span, help)
    joined = re.fullmatch(r"(\w+):(\S.*)", text)
    if joined:
        help = f"write `{joined[1]}: {_shortened(joined[2])}`"
        return Slip("a space is missing after the colon", span, help)
    word = re.match(r"\w+", text)
    if word:
        message = f"a colon is missing after `{_shortened(word.group())}`"
        rest = text[word.end() :].lstrip(" =")
        help = f"write `{word.group()}:{' ' if rest else ''}{_shortened(rest)}`"
        return Slip(message, found.span(line, column, len(word.group())), help)
    return Slip("this line is no `key: value`, and no step", span, "a step begins with `- `")


def _second_colon(found: _Complaint) -> Slip | None:
    """A colon where a value has begun already."""
    if "mapping values are not allowed" not in found.problem:
        return None
    text, indentation = found.text, _indentation(found.text)
    lead = re.match(r"\s*(?:- +)*", text)
    start = lead.end() if lead else indentation
    read = text[start : found.column]
    earlier = re.match(r"(\w+): +(.*)", read)
    if earlier:
        key, rest = earlier[1], _bare(text[start + earlier.start(2) :])
        if re.fullmatch(r"\w+", earlier[2]) and key not in ("description", "name", "references"):
            help = f"put the fields in braces: `{key}: {{{_shortened(rest)}}}`"
        else:
            help = f'put the text in quotes: `{key}: "{_shortened(rest)}"`'
        return Slip(f"a second colon, within the value of `{key}`", found.at(), help)
    bracket = re.search(r"(\w+)\s*([{\[])", read)
    if bracket:
        help = f"write `{bracket[1]}: {bracket[2]}`"
        span = found.span(found.line, start + bracket.start(2))
        return Slip(f"a colon is missing after `{bracket[1]}`", span, help)
    above = found.before(found.line)
    if above is None:
        return None
    lone = re.fullmatch(r"(\s*(?:- +)*)(\w+)", _without_comment(found.lines[above]))
    if lone and not text.lstrip().startswith("- "):
        span = found.span(above, lone.end(1), len(lone[2]))
        label = Label(found.span(found.line, start, len(read)), "read as more of the same word")
        return Slip(f"a colon is missing after `{lone[2]}`", span, f"write `{lone[2]}:`", (label,))
    return _indented(found, "too far")


def _without_comment(line: str) -> str:
    return re.split(r"\s#", line)[0].rstrip()


def _indented(found: _Complaint, how: str) -> Slip | None:
    """A line whose indentation fits nothing around it."""
    text, indentation = found.text, _indentation(found.text)
    is_step = text.lstrip().startswith("- ")
    above = found.before(found.line)
    while above is not None and found.lines[above].lstrip().startswith("- ") != is_step:
        above = found.before(above)
    if above is None:
        above = found.before(found.line)
    if above is None:
        return None
    wanted = _indentation(found.lines[above])
    if wanted == indentation:
        return None
    how_far = f"indent it by {wanted} column{'s' if wanted > 1 else ''}"
    how_far = how_far if wanted else "do not indent it"
    help = f"{how_far}, as line {above + 1}, if it belongs beside that"
    span = found.span(found.line, indentation, len(_bare(text)))
    return Slip(f"this line is indented {how}: it fits nothing above it", span, help)


def _stray(found: _Complaint) -> Slip | None:
    """What cannot stand where a key, or an item of a list, is due."""
    if "did not find expected" not in found.problem:
        return None
    if found.character in _CLOSING:
        message = f"the `{found.character}` closes nothing"
        return Slip(message, found.at(), "remove it, or open the bracket")
    beside = found.opened is not None and found.column == found.opened[1]
    if "block collection" in found.context and beside and found.column == _indentation(found.text):
        rest = _bare(found.text)
        help = f"write `- {_shortened(rest)}`"
        return Slip("a dash is missing before this item", found.at(len(rest)), help)
    if "block" in found.context and found.column == _indentation(found.text):
        return _indented(found, "wrongly")
    return None


def _first_character(found: _Complaint) -> Slip | None:
    """A value that begins with a character that YAML keeps for itself."""
    if "cannot start any token" not in found.problem or not found.character:
        return None
    value = re.split(r"[,}\]]|\s#", found.text[found.column :])[0].strip()
    message = f"a value cannot begin with `{found.character}`"
    help = f'put it in quotes: `"{_shortened(value)}"`'
    variable = re.fullmatch(r"[@%](\w+)", value)
    if variable and not variable[1].isdigit():
        help = f"a variable is written `${_shortened(variable[1])}`; other texts go in quotes"
    return Slip(message, found.at(len(value)), help)


def _escape(found: _Complaint) -> Slip | None:
    if "unknown escape" not in found.problem:
        return None
    start = max(0, found.text.rfind("\\", 0, found.column + 1))
    escape = found.text[start : start + 2]
    help = "write it twice to have a backslash, or put the text in single quotes"
    message = f"`{escape}` stands for nothing in double quotes"
    return Slip(message, found.span(found.line, start, 2), help)


def _list_in_a_line(found: _Complaint) -> Slip | None:
    if "block sequence entries are not allowed" not in found.problem:
        return None
    help = "begin the list on a line of its own, or write it in brackets: [a, b]"
    return Slip("a `- ` cannot begin behind a key in its line", found.at(), help)


_INDICATORS = {"alias": "*", "anchor": "&", "tag": "!", "directive": "%", "block scalar": "| or >"}


def _in_other_words(found: _Complaint) -> Slip | None:
    """What is left of the parser's complaints, in words that an author knows."""
    help = "check the indentation, the colons and the quotes here and in the line above"
    rest = _shortened(_bare(found.text[found.column :]))
    for what, character in _INDICATORS.items():
        if found.context.endswith((f"a {what}", f"an {what}")):
            message = f"this is no {what}, which is what `{character}` begins"
            return Slip(message, found.at(), "put the text in quotes")
    if "unexpected ':'" in found.problem:
        message = "a colon without a space behind it, between brackets"
        return Slip(message, found.at(), "put a space behind it, or the text in quotes")
    if "mapping values" in found.problem:
        return Slip("a colon cannot stand here: no key is due", found.at(), help)
    if "node content" in found.problem and "flow" in found.context:
        message = f"a value is missing before `{rest}`" if rest else "a value is missing"
        return Slip(message, found.at(), "write one, or remove the comma or the bracket before it")
    if "did not find expected" in found.problem and "quoted" not in found.context and rest:
        return Slip(f"`{rest}` cannot stand here", found.at(len(rest)), help)
    return None


_JUDGES: tuple[Callable[[_Complaint], Slip | None], ...] = (
    _lookalike,
    _tab,
    _quote,
    _bracket,
    _no_colon,
    _second_colon,
    _stray,
    _first_character,
    _escape,
    _list_in_a_line,
    _in_other_words,
)


def instead_of_key(span: Span) -> str:
    """What was most likely meant by something that cannot be a key."""
    line = span.source.lines()[span.line - 1]
    end = span.end_column - 1 if span.end_line == span.line else None
    written = line[span.column - 1 : end][:_SHOWN]
    before = line[max(0, span.column - _SHOWN) : span.column - 1]
    variable = re.fullmatch(r"\{\s*([A-Za-z_]\w*)\s*\}", written)
    if variable:
        return f"a variable has no braces: write `${variable[1]}`"
    thousands = re.search(r"([0-9]{1,3}),$", before)
    if thousands and re.fullmatch("[0-9]{3}", written):
        return f"a number has no commas: write {thousands[1]}{written}"
    return "put it in quotes if it is meant as a name"
