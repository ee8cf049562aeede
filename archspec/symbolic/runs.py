"""The numbers that a symbol may be.

A condition on one symbol speaks of a formula f with f(n + p) = f(n) + g, so that of each residue
modulo p it admits one run of numbers, which may have no end. Nothing is tried out: the runs are
computed, and hold for all numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import merge
from itertools import count
from math import lcm
from typing import NamedTuple

from archspec.symbolic import algebra
from archspec.symbolic.condition import Condition

LONGEST_PERIOD = 4096
"""Residues that numbers are told apart by."""

Run = tuple[int, int | None]
"""The first number of a residue and the last, which is None where there is no end."""

_NEVER = (1, 0)


class Runs(NamedTuple):
    """The numbers that a symbol may be: a run for each residue modulo `period` that has any."""

    period: int
    runs: Mapping[int, Run]

    @property
    def least(self) -> int:
        return min(first for first, _ in self.runs.values())

    def admits(self, number: int) -> bool:
        """Whether the symbol may be this number."""
        first, last = self.runs.get(number % self.period, _NEVER)
        return first <= number and (last is None or number <= last)

    def below(self, limit: int | None) -> Iterator[int]:
        """The numbers below a limit, or all of them, the least first."""
        ranges = []
        for first, last in self.runs.values():
            ends = [limit] if limit is not None else []
            ends += [last + 1] if last is not None else []
            endless = count(first, self.period)
            ranges.append(range(first, min(ends), self.period) if ends else endless)
        return merge(*ranges)

    def narrowed(self, condition: Condition, spend: algebra.Spend) -> Runs | None:
        """Those that fulfil a condition, too; None where that cannot be said by runs: it speaks of
        another symbol, too, or has no step, or too long a period. It costs what `spend` is told.
        """
        step = algebra.step(condition.excess) if len(condition.names) == 1 else None
        period = lcm(self.period, step[0]) if step is not None else 0
        if step is None or period > LONGEST_PERIOD:
            return None
        spend(period * algebra.work(condition.excess))
        (name,) = condition.names
        growth = step[1] * (period // step[0])
        runs: dict[int, Run] = {}
        for first, last in self.runs.values():
            # The residues of the longer period, from the first number that has each.
            for start in range(first, first + period, self.period):
                excess = algebra.evaluate(condition.excess, {name: start})
                run = _within(start, period, last, excess, growth, condition.relation == "at least")
                if run is not None:
                    runs[start % period] = run
        return Runs(period, runs)


ALL = Runs(1, {0: (1, None)})
"""Every integer of at least 1."""


def _within(
    start: int, period: int, last: int | None, excess: int, growth: int, at_least: bool
) -> Run | None:
    """Of start, start + period, … up to `last`, those at which a formula is at least 0, or is 0,
    that is `excess` at the start and grows by `growth` each time.
    """
    first_step, last_step = _steps(excess, growth, at_least)
    first = start + first_step * period
    end = None if last_step is None else start + last_step * period
    if last is not None:
        end = last if end is None else min(last, end)
    return (first, end) if end is None or first <= end else None


def _steps(excess: int, growth: int, at_least: bool) -> Run:
    """For which k of 0, 1, 2, … excess + k growth is at least 0, or is 0."""
    if growth == 0:
        return (0, None) if excess == 0 or (at_least and excess > 0) else _NEVER
    if not at_least:
        k, rest = divmod(-excess, growth)
        return (k, k) if rest == 0 and k >= 0 else _NEVER
    if growth > 0:
        return max(0, -(excess // growth)), None
    return 0, excess // -growth
