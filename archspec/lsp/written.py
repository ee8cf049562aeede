"""The steps of a text as they are written: where each stands, and what it is called.

This is read from the outline, and so there is something while the text is broken. What names mean
is certain only once the network has run: see `archspec.elaborate.trace`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archspec.diagnostics import Span
from archspec.source import Mapping, Scalar, Sequence, Value

LISTS = ("layers", "sequential", "inline")
"""Under which a block lists its steps."""


@dataclass(eq=False)
class Scope:
    """One level of names, and the steps that have theirs there, in order. `block` is the one whose
    steps they are, "" for the network's own.
    """

    block: str
    outer: Scope | None = None
    numbered: bool = False
    steps: list[WrittenStep] = field(default_factory=list)
    called: dict[str, list[WrittenStep]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, word: str) -> str:
        """Count a step of a word; what it is called if it has no name, and `when` leaves none
        out.
        """
        word = "" if self.numbered else word
        self.counts[word] = number = self.counts.get(word, 0) + 1
        if self.numbered:
            return str(number - 1)
        return f"{word}_{number}" if word[-1:].isdigit() else f"{word}{number}"


@dataclass(frozen=True, eq=False)
class WrittenStep:
    """A step: its word and the word's place, what is written behind it, and the whole of it.

    `name` is the one that `from` may say, and `named` the place where it is written, if it is.
    """

    word: str
    at: Span
    body: Value | None
    whole: Span
    scope: Scope
    name: str
    named: Span | None

    @property
    def fields(self) -> Mapping | None:
        return self.body if isinstance(self.body, Mapping) else None

    @property
    def is_outermost(self) -> bool:
        """Whether its name is one of the network's own scope."""
        return not (self.scope.block or self.scope.outer)


def within(line: int, column: int, span: Span) -> bool:
    """Whether a place lies in a span, or just behind it."""
    return span[:2] <= (line, column) <= span[2:4]


def steps(root: Mapping) -> Iterator[WrittenStep]:
    """Every step of a file, in order: of its layers, and of its blocks."""
    for section, value in root.values.items():
        if section == "layers":
            yield from _listed(value, Scope(""))
        elif section == "blocks" and isinstance(value, Mapping):
            for name, body in value.values.items():
                fields = body.values if isinstance(body, Mapping) else {}
                for key in LISTS:
                    if key in fields:
                        yield from _listed(fields[key], Scope(name, numbered=key == "sequential"))


def _listed(value: Value | None, scope: Scope) -> Iterator[WrittenStep]:
    for item in value.items if isinstance(value, Sequence) else ():
        if isinstance(item, Scalar):
            word, at, body = str(item.value or ""), item.span, None
        elif isinstance(item, Mapping) and item.keys:
            word, at = next(iter(item.keys.items()))
            body = item.values[word]
        else:
            continue
        yield from _step(word, at, body, item.span, scope)


def _step(
    word: str, at: Span, body: Value | None, whole: Span, scope: Scope
) -> Iterator[WrittenStep]:
    fields = body.values if isinstance(body, Mapping) else {}
    said = fields.get("name")
    named = said if isinstance(said, Scalar) and isinstance(said.value, str) else None
    counted = scope.count(word)
    name = counted if named is None else str(named.value)
    step = WrittenStep(word, at, body, whole, scope, name, named.span if named else None)
    scope.steps.append(step)
    scope.called.setdefault(name, []).append(step)
    yield step
    inner = Scope(scope.block, scope) if named else scope
    if word == "sequential":
        inside = Scope(scope.block, scope, numbered=True)
        yield from _listed(fields.get("layers", body), inside)
    elif word == "residual":
        yield from _listed(fields.get("layers", body), inner)
        yield from _listed(fields.get("shortcut"), inner)
    branches = fields.get("branches")
    for branch in branches.items if isinstance(branches, Sequence) else ():
        yield from _listed(branch, inner)


def around(steps: Iterable[WrittenStep], line: int, column: int) -> WrittenStep | None:
    """The innermost step that a place lies in."""
    found = None
    for step in steps:
        if within(line, column, step.whole):
            found = step
    return found


def visible(scope: Scope, line: int, column: int, name: str = "") -> Iterator[WrittenStep]:
    """The steps whose values `from` may name at a place in a scope, the nearest first; only those
    of a name, if it is given.
    """
    outer: Scope | None = scope
    while outer is not None:
        for step in reversed(outer.called.get(name, []) if name else outer.steps):
            if step.at[:2] < (line, column) and not within(line, column, step.whole):
                yield step
        outer = outer.outer
