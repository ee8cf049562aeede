"""The symbols of one network, and what has been assumed of them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import islice, product
from typing import Any, cast

from sympy import Expr

from archspec.layers.sizes import NeedsNumber
from archspec.symbolic import algebra
from archspec.symbolic.condition import Condition, Relation, Values, condition_on
from archspec.symbolic.runs import ALL, Runs
from archspec.symbolic.size import Size
from archspec.symbolic.written import read

MOST_TRIED = 20_000
"""Values that are tried where conditions tie symbols together."""
MOST_FAILURES = 5
"""Times that all these are tried in vain."""
MOST_SIZES = 5_000
"""Sizes that are computed for one network. The zoo's take some hundred."""
MOST_TIES = 100
MOST_WORK = 500_000
"""Operations on numbers, about, to answer what is asked of one network's sizes."""
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
        self._work = 0
        self._answers: dict[Condition, bool] = {}
        self._witness: Values = dict.fromkeys(names, 1)
        """Values that fulfil all conditions so far, where there are ties."""
        self._failures = 0

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

    def spend(self, work: int) -> None:
        """Count work. Raises NeedsNumber where there is too much of it, before it is done."""
        if self._sizes is None:
            return
        self._work += work
        if self._work > MOST_WORK:
            message = "it takes too long to work out what must hold for these sizes"
            raise NeedsNumber(self.size(self.names[0]), message)

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
        answer = condition.answer(self.spend)
        if answer is not None or self._sizes is None:
            return answer is not False
        names = condition.names
        narrowed = None
        if condition.relation == "equal" and condition.turned in self.ties:
            return True
        if len(names) == 1:
            (name,) = names
            before = self.numbers[name]
            narrowed = before.narrowed(condition, self.spend)
            if narrowed is not None and not narrowed.runs:
                return False
        if narrowed is None:
            if len(self.ties) == MOST_TIES:
                message = f"more than {MOST_TIES} conditions tie these sizes together"
                raise NeedsNumber(self.size(self.names[0]), message)
            self.ties.append(condition)
        else:
            self.numbers[name] = narrowed
        if not self.ties or self._is_witnessed():
            return True
        if narrowed is None:
            self.ties.pop()
        else:
            self.numbers[name] = before
        return False

    def _is_witnessed(self) -> bool:
        """Whether there are values that fulfil all conditions."""
        if self.admits(self._witness):
            return True
        if self._failures > MOST_FAILURES:
            raise NeedsNumber(self.size(self.names[0]), "too many sizes here are never alike")
        found = self.smallest()
        self._witness = found or self._witness
        self._failures += found is None
        return found is not None

    def admits(self, values: Values) -> bool:
        """Whether these values, one for each symbol or for some, fulfil all conditions on them."""
        return self._fulfil(values, self._ties_of(values.keys()))

    def _ties_of(self, names: Set[str]) -> list[Condition]:
        """The ties that speak of these symbols alone."""
        return [tie for tie in self.ties if tie.names <= names]

    def _fulfil(self, values: Values, ties: list[Condition]) -> bool:
        self.spend(len(values) + len(ties))
        return all([self.numbers[name].admits(number) for name, number in values.items()]) and all(
            tie.holds(values) for tie in ties
        )

    def limits(self) -> dict[str, dict[str, Any]]:
        """The numbers that each symbol may be, if these are not all, as archspec.metadata.Sizes.

        Conditions that tie symbols together are not among them.
        """
        from archspec.symbolic.constraints import words

        return {
            name: {
                "words": f"{name} {words(numbers)}",
                "period": numbers.period,
                "runs": [[rest, *run] for rest, run in sorted(numbers.runs.items())],
            }
            for name, numbers in self.numbers.items()
            if words(numbers)
        }

    def smallest(self) -> Values | None:
        """The least number that each symbol may be; where conditions tie them together, numbers of
        which no one alone can be less. None where none are found.
        """
        least = {name: runs.least for name, runs in self.numbers.items()}
        if self.admits(least):
            return least
        for names in self._tied_together():
            found = self._smallest_of(names)
            if found is None:
                return None
            least |= found
        return least

    def _tied_together(self) -> list[tuple[str, ...]]:
        """The symbols in groups, so that no tie speaks of symbols of two."""
        groups = [{name} for name in self.names]
        for tie in self.ties:
            tied = [group for group in groups if group & tie.names]
            groups = [group for group in groups if group not in tied] + [set().union(*tied)]
        return [tuple([name for name in self.names if name in group]) for group in groups]

    def _smallest_of(self, names: tuple[str, ...]) -> dict[str, int] | None:
        """The same as `smallest`, of symbols that are tied to no others."""
        ties = self._ties_of(set(names))

        def is_admitted(values: Values) -> bool:
            return self._fulfil(values, ties)

        found = next(filter(is_admitted, islice(self._tied_values(names), MOST_TRIED)), None)
        if found is None:
            return None
        for name in names:
            fewer = islice(self.numbers[name].below(found[name]), MOST_TRIED // 10)
            found |= {name: next((n for n in fewer if is_admitted(found | {name: n})), found[name])}
        return found

    def _tied_values(self, names: tuple[str, ...]) -> Iterator[dict[str, int]]:
        """Values to try, the small first: the same for all of these symbols; then any of those that
        each may be by itself, but for the symbols that a tie makes follow from others.
        """
        start = max(self.numbers[name].least for name in names)
        for number in range(start, start + MOST_TRIED // 2):
            yield dict.fromkeys(names, number)
        following = {name: tie for name, tie in self._following().items() if name in names}
        free = [name for name in names if name not in following]
        largest = 1
        while True:
            few = [list(islice(self.numbers[name].below(None), largest)) for name in free]
            for numbers in product(*few):
                values = dict(zip(free, numbers, strict=True))
                for name, (times, rest) in following.items():
                    # Where that is no whole number, the tie does not hold.
                    values[name] = -algebra.evaluate(rest, values) // times
                yield values
            if all(len(numbers) < largest for numbers in few):
                return
            largest *= 2

    def _following(self) -> dict[str, tuple[int, Expr]]:
        """Symbols that follow from those before them, and those that follow from none, by a tie,
        times symbol + rest = 0; with these two.
        """
        following: dict[str, tuple[int, Expr]] = {}
        needed: set[str] = set()
        for tie in self.ties:
            for name, times, rest in algebra.isolated(tie.excess) if tie.is_equation else ():
                if name not in needed | following.keys():
                    following[name] = (times, rest)
                    needed |= algebra.names(rest)
                    break
        return following

    def are_one(self, one: Any, other: Any) -> bool:
        """Whether two sizes are the same, or, but for small sizes, never. Raises NeedsNumber where
        they are the same for some of the large sizes and not for others.
        """
        condition = condition_on("equal", one, other)
        answer = condition.answer(self.spend)
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
        return condition_on("equal", size, said).answer(self.spend) is True
