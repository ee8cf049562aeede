"""Arithmetic with numbers that the spec gives, and a learnt factor for each channel."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.layers.arithmetic import Abs, Clamp, LayerScale, Power, Scale, Shift
from archspec.layers.base import Layer


def scale(layer: Scale, emit: Emitter) -> fx.Node:
    return _with_constant(operator.mul, layer, emit)


def shift(layer: Shift, emit: Emitter) -> fx.Node:
    return _with_constant(operator.add, layer, emit)


def _with_constant(
    function: Callable[[Any, Any], Any], layer: Scale | Shift, emit: Emitter
) -> fx.Node:
    if not isinstance(layer.value, tuple):
        return emit.call(function, emit.x, layer.value)
    value = np.array(layer.value, np.float32).reshape(-1, *(1 for _ in emit.shape[1:]))
    # The constant lives in a module that is called before it is read: GraphModule, when it is
    # copied, would put one that stands alone in the state dict.
    x = emit.module(nn.Identity(), part="x", constants={"value": value})
    return emit.call(function, x, emit.attribute(f"{x.target}.value", part="value"))


def power(layer: Power, emit: Emitter) -> fx.Node:
    return emit.call(operator.pow, emit.x, layer.exponent)


def clamp(layer: Clamp, emit: Emitter) -> fx.Node:
    return emit.call(torch.clamp, emit.x, min=layer.min, max=layer.max)


def abs_(layer: Abs, emit: Emitter) -> fx.Node:
    return emit.call(torch.abs, emit.x)


def layer_scale(layer: LayerScale, emit: Emitter) -> fx.Node:
    return emit.call(operator.mul, emit.x, emit.parameter(""))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Scale: scale,
    Shift: shift,
    Power: power,
    Clamp: clamp,
    Abs: abs_,
    LayerScale: layer_scale,
}
