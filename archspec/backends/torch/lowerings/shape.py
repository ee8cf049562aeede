"""Kinds that rearrange, thin out or widen a value."""

from __future__ import annotations

import operator
from collections.abc import Mapping

import torch.nn.functional as F
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import pad
from archspec.layers.base import Layer
from archspec.layers.shape import Flatten, Pad, PadChannels, Subsample


def flatten(layer: Flatten, emit: Emitter) -> fx.Node:
    return emit.module(nn.Flatten(1 + layer.first(emit.shape)))


def subsample(layer: Subsample, emit: Emitter) -> fx.Node:
    every = slice(None)
    index = (every, every, *(slice(None, None, stride) for stride in layer.strides(emit.shape)))
    return emit.call(operator.getitem, emit.x, index)


def pad_channels(layer: PadChannels, emit: Emitter) -> fx.Node:
    channels, *sizes = emit.shape
    rows = (0, 0) * len(sizes) + (0, layer.out_channels - channels)
    return emit.call(F.pad, emit.x, rows)


def pad_rows(layer: Pad, emit: Emitter) -> fx.Node:
    return pad(emit, layer.sides(emit.shape), layer.mode, layer.value, part="")


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Flatten: flatten,
    Subsample: subsample,
    Pad: pad_rows,
    PadChannels: pad_channels,
}
