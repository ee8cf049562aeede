"""Arithmetic with numbers that the spec gives, and a learnt factor for each channel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import one
from archspec.layers.arithmetic import Abs, Clamp, LayerScale, Power, Scale, Shift
from archspec.layers.base import Layer


def scale(layer: Scale, emit: Emitter) -> None:
    emit.result("Mul", emit.x, _value(layer, emit))


def shift(layer: Shift, emit: Emitter) -> None:
    emit.result("Add", emit.x, _value(layer, emit))


def _value(layer: Scale | Shift, emit: Emitter) -> str:
    value = np.array(layer.value, np.float32)
    if isinstance(layer.value, tuple):
        value = value.reshape(-1, *(1 for _ in emit.shape[1:]))
    return emit.constant("value", value)


def power(layer: Power, emit: Emitter) -> None:
    emit.result("Pow", emit.x, emit.constant("exponent", layer.exponent))


def clamp(layer: Clamp, emit: Emitter) -> None:
    # An input that is left out has no name.
    least = "" if layer.min is None else emit.constant("min", layer.min)
    most = () if layer.max is None else (emit.constant("max", layer.max),)
    emit.result("Clip", emit.x, least, *most)


def layer_scale(layer: LayerScale, emit: Emitter) -> None:
    emit.result("Mul", emit.x, emit.tensor(""))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Scale: scale,
    Shift: shift,
    Power: power,
    Clamp: clamp,
    Abs: one("Abs"),
    LayerScale: layer_scale,
}
