"""Comparing sizes: the one place where a shape rule may ask something of a size.

Shape rules are plain arithmetic (`+ - * //`) and these few questions, so that a symbolic size can
pass through them as well as an int. A symbolic size answers a question that holds for some values
and not for others with yes, and notes it as a condition on the input.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from archspec.layers.base import LayerError, Shape


class NeedsNumber(LayerError):
    """A symbolic size where only a number will do."""

    def __init__(self, size: Any, message: str = "", help: str = "") -> None:
        numbers = settings(size.names)
        super().__init__(
            message or f"this needs a number, and the size is {size}",
            code="AS307",
            help=f"{help}, or {numbers}" if help else f"give the sizes numbers: {numbers}",
        )
        self.size = size


def settings(names: Iterable[str]) -> str:
    """What sets symbolic sizes to numbers, on the command line."""
    return f"`{' '.join(f'--set {name}=224' for name in names)}`"


def at_least(size: int, least: int) -> bool:
    """Whether `size` is `least` or more."""
    if type(size) is int and type(least) is int:
        return size >= least
    answer: bool = _symbolic(size, least).assume_at_least(size, least)
    return answer


def equal(one: int, other: int) -> bool:
    """Whether two sizes are the same."""
    if type(one) is int and type(other) is int:
        return one == other
    answer: bool = one is other or _symbolic(one, other).assume_equal(one, other)
    return answer


def divides(divisor: int, size: int) -> bool:
    """Whether `size` is a multiple of `divisor`."""
    if type(size) is int and type(divisor) is int:
        return size % divisor == 0
    answer: bool = _symbolic(size, divisor).assume_divides(divisor, size)
    return answer


def smaller(one: int, other: int) -> int:
    """The smaller of two sizes."""
    if type(one) is int and type(other) is int:
        return min(one, other)
    size: int = _symbolic(one, other).smaller(one, other)
    return size


def larger(one: int, other: int) -> int:
    """The larger of two sizes."""
    if type(one) is int and type(other) is int:
        return max(one, other)
    size: int = _symbolic(one, other).larger(one, other)
    return size


def equal_shapes(one: Shape, other: Shape) -> bool:
    """Whether two shapes are the same, size by size."""
    return len(one) == len(other) and all(map(equal, one, other))


def common(sizes: Collection[int]) -> int | None:
    """The size that all of these are, as it is said most simply; None where they differ."""
    first, *others = dict.fromkeys(sizes)
    for other in others:
        if not equal(first, other):
            return None
        if type(first) is not int:
            simplest: int = _symbolic(first, other).simpler(first, other)
            first = simplest
    return first


def are_one_shape(one: Shape, other: Shape) -> bool:
    """Whether two shapes are the same, for what is built accordingly: never a condition. Where
    symbolic sizes are the same for a few small inputs alone, they are not.

    Raises NeedsNumber where they are the same for some inputs and differ for as many others.
    """
    if one == other:
        return True
    return len(one) == len(other) and all(map(_are_one, one, other))


def _are_one(one: int, other: int) -> bool:
    if type(one) is int and type(other) is int:
        return one == other
    answer: bool = one is other or _symbolic(one, other).are_one(one, other)
    return answer


def is_number(size: int) -> bool:
    """Whether a size is known, and not symbolic."""
    return type(size) is int


def are_numbers(shape: Shape) -> bool:
    """Whether all sizes of a shape are known."""
    return all([type(size) is int for size in shape])


def number_at(size: int, values: Mapping[str, int]) -> int:
    """What a size is where the symbols have these values."""
    if type(size) is int:
        return size
    number: int = _symbolic(size, size).value(values)
    return number


def total(sizes: Iterable[int]) -> int:
    """The sum of sizes, or of other figures that follow from them."""
    numbers = list(sizes)
    for one in numbers:
        if type(one) is not int:
            added: int = _symbolic(one, one).total(numbers)
            return added
    return sum(numbers)


def _symbolic(one: Any, other: Any) -> Any:
    return other if type(one) is int else one
