"""Activations, and the other kinds that leave the shape as it is."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import one
from archspec.layers.activation import (
    Dropout,
    Gelu,
    Identity,
    LeakyRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Tanh,
)
from archspec.layers.base import Layer


def relu6(layer: Relu6, emit: Emitter) -> None:
    emit.result("Clip", emit.x, emit.constant("min", 0), emit.constant("max", 6))


def leaky_relu(layer: LeakyRelu, emit: Emitter) -> None:
    emit.result("LeakyRelu", emit.x, alpha=layer.negative_slope)


def silu(layer: Silu, emit: Emitter) -> None:
    gate = emit.step("sigmoid", "Sigmoid", emit.x, shape=emit.shape)
    emit.result("Mul", emit.x, gate)


def gelu(layer: Gelu, emit: Emitter) -> None:
    emit.result("Gelu", emit.x, since=20, approximate=layer.approximate)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Relu: one("Relu"),
    Relu6: relu6,
    LeakyRelu: leaky_relu,
    Sigmoid: one("Sigmoid"),
    Tanh: one("Tanh"),
    Silu: silu,
    Gelu: gelu,
    Softmax: one("Softmax", axis=1),
    Identity: one("Identity"),
    Dropout: one("Identity"),
}
