"""Activations, and the other kinds that leave the shape as it is."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
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


def relu(layer: Relu, emit: Emitter) -> fx.Node:
    return emit.module(nn.ReLU(inplace=emit.may_overwrite))


def relu6(layer: Relu6, emit: Emitter) -> fx.Node:
    return emit.module(nn.ReLU6(inplace=emit.may_overwrite))


def leaky_relu(layer: LeakyRelu, emit: Emitter) -> fx.Node:
    return emit.module(nn.LeakyReLU(layer.negative_slope))


def sigmoid(layer: Sigmoid, emit: Emitter) -> fx.Node:
    return emit.module(nn.Sigmoid())


def tanh(layer: Tanh, emit: Emitter) -> fx.Node:
    return emit.module(nn.Tanh())


def silu(layer: Silu, emit: Emitter) -> fx.Node:
    return emit.module(nn.SiLU())


def gelu(layer: Gelu, emit: Emitter) -> fx.Node:
    return emit.module(nn.GELU(layer.approximate))


def softmax(layer: Softmax, emit: Emitter) -> fx.Node:
    return emit.module(nn.Softmax(dim=1))


def identity(layer: Identity, emit: Emitter) -> fx.Node:
    return emit.module(nn.Identity())


def dropout(layer: Dropout, emit: Emitter) -> fx.Node:
    return emit.module(nn.Dropout(layer.p))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Relu: relu,
    Relu6: relu6,
    LeakyRelu: leaky_relu,
    Sigmoid: sigmoid,
    Tanh: tanh,
    Silu: silu,
    Gelu: gelu,
    Softmax: softmax,
    Identity: identity,
    Dropout: dropout,
}
