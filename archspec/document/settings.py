"""Values of a spec that may hold expressions."""

from __future__ import annotations

import re
from collections.abc import Set
from itertools import chain, islice
from typing import Any

from archspec.diagnostics import Sink, Span
from archspec.document.mending import replacing
from archspec.expressions import Expression, ExpressionError, Names, Unknown, is_expression
from archspec.source import DEEPEST, Mapping, Plain, Scalar, Sequence, Value, plain, text_at
from archspec.words import MOST_CANDIDATES, certain, closest


class Setting:
    """A value as written, ready to be evaluated wherever its variables have values.

    `names` are the variables it mentions, with none it is the `constant` for good. Whatever is
    wrong with an expression is reported where it stands, and the setting is `broken`.
    """

    __slots__ = ("_expression", "_parts", "broken", "constant", "names", "size", "value")

    def __init__(self, value: Value, sink: Sink) -> None:
        self.value = value
        self.constant: Plain = None
        self.names: frozenset[str] = frozenset()
        self.broken = False
        self._expression: Expression | None = None
        self._parts: tuple[Setting, ...] = ()
        self.size = 1
        """How much work it is to evaluate: about how many values it holds."""
        if isinstance(value, Scalar):
            text = value.value
            if isinstance(text, str) and (is_expression(text) or _braced(text)):
                try:
                    _refuse_braces(text)
                    self._expression = Expression(text)
                    self.names = self._expression.names
                    self.size += len(text) // _LONG_EXPRESSION
                except ExpressionError as error:
                    report_in_text(error, value, sink)
                    self.broken = True
            else:
                self.constant = text
            return
        items = value.items if isinstance(value, Sequence) else tuple(value.values.values())
        self._parts = tuple([Setting(item, sink) for item in items])
        self.broken = any([part.broken for part in self._parts])
        self.size = 1 + sum([part.size for part in self._parts])
        self.names = frozenset().union(*(part.names for part in self._parts))
        if not self.names and not self.broken:
            self.constant = plain(value)

    @property
    def span(self) -> Span:
        return self.value.span

    @property
    def is_constant(self) -> bool:
        return not (self.names or self.broken)

    def evaluate(self, names: Names, sink: Any) -> Plain:
        """The plain value. `sink.report` is told what is wrong; then Unknown is raised."""
        if self.broken:
            raise Unknown
        if not self.names:
            return self.constant
        if self._expression is not None:
            try:
                return self._expression.evaluate(names)
            except ExpressionError as error:
                assert isinstance(self.value, Scalar)
                report_in_text(error, self.value, sink)
                raise Unknown from None
        values = tuple([part.evaluate(names, sink) for part in self._parts])
        if not _is_small(values):
            message = f"with its variables, this holds more than {MOST_VALUES:,} values, or levels"
            sink.report("AS104", message, self.span, help="write lists that are not of lists")
            raise Unknown
        if isinstance(self.value, Mapping):
            return dict(zip(self.value.values, values, strict=True))
        return values

    def check_names(self, known: Set[str], sink: Sink) -> None:
        """Report each variable that is not among the known ones, where it stands."""
        if self.names <= known:
            return
        for part in self._parts:
            part.check_names(known, sink)
        if self._expression is not None:
            assert isinstance(self.value, Scalar)
            for name in sorted([name for name in self.names if name not in known]):
                self.broken = True
                error = unknown_variable(name, known, self._expression.text)
                report_in_text(error, self.value, sink)


MOST_VALUES = 1_000
"""Of a list or mapping that variables are a part of."""
_LONG_EXPRESSION = 8
"""Characters that are about as much work as a value."""


def _is_small(value: Plain) -> bool:
    """Whether a value is small enough to be walked: lists of lists grow fast when variables do."""
    return weight(value, MOST_VALUES) <= MOST_VALUES


def weight(value: Plain, most: int) -> int:
    """How many values there are in a value, counted to just beyond `most`, which stands for too
    deep a nesting too. A text counts as one for each hundred characters.
    """
    level, count, depth = [value], 0, 0
    while level:
        count, depth = count + len(level), depth + 1
        if count > most or depth > DEEPEST:
            return most + 1
        count += sum([len(v) // 100 for v in level if type(v) is str])
        nested = [v.values() if type(v) is dict else v for v in level if type(v) in (tuple, dict)]
        level = list(islice(chain.from_iterable(nested), most + 1))
    return count


def _braced(text: str) -> re.Match[str] | None:
    """A variable that is written as in a shell, `${width}`."""
    return re.search(r"\$\{\s*([A-Za-z_]\w*)\s*\}?", text) if "${" in text else None


def _refuse_braces(text: str) -> None:
    """Raise ExpressionError for a variable with braces."""
    braced = _braced(text)
    if braced:
        instead, length = f"${braced[1]}", len(braced.group())
        message, help = "a variable has no braces", f"write `{instead}`"
        raise ExpressionError("AS401", message, braced.start(), length, help, instead)


IN_REPEAT = frozenset({"index", "number", "first", "last"})
"""The variables that archspec gives within a repeat."""


def unknown_variable(name: str, known: Set[str], text: str) -> ExpressionError:
    """The error of a variable in an expression that is none of the `known` ones."""
    meant = None
    if name in IN_REPEAT:
        help = (
            f"`${name}` counts within a step that has `repeat`; a block is given it as an argument"
        )
    elif name == "in":
        help = "`$in` is the channels that come into a step, and known in steps alone"
    elif len(known) > MOST_CANDIDATES:
        help = f"none of the {len(known):,} variables is called so"
    elif known:
        near = closest(name, known)
        there = ", ".join(f"${name}" for name in sorted(known))
        help = f"did you mean `${near}`?" if near else f"there are {there}"
        meant = certain(name, filter(str.isidentifier, known))
    else:
        help = "give it a value under `vars`"
    message = f"there is no variable `${name}` here"
    found = re.search(rf"\${name}(?!\w)", text)
    start = found.start() if found else 0
    instead = f"${meant}" if meant else ""
    return ExpressionError("AS402", message, start, len(name) + 1, help, instead)


def report_in_text(error: ExpressionError, scalar: Scalar, sink: Any) -> None:
    """Report what is wrong with a part of a scalar's text, at that part where it can be found."""
    span = scalar.span
    written = text_at(span)
    text = str(scalar.value)
    lead, fix = 1 if written[:1] in ("'", '"') else 0, None
    if span.line == span.end_line and written[lead : lead + len(text)] == text:
        span = span.part(lead + error.start, max(1, error.length))
        fix = replacing(span, error.instead) if error.instead else None
    sink.report(error.code, error.message, span, help=error.help, fix=fix)
