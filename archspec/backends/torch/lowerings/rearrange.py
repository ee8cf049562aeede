"""Kinds that put the elements of a value in another order."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.rearrange import (
    ChannelShuffle,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
)


def pixel_shuffle(layer: PixelShuffle, emit: Emitter) -> fx.Node:
    return emit.module(nn.PixelShuffle(layer.upscale_factor))


def pixel_unshuffle(layer: PixelUnshuffle, emit: Emitter) -> fx.Node:
    return emit.module(nn.PixelUnshuffle(layer.downscale_factor))


def channel_shuffle(layer: ChannelShuffle, emit: Emitter) -> fx.Node:
    return emit.module(nn.ChannelShuffle(layer.groups))


def reshape(layer: Reshape, emit: Emitter) -> fx.Node:
    return emit.call(torch.flatten, emit.x, 1) if layer.shape == (-1,) else _unflatten(layer, emit)


def _unflatten(layer: Reshape, emit: Emitter) -> fx.Node:
    # The batch is first, and keeps its size.
    row = emit.call(torch.flatten, emit.x, 1, part="row") if len(emit.shape) > 1 else emit.x
    return emit.call(torch.unflatten, row, 1, layer.shape)


def permute(layer: Permute, emit: Emitter) -> fx.Node:
    return emit.call(torch.permute, emit.x, (0, *(1 + axis for axis in layer.order)))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    PixelShuffle: pixel_shuffle,
    PixelUnshuffle: pixel_unshuffle,
    ChannelShuffle: channel_shuffle,
    Reshape: reshape,
    Permute: permute,
}
