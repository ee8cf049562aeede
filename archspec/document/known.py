"""The names of the variables that may be used at some place of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set


class Known(Set[str]):
    """Some names, and those known around them. None are copied: a file may have many variables, and
    many blocks that each add a few.
    """

    __slots__ = ("_length", "_names", "_outer")

    def __init__(self, names: Iterable[str], outer: Set[str] = frozenset()) -> None:
        self._names = frozenset(names)
        self._outer = outer
        self._length = len(outer) + sum([name not in outer for name in self._names])

    def __contains__(self, name: object) -> bool:
        return name in self._names or name in self._outer

    def __iter__(self) -> Iterator[str]:
        yield from self._names
        yield from (name for name in self._outer if name not in self._names)

    def __len__(self) -> int:
        return self._length

    @classmethod
    def _from_iterable(cls, names: Iterable[str]) -> frozenset[str]:  # type: ignore[override]
        return frozenset(names)  # what is left of other sets when these names are taken away


class Anything(Known):
    """Every name that there could be: where they are declared in a way that cannot be read."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(())
        self._length = 2**30

    def __contains__(self, name: object) -> bool:
        return True
