"""How much a network may take: a short spec can ask for a great deal."""

from __future__ import annotations

from typing import Any

from archspec.document import Step
from archspec.document.model import MOST_STEPS
from archspec.document.settings import weight
from archspec.elaborate.builder import Builder, Stopped

MOST_WORK = 500_000
"""Values that are evaluated for all steps."""


class Budget:
    """Counts steps, repeats written out, and the values that are gone through for them."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._steps = 0
        self._work = 0

    def charge(self, step: Step) -> None:
        """Count a step, and the values written in it. Raises Stopped, reported, where there have
        been too many of either.
        """
        self._steps += 1
        self._work += step.size
        if self._steps > MOST_STEPS:
            message = f"the network has more than {MOST_STEPS:,} steps, repeats written out"
        elif self._work > MOST_WORK:
            message = f"the network's steps hold more than {MOST_WORK:,} values in all"
        else:
            return
        self._builder.report("AS501", message, step.at, help="repeat less often, or nest less")
        raise Stopped

    def spend(self, values: int) -> None:
        """Count values, for the next step to be refused where they are too many."""
        self._work += values

    def spend_on(self, value: Any) -> None:
        """Count the values in a value, which may be large where it is a variable's."""
        if type(value) in (tuple, dict, str):
            self._work += weight(value, MOST_WORK)
