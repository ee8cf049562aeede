"""Activations, and the other kinds that leave the shape as it is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import UNFILLED
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


def relu(layer: Relu, emit: Emitter) -> fx.Node:
    return emit.module(nn.ReLU(inplace=emit.may_overwrite))


def relu6(layer: Relu6, emit: Emitter) -> fx.Node:
    return emit.module(nn.ReLU6(inplace=emit.may_overwrite))


def leaky_relu(layer: LeakyRelu, emit: Emitter) -> fx.Node:
    return emit.module(nn.LeakyReLU(layer.negative_slope))


def prelu(layer: PRelu, emit: Emitter) -> fx.Node:
    (slopes,) = emit.node.signature.parameters["weight"].shape
    return emit.module(nn.PReLU(slopes, layer.init, device=UNFILLED))


def elu(layer: Elu, emit: Emitter) -> fx.Node:
    return emit.module(nn.ELU(layer.alpha))


def hard_sigmoid(layer: HardSigmoid, emit: Emitter) -> fx.Node:
    return emit.module(nn.Hardsigmoid())


def sigmoid(layer: Sigmoid, emit: Emitter) -> fx.Node:
    return emit.module(nn.Sigmoid())


def tanh(layer: Tanh, emit: Emitter) -> fx.Node:
    return emit.module(nn.Tanh())


def silu(layer: Silu, emit: Emitter) -> fx.Node:
    return emit.module(nn.SiLU())


def hard_swish(layer: HardSwish, emit: Emitter) -> fx.Node:
    return emit.module(nn.Hardswish())


def mish(layer: Mish, emit: Emitter) -> fx.Node:
    return emit.module(nn.Mish())


def softplus(layer: Softplus, emit: Emitter) -> fx.Node:
    return emit.module(nn.Softplus(layer.beta, layer.threshold))


def gelu(layer: Gelu, emit: Emitter) -> fx.Node:
    return emit.module(nn.GELU(layer.approximate))


def softmax(layer: Softmax, emit: Emitter) -> fx.Node:
    return emit.module(nn.Softmax(dim=1))


def log_softmax(layer: LogSoftmax, emit: Emitter) -> fx.Node:
    return emit.module(nn.LogSoftmax(dim=1))


def identity(layer: Identity, emit: Emitter) -> fx.Node:
    return emit.module(nn.Identity())


def dropout(layer: Dropout, emit: Emitter) -> fx.Node:
    return emit.module(nn.Dropout(layer.p))


def drop_path(layer: DropPath, emit: Emitter) -> fx.Node:
    # PyTorch's dropouts of whole channels take an input without a batch as well, and its first axis
    # for the channels: so samples are dropped where they are given a batch. It has no module for
    # samples; a product with a mask would cost a copy at inference too, and a module of archspec's
    # own would be missing where a saved network is loaded without it. The cases are by rank because
    # flattening them all to one would copy what is channels-last in memory.
    match len(emit.shape):
        case 1:
            return emit.module(nn.Dropout1d(layer.p))
        case 2:
            image = emit.call(torch.unsqueeze, emit.x, -1, part="image")
            return emit.call(
                torch.squeeze, emit.module(nn.Dropout3d(layer.p), image, step="kept"), -1
            )
        case 3:
            return emit.module(nn.Dropout3d(layer.p))
        case _:
            image = emit.call(torch.flatten, emit.x, 1, 2, part="image")
            kept = emit.module(nn.Dropout3d(layer.p), image, step="kept")
            return emit.call(torch.unflatten, kept, 1, (emit.shape[0], -1))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Relu: relu,
    Relu6: relu6,
    LeakyRelu: leaky_relu,
    PRelu: prelu,
    Elu: elu,
    Sigmoid: sigmoid,
    HardSigmoid: hard_sigmoid,
    Tanh: tanh,
    Silu: silu,
    HardSwish: hard_swish,
    Mish: mish,
    Softplus: softplus,
    Gelu: gelu,
    Softmax: softmax,
    LogSoftmax: log_softmax,
    Identity: identity,
    Dropout: dropout,
    DropPath: drop_path,
}
