"""The symbols of one network, and what has been assumed of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from typing import Any, cast

from archspec.layers.sizes import NeedsNumber
from archspec.symbolic import algebra
from archspec.symbolic.condition import Condition, Relation, Values, condition_on
from archspec.symbolic.runs import ALL, Runs
from archspec.symbolic.size import Size
from archspec.symbolic.written import read

MOST_TRIED = 20_000
"""Values that are tried where conditions tie symbols together."""
MOST_SIZES = 20_000
"""Sizes that are computed for one network."""
LONGEST = 60
"""Symbols in the formula of a size, which may double with every layer."""


class Symbols:
    """The symbols of one network's inputs, each an integer of at least 1.

    A question that a rule asks and that has not one answer for all values is answered with yes, and
    kept as a condition, as long as there are values that fulfil all conditions. `numbers` has what
    each symbol may be by itself, `ties` the conditions that say more than that.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.numbers: dict[str, Runs] = dict.fromkeys(names, ALL)
        self.ties: list[Condition] = []
        self._sizes: int | None = 0
        self._answers: dict[Condition, bool] = {}

    def size(self, name: str) -> int:
        """A symbol as a size. Shape rules are written for ints, and this passes for one."""
        return cast(int, Size(self, algebra.symbol(name)))

    def count(self, size: Size) -> None:
        """Count a size that is computed. Raises NeedsNumber where there are too many, or it is too
        long.
        """
        if self._sizes is None:
            return
        self._sizes += 1
        if self._sizes > MOST_SIZES:
            raise NeedsNumber(size, "the network has too many sizes to have a formula for each")
        if algebra.length(size.formula) > LONGEST:
            raise NeedsNumber(size, "its size would be too long a formula for people to read")

    def settle(self) -> None:
        """Add no further condition: the network is there."""
        self._sizes = None

    def assume(self, relation: Relation, one: Any, other: Any) -> bool:
        """Whether a relation holds: for all values, or for some, which is a condition then."""
        condition = condition_on(relation, one, other)
        if condition not in self._answers:
            self._answers[condition] = self._is_assumed(condition)
        return self._answers[condition]

    def _is_assumed(self, condition: Condition) -> bool:
        answer = condition.answer
        if answer is not None or self._sizes is None:
            return answer is not False
        names = condition.names
        narrowed = None
        if condition.relation == "equal" and condition.turned in self.ties:
            return True
        if len(names) == 1:
            (name,) = names
            before = self.numbers[name]
            narrowed = before.narrowed(condition)
            if narrowed is not None and not narrowed.runs:
                return False
        if narrowed is None:
            self.ties.append(condition)
        else:
            self.numbers[name] = narrowed
        if not self.ties or self.smallest() is not None:
            return True
        if narrowed is None:
            self.ties.pop()
        else:
            self.numbers[name] = before
        return False

    def admits(self, values: Values) -> bool:
        """Whether these values fulfil all conditions."""
        return all(self.numbers[name].admits(values[name]) for name in self.names) and all(
            tie.holds(values) for tie in self.ties
        )

    def smallest(self) -> Values | None:
        """The least number that each symbol may be; where conditions tie them together, numbers of
        which no one alone can be less. None where none are found.
        """
        least = {name: runs.least for name, runs in self.numbers.items()}
        if self.admits(least):
            return least
        found = next(filter(self.admits, islice(self._tied_values(), MOST_TRIED)), None)
        if found is None:
            return None
        for name in self.names:
            for number in range(least[name], found[name]):
                if self.admits(found | {name: number}):
                    found |= {name: number}
                    break
        return found

    def _tied_values(self) -> Iterator[dict[str, int]]:
        """Values that each symbol may have, the small first: of all the same, and of each any."""
        names, start = self.names, max(runs.least for runs in self.numbers.values())
        for number in range(start, start + MOST_TRIED // 2):
            yield dict.fromkeys(names, number)
        largest = 1
        while True:
            few = [list(islice(self.numbers[name].below(None), largest)) for name in names]
            for numbers in product(*few):
                yield dict(zip(names, numbers, strict=True))
            largest *= 2

    def are_one(self, one: Any, other: Any) -> bool:
        """Whether two sizes are the same, or, but for small sizes, never. Raises NeedsNumber where
        they are the same for some of the large sizes and not for others.
        """
        condition = condition_on("equal", one, other)
        answer = condition.answer
        if answer is None and all(
            motion is not None and motion[1] == 0 for motion in algebra.steps(condition.excess)
        ):
            size = one if isinstance(one, Size) else other
            raise NeedsNumber(size, f"{one} is {other} for some inputs, and not for others")
        return bool(answer)

    def is_written(self, size: Any, written: Any) -> bool:
        """Whether a size is the number, or the formula, that someone has written."""
        said = written
        if isinstance(written, str):
            said = read(written, {name: self.size(name) for name in self.names})
        if not isinstance(said, Size) or not isinstance(size, Size):
            return type(said) is int and said == size
        return condition_on("equal", size, said).answer is True
