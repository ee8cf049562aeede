"""Symbolic sizes as values of the model, worked out from its inputs when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.backends.sizes import Operation, Scalar, places
from archspec.graph import TensorType

if TYPE_CHECKING:
    from archspec.backends.onnx.emitter import Emitter


class RunTimeSizes:
    """Where a model's symbols are found, and the sizes that are worked out already.

    A size is a value of one int64. Its operations stand where the first layer needs them.
    """

    def __init__(self, inputs: Mapping[str, TensorType]) -> None:
        self._places = places(inputs)
        self._symbols: dict[str, str] = {}
        self._known: dict[Any, str] = {}

    def value(self, size: Any, emit: Emitter) -> str:
        """The value that a symbolic size has."""
        if size not in self._known:
            values = {name: _Scalar(self._symbol(name, emit), emit) for name in size.names}
            self._known[size] = size.value(values).value
        return self._known[size]

    def _symbol(self, symbol: str, emit: Emitter) -> str:
        if symbol not in self._symbols:
            name, axis = self._places[symbol]
            # The batch is ONNX's axis 0.
            along = {"start": axis + 1, "end": axis + 2}
            self._symbols[symbol] = _step(emit, "Shape", emit.names.values[name], **along)
        return self._symbols[symbol]


_OPERATORS: Mapping[Operation, str] = {
    "add": "Add",
    "multiply": "Mul",
    "divide": "Div",
    "smaller": "Min",
    "larger": "Max",
}


@dataclass(frozen=True)
class _Scalar(Scalar):
    value: str
    emit: Emitter

    def made(self, operation: Operation, one: Any, other: Any) -> _Scalar:
        values = self._value(one), self._value(other)
        return _Scalar(_step(self.emit, _OPERATORS[operation], *values), self.emit)

    def _value(self, number: Any) -> str:
        if isinstance(number, _Scalar):
            return number.value
        return self.emit.constant("number", [number], np.int64)


def _step(emit: Emitter, operator: str, *inputs: str, **attributes: int) -> str:
    leaf = f"size{len(emit.operations)}"
    return emit.step(leaf, operator, *inputs, shape=(1,), dtype="int64", batch=False, **attributes)
