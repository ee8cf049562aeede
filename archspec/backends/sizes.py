"""Symbolic sizes that a compiled network works out when it runs: what both backends share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, Self

from archspec.graph import TensorType
from archspec.layers.sizes import is_number

Operation = Literal["add", "multiply", "divide", "smaller", "larger"]


def places(inputs: Mapping[str, TensorType]) -> dict[str, tuple[str, int]]:
    """Where each symbol is found: the first input that has it, and the axis without the batch."""
    found: dict[str, tuple[str, int]] = {}
    for name, type_ in inputs.items():
        for axis, size in enumerate(type_.shape):
            if not is_number(size):
                found.setdefault(str(size), (name, axis))
    return found


class Scalar(ABC):
    """A number in a compiled network's arithmetic: each operation becomes one of the network's.

    Sizes are formulas whose floors are of what is never negative, so that a division which rounds
    towards 0 is the same.
    """

    @abstractmethod
    def made(self, operation: Operation, one: Any, other: Any) -> Self:
        """What the operation makes of two numbers, each one of these or an int."""

    def __add__(self, other: Any) -> Self:
        return self.made("add", self, other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Self:
        return self.made("multiply", self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Self:
        return self.made("divide", self, other)

    def smaller(self, one: Any, other: Any) -> Self:
        return self.made("smaller", one, other)

    def larger(self, one: Any, other: Any) -> Self:
        return self.made("larger", one, other)
