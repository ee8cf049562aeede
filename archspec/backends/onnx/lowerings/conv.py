"""Convolution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import pad, pads
from archspec.layers.base import Layer
from archspec.layers.conv import Conv, Convolution, Depthwise, Filter, PaddingMode
from archspec.layers.sizes import are_numbers
from archspec.layers.window import Axis


def convolution(layer: Convolution, emit: Emitter) -> None:
    kernels = [emit.tensor("weight")]
    if layer.bias:
        kernels.append(emit.tensor("bias"))
    groups = layer.groups_of(emit.shape)
    _convolve(emit, layer.axes(emit.shape), layer.padding_mode, kernels, groups)


def filter_(layer: Filter, emit: Emitter) -> None:
    channels = emit.shape[0]
    kernel = np.broadcast_to(np.array(layer.kernel), (channels, 1, *layer.kernel_size))
    weight = emit.constant("kernel", kernel)
    _convolve(emit, layer.axes(emit.shape), layer.padding_mode, [weight], channels)


PAD_MODES: Mapping[str, tuple[str, int]] = {
    # ONNX's word, and the opset that has it.
    "zeros": ("constant", 17),
    "reflect": ("reflect", 17),
    "replicate": ("edge", 17),
    "circular": ("wrap", 19),
}


def _convolve(
    emit: Emitter, axes: tuple[Axis, ...], mode: PaddingMode, kernels: list[str], groups: int
) -> None:
    x, sides = emit.x, [(axis.before, axis.after) for axis in axes]
    padded = any(side != (0, 0) for side in sides)
    if padded and (mode != "zeros" or not all(map(are_numbers, sides))):
        word, since = PAD_MODES[mode]
        x, sides = pad(emit, sides, since=since, mode=word), [(0, 0)] * len(axes)
    emit.result(
        "Conv",
        x,
        *kernels,
        kernel_shape=[axis.kernel for axis in axes],
        strides=[axis.stride for axis in axes],
        dilations=[axis.dilation for axis in axes],
        pads=pads(sides),
        group=groups,
    )


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Conv: convolution,
    Depthwise: convolution,
    Filter: filter_,
}
