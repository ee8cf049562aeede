"""Edits made in a text: `Edit` speaks of lines and columns, a change of stretches."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from archspec.diagnostics import Edit, Span
from archspec.diagnostics.diagnostic import LINE_END


class Change(NamedTuple):
    """A stretch of a text, from `start` up to, not including, `end`, and what is to stand there."""

    start: int
    end: int
    text: str


@lru_cache(maxsize=4)
def line_starts(text: str) -> list[int]:
    """Where in a text each of its lines begins, as YAML counts them."""
    return [0, *(end.end() for end in LINE_END.finditer(text))]


def change_of(edit: Edit) -> Change:
    """The stretch that an edit speaks of."""
    span = edit.span
    starts = line_starts(span.source.text)
    return Change(
        starts[span.line - 1] + span.column - 1,
        starts[span.end_line - 1] + span.end_column - 1,
        edit.text,
    )


def start_of(span: Span) -> int:
    """Where in its text a span begins; behind a text that it begins after."""
    starts, text = line_starts(span.source.text), span.source.text
    return (starts[span.line - 1] if span.line <= len(starts) else len(text)) + span.column - 1


def changed(text: str, changes: Iterable[Change]) -> str:
    """The text after changes that do not touch one another."""
    pieces: list[str] = []
    done = 0
    for start, end, new in sorted(changes):
        pieces += text[done:start], new
        done = end
    return "".join([*pieces, text[done:]])


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text after edits of it that do not touch one another."""
    return changed(text, map(change_of, edits))
