"""Activations, and the other kinds that leave the shape as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import one
from archspec.backends.onnx.lowerings.positions import along_channels
from archspec.layers.activation import (
    Dropout,
    DropPath,
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    Identity,
    LeakyRelu,
    LogSoftmax,
    Mish,
    PRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from archspec.layers.base import Layer


def relu6(layer: Relu6, emit: Emitter) -> None:
    emit.result("Clip", emit.x, emit.constant("min", 0), emit.constant("max", 6))


def leaky_relu(layer: LeakyRelu, emit: Emitter) -> None:
    emit.result("LeakyRelu", emit.x, alpha=layer.negative_slope)


def prelu(layer: PRelu, emit: Emitter) -> None:
    shared = emit.node.signature.parameters["weight"].shape == (1,)
    slopes = emit.tensor("weight") if shared else along_channels(emit, "weight")
    emit.result("PRelu", emit.x, slopes)


def elu(layer: Elu, emit: Emitter) -> None:
    emit.result("Elu", emit.x, alpha=layer.alpha)


def hard_sigmoid(layer: HardSigmoid, emit: Emitter) -> None:
    emit.result("HardSigmoid", emit.x, alpha=1 / 6, beta=0.5)


def silu(layer: Silu, emit: Emitter) -> None:
    gate = emit.step("sigmoid", "Sigmoid", emit.x, shape=emit.shape)
    emit.result("Mul", emit.x, gate)


def mish(layer: Mish, emit: Emitter) -> None:
    # ONNX's own came with opset 18.
    softplus = emit.step("softplus", "Softplus", emit.x, shape=emit.shape)
    gate = emit.step("tanh", "Tanh", softplus, shape=emit.shape)
    emit.result("Mul", emit.x, gate)


_FLOAT32_ROUNDING = 2.0**-24


def softplus(layer: Softplus, emit: Emitter) -> None:
    shape, x = emit.shape, emit.x
    # At the threshold t, softplus(t) is more than t by less than exp(-t): from some 14 on that is
    # lost in float32's rounding, and there is nothing to tell apart.
    threshold = layer.threshold
    one_form = threshold > 0 and math.exp(-threshold) < threshold * _FLOAT32_ROUNDING
    if layer.beta == 1 and one_form:
        emit.result("Softplus", x)
        return
    beta = emit.constant("beta", layer.beta)
    scaled = emit.step("scaled", "Mul", x, beta, shape=shape)
    smooth = emit.step("softplus", "Softplus", scaled, shape=shape)
    if one_form:
        emit.result("Div", smooth, beta)
        return
    smooth = emit.step("smooth", "Div", smooth, beta, shape=shape)
    limit = emit.constant("threshold", threshold)
    beyond = emit.step("beyond", "Greater", scaled, limit, shape=shape, dtype="bool")
    emit.result("Where", beyond, x, smooth)


def gelu(layer: Gelu, emit: Emitter) -> None:
    emit.result("Gelu", emit.x, since=20, approximate=layer.approximate)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Relu: one("Relu"),
    Relu6: relu6,
    LeakyRelu: leaky_relu,
    PRelu: prelu,
    Elu: elu,
    Sigmoid: one("Sigmoid"),
    HardSigmoid: hard_sigmoid,
    Tanh: one("Tanh"),
    Silu: silu,
    HardSwish: one("HardSwish"),
    Mish: mish,
    Softplus: softplus,
    Gelu: gelu,
    Softmax: one("Softmax", axis=1),
    LogSoftmax: one("LogSoftmax", axis=1),
    Identity: one("Identity"),
    Dropout: one("Identity"),
    DropPath: one("Identity"),
}
