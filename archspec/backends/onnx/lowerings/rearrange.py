"""Kinds that put the elements of a value in another order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.rearrange import (
    ChannelShuffle,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
)


def pixel_shuffle(layer: PixelShuffle, emit: Emitter) -> None:
    emit.result("DepthToSpace", emit.x, blocksize=layer.upscale_factor, mode="CRD")


def pixel_unshuffle(layer: PixelUnshuffle, emit: Emitter) -> None:
    channels, r = emit.shape[0], layer.downscale_factor
    if channels == 1:
        emit.result("SpaceToDepth", emit.x, blocksize=r)
        return
    # ONNX has all channels of a place in the block, then those of the next place.
    shape = emit.node.output.shape
    blocks = emit.step("blocks", "SpaceToDepth", emit.x, shape=shape, blocksize=r)
    _take_in_turn(emit, blocks, shape[0], r * r)


def channel_shuffle(layer: ChannelShuffle, emit: Emitter) -> None:
    _take_in_turn(emit, emit.x, emit.shape[0], layer.groups)


def _take_in_turn(emit: Emitter, value: str, channels: int, groups: int) -> None:
    """The first channel of each group, then the second of each, and so on."""
    order = np.arange(channels).reshape(groups, -1).T.ravel()
    # The batch is ONNX's axis 0.
    emit.result("Gather", value, emit.constant("channels", order, np.int64), axis=1)


def reshape(layer: Reshape, emit: Emitter) -> None:
    emit.result("Reshape", emit.x, emit.constant("shape", (0, *layer.shape), np.int64))


def permute(layer: Permute, emit: Emitter) -> None:
    emit.result("Transpose", emit.x, perm=[0, *(1 + axis for axis in layer.order)])


LOWERINGS: Mapping[type[Layer], Lowering] = {
    PixelShuffle: pixel_shuffle,
    PixelUnshuffle: pixel_unshuffle,
    ChannelShuffle: channel_shuffle,
    Reshape: reshape,
    Permute: permute,
}
