"""Comparing sizes: the one place where a shape rule may ask something of a size.

Shape rules are plain arithmetic (`+ - * //`) and these few questions, so that a symbolic size can
pass through them as well as an int. A symbolic size answers a question that holds for some values
and not for others with yes, and notes it as a condition on the input.
"""

from __future__ import annotations

from typing import Any


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


def equal_shapes(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two shapes are the same, size by size."""
    return len(one) == len(other) and all(map(equal, one, other))


def is_number(size: int) -> bool:
    """Whether a size is known, and not symbolic."""
    return type(size) is int


def _symbolic(one: Any, other: Any) -> Any:
    return other if type(one) is int else one
