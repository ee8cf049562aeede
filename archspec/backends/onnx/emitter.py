"""Where the lowering of a layer leaves its operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from archspec.backends.onnx.sizes import RunTimeSizes
from archspec.graph import Node, TensorType
from archspec.layers.base import Inputs, Shape
from archspec.layers.sizes import are_numbers, is_number

OLDEST_OPSET = 17

Attribute = int | float | str | Sequence[int]


class Namespace:
    """The names in use in a model. Values and initializers share them, and each is used once."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def claim(self, name: str) -> str:
        """`name`, or where that is taken, the next that is free: `name_`, `name__`, …"""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


@dataclass(frozen=True, slots=True)
class Names:
    """How the values and stored tensors of the graph are called in the model, and where its
    symbolic sizes are found.
    """

    space: Namespace
    values: Mapping[str, str]
    tensors: Mapping[str, str]
    sizes: RunTimeSizes


@dataclass(slots=True)
class Emitter:
    """The ONNX operations of one layer, in the order in which they are emitted.

    `opset` is the lowest in which all of them exist in the form used.
    """

    node: Node
    names: Names
    operations: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    values: list[ValueInfoProto] = field(default_factory=list)
    opset: int = OLDEST_OPSET

    @property
    def inputs(self) -> tuple[str, ...]:
        """The layer's input values."""
        return tuple(self.names.values[name] for name in self.node.inputs)

    @property
    def x(self) -> str:
        """The input value of a layer that takes one."""
        (x,) = self.inputs
        return x

    @property
    def shapes(self) -> Inputs:
        """The shapes of the inputs, without the batch."""
        return self.node.input_shapes

    @property
    def shape(self) -> Shape:
        """The shape of the input of a layer that takes one, without the batch."""
        (shape,) = self.shapes
        return shape

    def tensor(self, leaf: str) -> str:
        """The initializer of one of the layer's parameters or buffers."""
        return self.names.tensors[self.node.tensor_name(leaf)]

    def constant(self, leaf: str, value: ArrayLike, dtype: type[np.generic] = np.float32) -> str:
        """An initializer that is part of the network, not of its weights: `<layer>.<leaf>`."""
        name = self.names.space.claim(f"{self.node.name}.{leaf}")
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def sizes(self, leaf: str, sizes: Iterable[int]) -> str:
        """Sizes as a list of int64: a constant, or, with symbolic ones, worked out at run time."""
        parts: list[list[int]] = []
        for size in sizes:
            if parts and is_number(size) and is_number(parts[-1][-1]):
                parts[-1].append(size)
            else:
                parts.append([size])
        values = [
            self.constant(leaf, part, np.int64)
            if are_numbers(tuple(part))
            else self.names.sizes.value(part[0], self)
            for part in parts
        ]
        if len(values) == 1:
            return values[0]
        shape = (sum(map(len, parts)),)
        return self.step(leaf, "Concat", *values, shape=shape, dtype="int64", batch=False, axis=0)

    def step(
        self,
        leaf: str,
        operator: str,
        *inputs: str,
        shape: Shape,
        dtype: str | None = None,
        batch: bool = True,
        since: int = OLDEST_OPSET,
        **attributes: Attribute,
    ) -> str:
        """An operation on the way, which makes the value `<layer>/<leaf>` of `shape`.

        Its element type is the output's, unless `dtype` is another. A value that is made of weights
        or of sizes alone has no `batch`. `since` is the opset from which the operator has the form
        used. Returns the value's name.
        """
        name = f"{self.node.name}/{leaf}"
        type_ = TensorType(shape, dtype or self.node.output.dtype)
        value = value_info(self.names.space.claim(name), type_, batch=batch)
        self._emit(operator, inputs, value, name=name, since=since, attributes=attributes)
        return value.name

    def result(
        self, operator: str, *inputs: str, since: int = OLDEST_OPSET, **attributes: Attribute
    ) -> None:
        """The last operation: it makes the layer's output, and carries its name."""
        name = self.node.name
        value = value_info(self.names.values[name], self.node.output)
        self._emit(operator, inputs, value, name=name, since=since, attributes=attributes)

    def _emit(
        self,
        operator: str,
        inputs: Sequence[str],
        output: ValueInfoProto,
        *,
        name: str,
        since: int,
        attributes: Mapping[str, Attribute],
    ) -> None:
        operation = NodeProto(op_type=operator, input=inputs, output=[output.name], name=name)
        operation.attribute.extend(
            helper.make_attribute(key, value) for key, value in attributes.items()
        )
        self.operations.append(operation)
        self.values.append(output)
        self.opset = max(self.opset, since)


def value_info(name: str, type_: TensorType, *, batch: bool = True) -> ValueInfoProto:
    """A value of this type, for batches of any size, or without a batch."""
    element = helper.np_dtype_to_tensor_dtype(np.dtype(type_.dtype))
    sizes: list[str | int] = [_dimension(size) for size in type_.shape]
    sizes = ["batch", *sizes] if batch else sizes
    return helper.make_tensor_value_info(name, element, sizes)


def _dimension(size: int) -> str | int:
    """A size as ONNX has it: a symbolic one is a name, the same for all that are equal."""
    if is_number(size):
        return size
    symbolic: Any = size
    return str(symbolic.key)


Lowering = Callable[[Any, Emitter], None]
"""Emits a layer, the first argument, of the one class that it is listed for."""
