"""What rounding the weights to integers shifts, taken back through the biases.

A layer's rounded weights make an output that is off by (W' − W) · x. Its mean over the samples,
(W' − W) · E[x], is known when the means of the layer's input channels are, and a bias without it
makes the mean of the output what it was (Nagel et al. 2019, Data-Free Quantization Through Weight
Equalization and Bias Correction, section 4.2). Where a filter's weights nearly cancel and its input
does not, that is most of the error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Array = NDArray[Any]

_AXES_ARE_AN_INPUT_SINCE = 18
"""The opset, of ReduceMean."""


class InputMeans(NamedTuple):
    """A model that makes the mean of each channel of what layers with weights are given; `of` has
    the name of the output by the layer's operation.
    """

    model: bytes
    of: Mapping[str, str]


def with_input_means(path: str | os.PathLike[str]) -> InputMeans:
    """The model at `path`, float32, made one whose outputs are the means; means of one batch."""
    model = onnx.load(path)
    body = model.graph
    (opset,) = (each.version for each in model.opset_import if not each.domain)
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in (*body.input, *body.value_info, *body.output)
    }
    of: dict[str, str] = {}
    del body.output[:]
    for node in _layers(model):
        value = node.input[0]
        if value not in ranks:
            continue
        name = f"{value}:mean"
        if name not in of.values():
            body.node.append(_mean(value, name, ranks[value], opset, body.initializer))
            body.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        of[node.name] = name
    return InputMeans(model.SerializeToString(), of)


def _mean(value: str, name: str, rank: int, opset: int, stored: Any) -> NodeProto:
    """The mean of a value along all axes but the channels'."""
    axes = [axis for axis in range(rank) if axis != 1]
    if opset < _AXES_ARE_AN_INPUT_SINCE:
        return helper.make_node("ReduceMean", [value], [name], axes=axes, keepdims=0)
    stored.append(numpy_helper.from_array(np.array(axes, np.int64), f"{name}:axes"))
    return helper.make_node("ReduceMean", [value, f"{name}:axes"], [name], keepdims=0)


def correct_biases(
    quantised: ModelProto, exact: str | os.PathLike[str], means: Mapping[str, Array]
) -> None:
    """Change the biases of a quantised model, in integers as they are, so that its layers make the
    means that those of the `exact` model make. `means` has what channels of a layer's input are on
    average, by its operation's name.
    """
    original = onnx.load(exact)
    true = {tensor.name: tensor for tensor in original.graph.initializer}
    weights = {node.name: true[node.input[1]] for node in _layers(original)}
    stored = {tensor.name: tensor for tensor in quantised.graph.initializer}
    makers = {name: node for node in quantised.graph.node for name in node.output}
    for node in quantised.graph.node:
        if node.name not in means or node.name not in weights:
            continue
        weight, bias = (_Integers.of(makers.get(name), stored) for name in node.input[1:3])
        if weight is None or bias is None:
            continue
        error = weight.numbers() - numpy_helper.to_array(weights[node.name]).astype(np.float64)
        shift = _shift(error, means[node.name].astype(np.float64))
        limits = np.iinfo(np.int32)
        numbers = np.rint(bias.integers() - shift / bias.scale).clip(limits.min, limits.max)
        tensor = numpy_helper.from_array(numbers.astype(np.int32), bias.tensor.name)
        bias.tensor.CopyFrom(tensor)


class _Integers(NamedTuple):
    """A stored tensor of integers, and the scale of each channel along an axis."""

    tensor: TensorProto
    scale: Array
    axis: int

    @classmethod
    def of(cls, node: NodeProto | None, stored: Mapping[str, TensorProto]) -> _Integers | None:
        """Those that the operation makes numbers of, if it does and they are symmetric about 0."""
        if node is None or node.op_type != "DequantizeLinear" or node.input[0] not in stored:
            return None
        for name in node.input[2:]:
            if name not in stored or numpy_helper.to_array(stored[name]).any():
                return None
        axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
        scale = numpy_helper.to_array(stored[node.input[1]]).astype(np.float64)
        return cls(stored[node.input[0]], scale, axis)

    def integers(self) -> Array:
        return numpy_helper.to_array(self.tensor).astype(np.float64)

    def numbers(self) -> Array:
        integers = self.integers()
        if self.scale.ndim == 0 or self.scale.size == 1:
            return integers * self.scale.reshape(())
        shape = [1] * integers.ndim
        shape[self.axis] = -1
        return integers * self.scale.reshape(shape)


def _shift(error: Array, means: Array) -> Array:
    """What weights that are off by `error`, output channels first, add to each output channel's
    mean. Those of a group of channels see the inputs of that group; rows beyond a border, which
    padding makes 0, count as the rest.
    """
    outputs, inputs = error.shape[:2]
    groups = len(means) // inputs
    rows = error.reshape(groups, outputs // groups, inputs, -1).sum(axis=-1)
    return np.asarray(np.einsum("goi,gi->go", rows, means.reshape(groups, inputs)).reshape(-1))


def _layers(model: ModelProto) -> Iterator[NodeProto]:
    """The operations whose weights are stored with the outputs' channels first, and have a bias."""
    stored = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Gemm":
            attributes = {each.name: each for each in node.attribute}
            is_plain = "transB" in attributes and attributes["transB"].i == 1
            is_plain &= "transA" not in attributes or attributes["transA"].i == 0
        else:
            is_plain = node.op_type == "Conv"
        if is_plain and len(node.input) == 3 and stored.issuperset(node.input[1:]):
            yield node
