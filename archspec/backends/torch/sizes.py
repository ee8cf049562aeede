"""Symbolic sizes in generated code, worked out from the inputs when it runs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from archspec.graph import TensorType
from archspec.layers.sizes import NeedsNumber, is_number
from archspec.no_number import NoNumber


class RunTimeSizes:
    """Where a network's symbols are found, and the sizes that are worked out already."""

    def __init__(
        self, graph: fx.Graph, inputs: Mapping[str, TensorType], values: Mapping[str, fx.Node]
    ) -> None:
        self._graph = graph
        self._places: dict[Any, tuple[fx.Node, int]] = {}
        for name, type_ in inputs.items():
            for axis, size in enumerate(type_.shape):
                if not is_number(size):
                    self._places.setdefault(size, (values[name], axis))
        self._known: dict[Any, fx.Node] = {}

    def value(self, size: Any) -> fx.Node:
        """The call that makes a symbolic size."""
        if size not in self._known:
            symbols = {str(symbol): symbol for symbol in self._places}
            found = {name: self._symbol(symbols[name]) for name in size.names}
            values = {name: _Scalar(node, self._graph) for name, node in found.items()}
            self._known[size] = size.value(values).node
        return self._known[size]

    def known(self, arguments: Any) -> Any:
        """A call's arguments with numbers, or calls that make them, for their symbolic sizes."""
        if not self._places:
            return arguments
        return fx.node.map_aggregate(
            arguments, lambda each: self.value(each) if isinstance(each, NoNumber) else each
        )

    def check_module(self, module: nn.Module) -> None:
        """Raise NeedsNumber where a symbolic size is among what a module holds."""
        for held in vars(module).values() if self._places else ():
            for each in held if isinstance(held, tuple | list) else (held,):
                if isinstance(each, NoNumber):
                    raise NeedsNumber(each)

    def _symbol(self, symbol: Any) -> fx.Node:
        if symbol not in self._known:
            input_, axis = self._places[symbol]
            # The batch is PyTorch's axis 0.
            self._known[symbol] = self._graph.call_method("size", (input_, axis + 1))
        return self._known[symbol]


@dataclass(frozen=True)
class _Scalar:
    """A number in arithmetic: each operation becomes a call."""

    node: fx.Node
    graph: fx.Graph

    def _with(self, function: Callable[..., Any], one: Any, other: Any) -> _Scalar:
        numbers = [each.node if isinstance(each, _Scalar) else each for each in (one, other)]
        return _Scalar(self.graph.call_function(function, tuple(numbers)), self.graph)

    def __add__(self, other: Any) -> _Scalar:
        return self._with(operator.add, self, other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> _Scalar:
        return self._with(operator.mul, self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> _Scalar:
        return self._with(operator.floordiv, self, other)

    def smaller(self, one: Any, other: Any) -> _Scalar:
        return self._with(torch.sym_min, one, other)

    def larger(self, one: Any, other: Any) -> _Scalar:
        return self._with(torch.sym_max, one, other)
