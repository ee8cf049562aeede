"""Where names live while a network is elaborated."""

from __future__ import annotations

from itertools import islice

from archspec.diagnostics import Span
from archspec.words import MOST_CANDIDATES


class Scope:
    """One level of names: the network's own, a block's, a sequential's.

    `values` maps the names that `from` may say to the names of graph values. A `numbered` scope
    calls its unnamed steps 0, 1, 2, …, as torch.nn.Sequential does; others call them by their word
    and its count, conv1, conv2, …. Where it `has_lost_names`, an error, reported, left it unknown
    what a step is called.
    """

    __slots__ = (
        "_counts",
        "_numbers",
        "_taken",
        "has_lost_names",
        "numbered",
        "outer",
        "prefix",
        "values",
    )

    def __init__(
        self, prefix: str = "", numbered: bool = False, outer: Scope | None = None
    ) -> None:
        self.prefix = prefix
        self.numbered = numbered
        self.outer = outer
        self.values: dict[str, str] = {}
        self.has_lost_names = False
        self._taken: dict[str, Span] = {}
        self._counts: dict[str, int] = {}
        self._numbers: dict[str, int] = {}

    def count(self, word: str) -> str:
        """Count a step of this word, and return what it is called if it has no name."""
        if self.numbered:
            number = self._counts.get("", 0)
            self._counts[""] = number + 1
            return str(number)
        number = self._counts.get(word, 0) + 1
        self._counts[word] = number
        # The first relu6 and the sixty-first relu must not be called the same.
        return f"{word}_{number}" if word[-1:].isdigit() else f"{word}{number}"

    def take(self, name: str, at: Span) -> Span | None:
        """Take a name for the step at `at`; where it is taken, return the place of the step that
        has it, which may be the same one, run before.
        """
        taken = self._taken.get(name)
        if taken is None:
            self._taken[name] = at
        return taken

    def place(self, name: str) -> Span | None:
        """Where the step stands that has a name, or a repeat of which has it; None for no step."""
        return self._taken.get(name) or self._taken.get(name.rpartition(".")[0])

    def free(self, name: str) -> str:
        """The name, or with the first number from 2 behind it that makes it free."""
        number = self._numbers.get(name, 1)
        while (candidate := name if number == 1 else f"{name}{number}") in self._taken:
            number += 1
        self._numbers[name] = number
        return candidate

    def full(self, name: str) -> str:
        """The name as seen from the whole network: `layer1.0.conv1`."""
        return f"{self.prefix}.{name}" if self.prefix else name

    def find(self, name: str) -> str | None:
        """The graph value that a name stands for here: in this scope, else in those around it."""
        scope = self.owner(name)
        return None if scope is None else scope.values[name]

    def owner(self, name: str) -> Scope | None:
        """The scope that a name is found in, this one or one around it."""
        scope: Scope | None = self
        while scope is not None and name not in scope.values:
            scope = scope.outer
        return scope

    @property
    def is_uncertain(self) -> bool:
        """Whether a name that `find` does not find may be one that was lost."""
        scope: Scope | None = self
        while scope is not None and not scope.has_lost_names:
            scope = scope.outer
        return scope is not None

    def visible(self) -> list[str]:
        """The names that `find` would find, the nearest scope's first; of many, the last."""
        names: dict[str, None] = {}
        scope: Scope | None = self
        while scope is not None and len(names) < MOST_CANDIDATES:
            latest = islice(reversed(scope.values), MOST_CANDIDATES - len(names))
            names.update(dict.fromkeys(reversed(list(latest))))
            scope = scope.outer
        return list(names)
