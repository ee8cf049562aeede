"""Kinds that rearrange, thin out or widen a value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import pads
from archspec.backends.onnx.lowerings.conv import PAD_MODES
from archspec.layers.base import Layer
from archspec.layers.shape import Flatten, Pad, PadChannels, Subsample
from archspec.layers.sizes import is_number


def flatten(layer: Flatten, emit: Emitter) -> None:
    first = layer.first(emit.shape)
    if first == 0:
        emit.result("Flatten", emit.x, axis=1)
        return
    # 0 leaves the batch, and the axes before the row, as they are.
    shape = emit.constant("shape", [0] * (1 + first) + [-1], np.int64)
    emit.result("Reshape", emit.x, shape)


_TO_THE_END = 2**63 - 1
"""What a slice ends at where its axis has no number."""


def subsample(layer: Subsample, emit: Emitter) -> None:
    strides = layer.strides(emit.shape)
    sizes = [size if is_number(size) else _TO_THE_END for size in emit.shape[1:]]
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


def pad_rows(layer: Pad, emit: Emitter) -> None:
    sides = [(0, 0), (0, 0), *layer.sides(emit.shape)]
    rows = emit.constant("pads", pads(sides), np.int64)
    if layer.mode != "constant":
        word, since = PAD_MODES[layer.mode]
        emit.result("Pad", emit.x, rows, since=since, mode=word)
    else:
        value = [emit.constant("value", layer.value)] if layer.value else []
        emit.result("Pad", emit.x, rows, *value)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Flatten: flatten,
    Subsample: subsample,
    Pad: pad_rows,
    PadChannels: pad_channels,
}
