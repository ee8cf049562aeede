"""The values that a network makes in PyTorch, every one of them by its name."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from archspec.backends.torch.module import to_module
from archspec.graph import Graph
from archspec.metadata import Precision

Array = NDArray[Any]
Values = Mapping[str, Array]
"""Arrays by the names of the graph's values, batch included."""

_HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}


class Network:
    """A network as a PyTorch module, to be asked for its values."""

    def __init__(self, graph: Graph, weights: Mapping[str, Array]) -> None:
        self.graph = graph
        self.module = to_module(graph, weights)

    def values(self, inputs: Values, names: Collection[str]) -> dict[str, Array]:
        """The values of these names in float32, as PyTorch rounds them."""
        return values_by_torch(self.module, inputs, names)

    def exact_values(self, inputs: Values, names: Collection[str]) -> dict[str, Array]:
        """The same in float64: what the network is, but for rounding that matters to nobody."""
        doubled = {name: array.astype(np.float64) for name, array in inputs.items()}
        return values_by_torch(self._in_float64, doubled, names)

    def rounded_values(
        self, inputs: Values, names: Collection[str], precision: Precision
    ) -> dict[str, Array]:
        """The same with each value and each weight rounded to half precision: about what the
        precision costs, however it is computed.
        """
        half = _HALVES[precision]
        return values_by_torch(self._with_weights_in(half), inputs, names, half)

    def state(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the module's tensors, but for PyTorch's own counter of batches."""
        return {
            name: tuple(tensor.shape)
            for name, tensor in self.module.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }

    def parameters(self) -> int:
        """How many numbers the module learns, as PyTorch counts them."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    def shapes(self, inputs: Values) -> dict[str, tuple[int, ...]]:
        """The shape of every value, batch included."""
        recorder = _Recorder(self.module, {node.name for node in self.graph.nodes}, shapes=True)
        recorder.ask(inputs)
        return recorder.shapes

    def macs(self, inputs: Values) -> int:
        """Multiply-accumulates for these inputs, as PyTorch's own counter has them."""
        fast = torch.backends.mha.get_fastpath_enabled()
        # Attention is counted only where it is done step by step.
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with (
                sdpa_kernel(SDPBackend.MATH),
                FlopCounterMode(display=False) as counter,
                torch.no_grad(),
            ):
                self.module(*_arguments(inputs))
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
        # It counts two operations for each.
        return int(counter.get_total_flops()) // 2

    @cached_property
    def _in_float64(self) -> fx.GraphModule:
        return copy.deepcopy(self.module).double()

    def _with_weights_in(self, half: torch.dtype) -> fx.GraphModule:
        return copy.deepcopy(self.module).to(half).float()


def versions() -> dict[str, str]:
    """PyTorch's version."""
    return {"torch": torch.__version__}


def values_by_torch(
    module: fx.GraphModule,
    inputs: Values,
    names: Collection[str] | None = None,
    half: torch.dtype | None = None,
) -> dict[str, Array]:
    """The values of these names, or all of them, of a module that `to_module` made.

    With `half`, every value is rounded to that type as soon as it is made.
    """
    recorder = _Recorder(module, names, half)
    recorder.ask(inputs)
    return recorder.values


class _Enough(Exception):
    """All that was asked for is there."""


class _Recorder(fx.Interpreter):
    """Runs a module, and keeps values of the network before anything can overwrite them."""

    def __init__(
        self,
        module: fx.GraphModule,
        names: Collection[str] | None,
        half: torch.dtype | None = None,
        shapes: bool = False,
    ) -> None:
        super().__init__(module)
        self.extra_traceback = False  # Enough is no error to trace.
        self.values: dict[str, Array] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._only_shapes = shapes
        self._names = names
        self._missing = None if names is None else set(names)
        self._half = half

    def ask(self, inputs: Values) -> None:
        try:
            with torch.no_grad(), suppress(_Enough):
                self.run(*_arguments(inputs))
        except RuntimeError as error:  # what PyTorch raises on the CPU, whatever went wrong
            if "can't allocate memory" in str(error) or "not enough memory" in str(error):
                raise MemoryError(str(error)) from error
            raise

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if self._half is not None and isinstance(value, torch.Tensor):
            value = value.to(self._half).to(value.dtype)
        name = n.meta.get("archspec")
        if name is not None and (self._names is None or name in self._names):
            self.shapes[name] = tuple(value.shape)
            if not self._only_shapes:
                self.values[name] = value.detach().clone().numpy()
            if self._missing is not None:
                self._missing.discard(name)
                if not self._missing:
                    raise _Enough
        return value


def _arguments(inputs: Values) -> list[torch.Tensor]:
    return [torch.from_numpy(array.copy()) for array in inputs.values()]
