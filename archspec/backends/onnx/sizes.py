"""Symbolic sizes as values of the model, worked out from its inputs when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.graph import TensorType
from archspec.layers.sizes import is_number

if TYPE_CHECKING:
    from archspec.backends.onnx.emitter import Emitter


class RunTimeSizes:
    """Where a model's symbols are found, and the sizes that are worked out already.

    A size is a value of one int64. Its operations stand where the first layer needs them.
    """

    def __init__(self, inputs: Mapping[str, TensorType]) -> None:
        self._places: dict[Any, tuple[str, int]] = {}
        for name, type_ in inputs.items():
            for axis, size in enumerate(type_.shape):
                if not is_number(size):
                    self._places.setdefault(size, (name, axis))
        self._known: dict[Any, str] = {}

    def value(self, size: Any, emit: Emitter) -> str:
        """The value that a symbolic size has."""
        if size not in self._known:
            symbols = {str(symbol): symbol for symbol in self._places}
            values = {name: _Scalar(self._symbol(symbols[name], emit), emit) for name in size.names}
            self._known[size] = size.value(values).value
        return self._known[size]

    def _symbol(self, symbol: Any, emit: Emitter) -> str:
        if symbol not in self._known:
            name, axis = self._places[symbol]
            # The batch is ONNX's axis 0.
            along = {"start": axis + 1, "end": axis + 2}
            self._known[symbol] = _step(emit, "Shape", emit.names.values[name], **along)
        return self._known[symbol]


@dataclass(frozen=True)
class _Scalar:
    """A value in arithmetic: each operation becomes one of the model's.

    Sizes are formulas whose floors are of what is never negative, so that a division which rounds
    towards 0 is the same.
    """

    value: str
    emit: Emitter

    def _with(self, operator: str, one: Any, other: Any) -> _Scalar:
        values = self._value(one), self._value(other)
        return _Scalar(_step(self.emit, operator, *values), self.emit)

    def _value(self, number: Any) -> str:
        if isinstance(number, _Scalar):
            return number.value
        return self.emit.constant("number", [number], np.int64)

    def __add__(self, other: Any) -> _Scalar:
        return self._with("Add", self, other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> _Scalar:
        return self._with("Mul", self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> _Scalar:
        return self._with("Div", self, other)

    def smaller(self, one: Any, other: Any) -> _Scalar:
        return self._with("Min", one, other)

    def larger(self, one: Any, other: Any) -> _Scalar:
        return self._with("Max", one, other)


def _step(emit: Emitter, operator: str, *inputs: str, **attributes: int) -> str:
    leaf = f"size{len(emit.operations)}"
    return emit.step(leaf, operator, *inputs, shape=(1,), dtype="int64", batch=False, **attributes)
