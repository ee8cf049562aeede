"""Operators that work on a value's last axis, with the channels there: N x L x C.

Values of the graph have their channels first. onnxruntime moves transposes through a network until
they meet their opposites and both go.
"""

from __future__ import annotations

import numpy as np

from archspec.backends.onnx.emitter import Emitter
from archspec.layers.base import Shape


def channels_last(emit: Emitter) -> str:
    """The layer's input with its channels as the last axis; a flat one as it is."""
    channels, *sizes = emit.shape
    if not sizes:
        return emit.x
    order = [0, *range(2, len(sizes) + 2), 1]
    shape = (*sizes, channels)
    return emit.step("channels_last", "Transpose", emit.x, shape=shape, perm=order)


def channels_first(emit: Emitter, value: str) -> None:
    """The layer's output, of a value of more than one axis with its channels as the last."""
    axes = len(emit.node.output.shape)
    emit.result("Transpose", value, perm=[0, axes, *range(1, axes)])


def matrix(emit: Emitter, leaf: str, step: str) -> str:
    """The weight of a fully connected layer, out x in, as what a row of channels is multiplied by:
    in x out. onnxruntime transposes it once, when it loads the model.
    """
    out, channels = emit.node.signature.parameters[leaf].shape
    weight, shape = emit.tensor(leaf), (channels, out)
    return emit.step(step, "Transpose", weight, shape=shape, batch=False, perm=[1, 0])


def along_channels(emit: Emitter, leaf: str) -> str:
    """A tensor of one number a channel in a shape that meets the layer's values: (C, 1, ...)."""
    channels, *sizes = emit.shape
    if not sizes:
        return emit.tensor(leaf)
    axes = emit.constant(f"{leaf}_axes", list(range(1, len(sizes) + 1)), np.int64)
    shape: Shape = (channels, *(1 for _ in sizes))
    return emit.step(
        f"{leaf}_by_channel", "Unsqueeze", emit.tensor(leaf), axes, shape=shape, batch=False
    )
