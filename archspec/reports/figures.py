"""Figures as reports show them: numbers, and formulas where an input has symbolic sizes."""

from __future__ import annotations

import re
from typing import Any

from archspec.analysis.smallest_input import smallest_input
from archspec.graph import Graph
from archspec.layers.base import Shape, text_of
from archspec.layers.sizes import is_number

_WIDEST = 90
"""Characters of a line of a formula."""
_MOST_LINES = 12


def figure(number: int) -> str:
    """`61,706`, or a formula as people write it."""
    if is_number(number):
        return f"{number:,}"
    symbolic: Any = number
    return str(symbolic.bare)


def plain(number: int) -> int | str:
    """A number, or a formula as a program has it, for JSON."""
    if is_number(number):
        return number
    symbolic: Any = number
    return str(symbolic.code)


def plain_shape(shape: Shape) -> list[int | str]:
    """A shape for JSON."""
    return [plain(size) for size in shape]


def broken_into_lines(formula: str) -> list[str]:
    """A sum in lines of terms, none much longer than a terminal's."""
    lines = [""]
    for term in _TERM.split(formula):
        longer = f"{lines[-1]} + {term}" if lines[-1] else term
        if len(longer) > _WIDEST and lines[-1]:
            lines.append(f"+ {term}")
        else:
            lines[-1] = longer
    return lines if len(lines) <= _MOST_LINES else [*lines[: _MOST_LINES - 1], "+ …"]


_TERM = re.compile(r" \+ (?![^(⌊⌈]*[)⌋⌉])")
"""A plus sign that is not within brackets."""


def smallest_rows(graph: Graph) -> list[tuple[str, str]]:
    """What a report says of the inputs that the network takes: a word and its text, a row each."""
    rows = []
    found = smallest_input(graph)
    if found is not None:
        rows.append(("smallest input", _shapes(found.shapes)))
    if graph.symbols is not None:
        words = constraints_of(graph)
        rows.append(("input sizes", ", ".join(words) or "any"))
    return rows


def _shapes(shapes: Any) -> str:
    if shapes is None:
        return "not found: there is too much to try"
    if len(shapes) == 1:
        return text_of(*shapes.values())
    return ", ".join(f"{name} {text_of(shape)}" for name, shape in shapes.items())


def constraints_of(graph: Graph) -> list[str]:
    """What the symbolic sizes of a network's inputs must fulfil, a sentence each."""
    if graph.symbols is None:
        return []
    from archspec.symbolic.constraints import constraints

    return constraints(graph.symbols)
