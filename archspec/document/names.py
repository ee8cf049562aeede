"""The names of steps: what an author may choose, and what a step without one is called."""

from __future__ import annotations

import keyword
import re
from collections.abc import Set
from typing import Any

from archspec.diagnostics import Sink, Span
from archspec.document.mending import readings, replacing
from archspec.document.settings import IN_REPEAT, report_in_text, unknown_variable
from archspec.expressions import Expression, ExpressionError, Names, Unknown, describe
from archspec.module_words import MODULE_WORDS
from archspec.source import TURNED, Plain, Scalar, Value, plain, text_at

_LONGEST = 101
"""Characters of a variable's value that matter to a name: one more than there may be."""
_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
_HOLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)|\{([^{}]*)\}")

_LONGEST_WRITTEN = 400

ALWAYS = frozenset({"in"})
"""The variable that archspec gives everywhere: the channels coming in."""

FROM_WORDS = frozenset({"previous", "input"})
"""What `from` says without meaning a step's name."""


def problem_with(name: str) -> tuple[str, str] | None:
    """Why a step cannot have this name, and the way out; None where it can."""
    if not _NAME.fullmatch(name):
        help, instead = (
            "use letters, digits and _, and at most 100",
            re.sub(r"[^A-Za-z0-9_]+", "_", name),
        )
        if _NAME.fullmatch(instead) and instead.strip("_"):
            help = f"call it `{instead}`: {help}"
        return f"`{name[:40]}` cannot be a name", help
    if name in FROM_WORDS:
        return f"`{name}` has a meaning of its own in `from`", "choose another name"
    if name in MODULE_WORDS or keyword.iskeyword(name) or name.startswith("__"):
        return f"`{name}` is a word of Python or PyTorch's modules", f"call it `{name.strip('_')}_`"
    return None


def check_word(name: str, at: Span, what: str, sink: Sink) -> None:
    """Report a name that could not be written where it is used."""
    if not name.isidentifier() or not name.isascii():
        help = "use letters, digits and _, and begin with a letter"
        sink.report("AS207", f"`{name}` cannot be the name of {what}", at, help=help)
    elif what == "an input":
        if name in FROM_WORDS:
            message = f"`{name}` has a meaning of its own in `from` and cannot name an input"
            sink.report("AS207", message, at, help="choose another name")
    elif name in ALWAYS | IN_REPEAT:
        message = f"`${name}` is archspec's own and cannot name {what}"
        sink.report("AS207", message, at, help="choose another name")


class Name:
    """A step's name as written: text, with variables (`$number`) or arithmetic (`{$index + 2}`)."""

    __slots__ = ("_parts", "broken", "counts", "holds_variables", "names", "scalar")

    def __init__(self, scalar: Scalar, parts: tuple[str | Expression, ...], broken: bool) -> None:
        self.scalar = scalar
        self._parts = parts
        self.broken = broken
        expressions = [part for part in parts if isinstance(part, Expression)]
        self.holds_variables = bool(expressions)
        self.names: frozenset[str] = frozenset().union(*(part.names for part in expressions))
        """The variables that it mentions."""
        self.counts = not self.names.isdisjoint(IN_REPEAT)
        """It tells the repeats of its step apart by itself."""

    @classmethod
    def read(cls, value: Value, known: Set[str], sink: Sink) -> Name | None:
        """The name, given the variables there are. Reports one that cannot be."""
        if not (isinstance(value, Scalar) and isinstance(value.value, str)):
            message, help, fix = f"`name` must be a word, not {describe(plain(value))}", "", None
            if isinstance(value, Scalar):
                help = f'write "{plain(value)}", in quotes'
                for word, text in readings(value.value, value.span):
                    if isinstance(word, str) and problem_with(word) is None:
                        fix = replacing(value.span, text)
            sink.report("AS207", message, value.span, help=help or "write a word", fix=fix)
            return None
        text = value.value
        if len(text) > _LONGEST_WRITTEN:
            message = f"a name may be written with {_LONGEST_WRITTEN} characters, not {len(text):,}"
            sink.report("AS207", message, value.span, help="make it shorter")
            return None
        parts: list[str | Expression] = []
        broken, end = False, 0
        for hole in _HOLE.finditer(text):
            parts.append(text[end : hole.start()])
            start, end = hole.start(), hole.end()
            inner = hole.group(0) if hole.group(1) else hole.group(2)
            start += 0 if hole.group(1) else 1
            try:
                expression = Expression(inner)
                for variable in sorted(expression.names - known):
                    raise unknown_variable(variable, known, inner)
                parts.append(expression)
            except ExpressionError as error:
                error.start += start
                report_in_text(error, value, sink)
                broken = True
        parts.append(text[end:])
        name = cls(value, tuple(part for part in parts if part != ""), broken)
        if not broken and not name.holds_variables:
            _report_problem(text, value.span, sink)
        return name

    def evaluate(self, names: Names, sink: Any) -> str:
        """The name, given the variables' values. Raises Unknown, reported, where it cannot be."""
        if self.broken:
            raise Unknown
        if not self.holds_variables:
            return str(self.scalar.value)
        try:
            pieces = [
                _text(part.evaluate(names)) if isinstance(part, Expression) else part
                for part in self._parts
            ]
        except ExpressionError as error:
            sink.report(error.code, error.message, self.scalar.span, help=error.help)
            pieces = ["_"]
        name = "".join(pieces)
        _report_problem(name, self.scalar.span, sink)
        return name


def _text(value: Plain) -> str:
    """A variable's value as a part of a name; a list is none, and may be long."""
    return describe(value) if isinstance(value, tuple | dict) else str(value)[:_LONGEST]


def _report_problem(name: str, span: Span, sink: Any) -> None:
    problem = problem_with(name)
    if problem and not TURNED.search(text_at(span)):  # else it has been reported
        sink.report("AS207", problem[0], span, help=problem[1])
