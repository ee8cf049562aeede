"""`python -m benchmarks.diagnostics [NAME…]`: does check point where a person would point?

Every case of the corpus of broken specs (`tests/corpus`) says what is wrong with it and where.
Prints how many have the right code, line and column in first place, how many of all that is
expected is told, and how much more is told: mere consequences. Lists every case that is not exact.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.broken_specs import CASES, Case, Place, found, places


class Outcome(NamedTuple):
    """What a case should get, and what it got: the errors, and the warnings, in order."""

    case: Case
    errors: tuple[Place, ...]
    warnings: tuple[Place, ...]

    @classmethod
    def of(cls, case: Case) -> Outcome:
        return cls(case, *places(found(case)))

    @property
    def expected(self) -> tuple[Place, ...]:
        return self.case.errors + self.case.warnings

    @property
    def got(self) -> tuple[Place, ...]:
        """The warnings count where the spec has no errors."""
        return self.errors + self.warnings

    @property
    def is_exact(self) -> bool:
        return self.expected == self.got

    @property
    def told(self) -> int:
        """How many of the expected places there are."""
        return (Counter(self.expected) & Counter(self.got)).total()

    @property
    def extra(self) -> int:
        """How many more there are than there should be."""
        return max(0, len(self.got) - len(self.expected))


def main(names: Sequence[str]) -> None:
    outcomes = [Outcome.of(case) for case in CASES if not names or case.path.stem in names]
    for outcome in outcomes:
        if not outcome.is_exact:
            print(_miss(outcome))
    print(_summary("specs with errors", [o for o in outcomes if o.case.errors]))
    print(_summary("specs with warnings alone", [o for o in outcomes if not o.case.errors]))


def _miss(outcome: Outcome) -> str:
    lines = [
        f"{outcome.case.path.stem}: {outcome.case.what}",
        f"  expected  {_listed(outcome.expected)}",
        f"  got       {_listed(outcome.got)}",
    ]
    return "\n".join(lines)


def _listed(places: Iterable[Place]) -> str:
    return ", ".join(map(str, places)) or "nothing"


def _summary(what: str, outcomes: Sequence[Outcome]) -> str:
    firsts = [(o.expected[0], o.got[0]) for o in outcomes if o.got]
    right = sum(expected == got for expected, got in firsts)
    by_code = sum(expected.code == got.code for expected, got in firsts)
    by_line = sum(expected[1:3] == got[1:3] for expected, got in firsts)
    expected = sum(len(o.expected) for o in outcomes)
    lines = [
        f"{what}: {len(outcomes)}",
        f"  code, line and column right in first place  {_share(right, len(outcomes))}",
        f"  the code                                    {_share(by_code, len(outcomes))}",
        f"  the line                                    {_share(by_line, len(outcomes))}",
        f"  all that is expected, told                  "
        f"{_share(sum(o.told for o in outcomes), expected)}",
        f"  more than expected                          {sum(o.extra for o in outcomes)}",
    ]
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "0 of 0"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases; all, if none is named")
    main(parser.parse_args().names)
