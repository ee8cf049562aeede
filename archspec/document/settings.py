"""Values of a spec that may hold expressions."""

from __future__ import annotations

from collections.abc import Set
from itertools import chain, islice
from typing import Any

from archspec.diagnostics import Sink, Span
from archspec.expressions import Expression, ExpressionError, Names, Unknown, is_expression
from archspec.source import DEEPEST, Mapping, Plain, Scalar, Sequence, Value, plain, text_at
from archspec.words import MOST_CANDIDATES, suggestion


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
        if isinstance(value, Scalar):
            text = value.value
            if isinstance(text, str) and is_expression(text):
                try:
                    self._expression = Expression(text)
                    self.names = self._expression.names
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
            for name in sorted(self.names - known):
                self.broken = True
                start = self._expression.text.index(f"${name}")
                report_in_text(unknown_variable(name, known, start), self.value, sink)


MOST_VALUES = 10_000
"""Of a list or mapping that variables are a part of."""


def _is_small(value: Plain) -> bool:
    """Whether a value is small enough to be walked: lists of lists grow fast when variables do."""
    level, count, depth = [value], 0, 0
    while level and count <= MOST_VALUES and depth <= DEEPEST:
        count, depth = count + len(level), depth + 1
        nested = [v.values() if type(v) is dict else v for v in level if type(v) in (tuple, dict)]
        level = list(islice(chain.from_iterable(nested), MOST_VALUES + 1))
    return not level


IN_REPEAT = frozenset({"index", "number", "first", "last"})
"""The variables that archspec gives within a repeat."""


def unknown_variable(name: str, known: Set[str], start: int) -> ExpressionError:
    """The error of a variable that is none of the `known` ones."""
    if name in IN_REPEAT:
        help = (
            f"`${name}` counts within a step that has `repeat`; a block is given it as an argument"
        )
    elif len(known) > MOST_CANDIDATES:
        help = f"none of the {len(known):,} variables is called so"
    elif known:
        help = suggestion(
            name, known, f"there are {', '.join(f'${name}' for name in sorted(known))}"
        )
    else:
        help = "give it a value under `vars`"
    message = f"there is no variable `${name}` here"
    return ExpressionError("AS402", message, start, len(name) + 1, help)


def report_in_text(error: ExpressionError, scalar: Scalar, sink: Any) -> None:
    """Report what is wrong with a part of a scalar's text, at that part where it can be found."""
    span = scalar.span
    written = text_at(span)
    text = str(scalar.value)
    lead = 1 if written[:1] in ("'", '"') else 0
    if span.line == span.end_line and written[lead : lead + len(text)] == text:
        span = span.part(lead + error.start, max(1, error.length))
    sink.report(error.code, error.message, span, help=error.help)
