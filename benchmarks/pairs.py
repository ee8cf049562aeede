"""Two things measured in turn, and compared pair by pair: what slows the machine slows both."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median
from typing import NamedTuple, TypeVar

Figure = TypeVar("Figure")


def alternate(
    ours: Callable[[], Figure], peer: Callable[[], Figure], runs: int
) -> list[tuple[Figure, Figure]]:
    """The results of `runs` runs of each, A B A B …, after one of each that does not count."""
    ours()
    peer()
    return [(ours(), peer()) for _ in range(runs)]


class Spread(NamedTuple):
    """The median of some numbers, between the least and the greatest."""

    middle: float
    least: float
    greatest: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        found = list(numbers)
        return cls(median(found), min(found), max(found))

    def text(self, form: str) -> str:
        """`1.38 (1.35–1.42)`, each number in the format `form`."""
        return f"{self.middle:{form}} ({self.least:{form}}–{self.greatest:{form}})"
