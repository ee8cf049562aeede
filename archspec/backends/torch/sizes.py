"""Symbolic sizes in generated code, worked out from the inputs when it runs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from archspec.backends.sizes import Operation, Scalar, places
from archspec.graph import TensorType
from archspec.layers.sizes import NeedsNumber
from archspec.no_number import NoNumber


class RunTimeSizes:
    """Where a network's symbols are found, and the sizes that are worked out already."""

    def __init__(
        self, graph: fx.Graph, inputs: Mapping[str, TensorType], values: Mapping[str, fx.Node]
    ) -> None:
        self._graph = graph
        self._places = places(inputs)
        self._values = values
        self._symbols: dict[str, fx.Node] = {}
        self._known: dict[Any, fx.Node] = {}

    def value(self, size: Any) -> fx.Node:
        """The call that makes a symbolic size."""
        if size not in self._known:
            values = {name: _Scalar(self._symbol(name), self._graph) for name in size.names}
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

    def _symbol(self, symbol: str) -> fx.Node:
        if symbol not in self._symbols:
            name, axis = self._places[symbol]
            # The batch is PyTorch's axis 0.
            size = self._graph.call_method("size", (self._values[name], axis + 1))
            self._symbols[symbol] = size
        return self._symbols[symbol]


_FUNCTIONS: Mapping[Operation, Callable[..., Any]] = {
    "add": operator.add,
    "multiply": operator.mul,
    "divide": operator.floordiv,
    "smaller": torch.sym_min,
    "larger": torch.sym_max,
}


@dataclass(frozen=True)
class _Scalar(Scalar):
    node: fx.Node
    graph: fx.Graph

    def made(self, operation: Operation, one: Any, other: Any) -> _Scalar:
        numbers = [each.node if isinstance(each, _Scalar) else each for each in (one, other)]
        return _Scalar(self.graph.call_function(_FUNCTIONS[operation], tuple(numbers)), self.graph)
