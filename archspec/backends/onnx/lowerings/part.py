"""Kinds that take a part of a value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.part import Select, Slice, Split


def channels(layer: Slice | Split, emit: Emitter) -> None:
    start, stop = layer.bounds(emit.shape)
    # The batch is ONNX's axis 0.
    bounds = emit.sizes("starts", [start]), emit.sizes("ends", [stop])
    emit.result("Slice", emit.x, *bounds, emit.constant("axes", [1], np.int64))


def select(layer: Select, emit: Emitter) -> None:
    emit.result("Gather", emit.x, emit.constant("position", layer.position, np.int64), axis=2)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Slice: channels,
    Split: channels,
    Select: select,
}
