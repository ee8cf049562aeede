"""Lines of Python, laid out as ruff's formatter lays them out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from archspec.backends.python.unify import Code

WIDTH = 100


@dataclass(frozen=True)
class Text:
    """A piece of code; one with `items` is a call or a list that can be broken between them.

    A `comment` belongs behind the line that the piece ends; behind one that is `bare`, a generator
    that is all there is between parentheses, no comma can stand.
    """

    head: str
    items: tuple[Text, ...] | None = None
    tail: str = ""
    comment: str = ""
    bare: bool = False

    @property
    def flat(self) -> str:
        if self.items is None:
            return self.head
        inner = ", ".join(item.flat for item in self.items)
        # A tuple of one.
        return f"{self.head}{inner}{',' if self._is_single_tuple else ''}{self.tail}"

    @property
    def _is_single_tuple(self) -> bool:
        return self.head == "(" and self.items is not None and len(self.items) == 1

    @property
    def has_comments(self) -> bool:
        return any(item.comment or item.has_comments for item in self.items or ())

    def named(self, name: str) -> Text:
        """The piece as the argument of this name."""
        return Text(f"{name}={self.head}", self.items, self.tail, self.comment)

    def lines(self, depth: int, before: str = "", after: str = "") -> list[str]:
        """The piece at a depth of indentation, between what stands before and after it."""
        indent = "    " * depth
        line = f"{indent}{before}{self.flat}{after}"
        if not self.items or (len(line) <= WIDTH and not self.has_comments):
            return [_commented(line, self.comment)]
        inner = [
            line
            for item in self.items
            for line in item.lines(depth + 1, "", "" if item.bare else ",")
        ]
        return [
            f"{indent}{before}{self.head}",
            *inner,
            _commented(f"{indent}{self.tail}{after}", self.comment),
        ]


def _commented(line: str, comment: str) -> str:
    commented = f"{line}  # {comment}"
    return commented if comment and len(commented) <= WIDTH else line


def call(function: str, items: Iterable[Text], comment: str = "") -> Text:
    return Text(f"{function}(", tuple(items), ")", comment)


def literal(value: Any) -> str:
    """A constant as Python writes it; the same items in a row as a product."""
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, tuple):
        inner = ", ".join(literal(each) for each in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def _quoted(text: str) -> str:
    """A text in double quotes, if it holds none."""
    single = repr(text)
    return f'"{single[1:-1]}"' if single[0] == "'" and '"' not in text else single


def nested(value: Any) -> Text:
    """Nested numbers as lists, many of the same in a row once with their count."""
    if not isinstance(value, tuple):
        return Text(literal(value))
    items: list[Text] = []
    for each, row in groupby(value):
        count, text = len(list(row)), nested(each)
        is_short = count > 2 and len(text.flat) < WIDTH // 3
        items += [Text(f"*[{text.flat}] * {count}")] if is_short else [text] * count
    return Text("[", tuple(items), "]")


def size(shape: Iterable[object]) -> str:
    """A shape as comments say it, without the batch."""
    return " × ".join(str(each) for each in shape)
