"""Kinds that rearrange, thin out or widen a value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import one, pads
from archspec.layers.base import Layer
from archspec.layers.shape import Flatten, PadChannels, Subsample


def subsample(layer: Subsample, emit: Emitter) -> None:
    sizes, strides = emit.shape[1:], layer.strides(emit.shape)
    slices = {
        "starts": [0] * len(sizes),
        "ends": sizes,
        "axes": range(2, 2 + len(sizes)),
        "steps": strides,
    }
    constants = [emit.constant(leaf, value, np.int64) for leaf, value in slices.items()]
    emit.result("Slice", emit.x, *constants)


def pad_channels(layer: PadChannels, emit: Emitter) -> None:
    channels, *sizes = emit.shape
    sides = [(0, 0), (0, layer.out_channels - channels), *[(0, 0)] * len(sizes)]
    emit.result("Pad", emit.x, emit.constant("pads", pads(sides), np.int64))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Flatten: one("Flatten", axis=1),
    Subsample: subsample,
    PadChannels: pad_channels,
}
