"""What a network asks of the symbols of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any, Literal, NamedTuple

from sympy import Add, Expr

from archspec.symbolic import algebra
from archspec.symbolic.size import formula_of
from archspec.symbolic.text import mathematics

Relation = Literal["at least", "equal", "divisible by"]

Values = Mapping[str, int]
"""A number for each symbol."""


class Condition(NamedTuple):
    """What the symbols must fulfil: `left` stands in this relation to `right`.

    So `excess` must be at least 0, for `at least`, or else 0.
    """

    relation: Relation
    left: Expr
    right: Expr
    excess: Expr

    @property
    def names(self) -> frozenset[str]:
        return algebra.names(self.excess)

    @property
    def is_equation(self) -> bool:
        """Whether the excess must be 0."""
        return self.relation != "at least"

    @property
    def turned(self) -> Condition:
        """The condition with its sides exchanged: the same, for `equal`."""
        return Condition(self.relation, self.right, self.left, -self.excess)

    def holds(self, values: Values) -> bool:
        """Whether these values fulfil it."""
        excess: int = algebra.evaluate(self.excess, values)
        return excess == 0 if self.is_equation else excess >= 0

    def answer(self, spend: algebra.Spend) -> bool | None:
        """Whether it holds, where that is the same for all values. `spend` is told the cost."""
        least, below = algebra.least(self.excess, spend), algebra.least(-self.excess, spend)
        if self.relation == "at least":
            return True if least is not None and least >= 0 else _no(below)
        if least == 0 == below:
            return True
        return False if _no(least) is False else _no(below)

    def __str__(self) -> str:
        left, right = (mathematics(side, bare=True) for side in self._simpler)
        words = "=" if self.relation == "equal" else self.relation
        return f"{left} {words} {right}"

    @property
    def _simpler(self) -> tuple[Expr, Expr]:
        """Two sides that say the same: without the factor, or the terms, that both have."""
        ours, theirs = dict(algebra.terms(self.left)), dict(algebra.terms(self.right))
        if self.relation == "divisible by":
            factor = gcd(*ours.values(), int(self.right))
            return Add(*[c // factor * term for term, c in ours.items()]), self.right / factor
        shared = Add(
            *[
                term * (min(c, theirs[term]) if c > 0 else max(c, theirs[term]))
                for term, c in ours.items()
                if c * theirs.get(term, 0) > 0
            ]
        )
        return self.left - shared, self.right - shared


def _no(least: int | None) -> Literal[False] | None:
    """No, where a number is known to be above 0 always."""
    return False if least is not None and least > 0 else None


def condition_on(relation: Relation, one: Any, other: Any) -> Condition:
    """The condition that a size stands in a relation to another, or to a number."""
    left, right = formula_of(one), formula_of(other)
    taken = right
    if relation == "divisible by":
        taken = int(right) * algebra.quotient(left, int(right))
    return Condition(relation, left, right, left - taken)
