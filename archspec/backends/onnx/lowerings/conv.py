"""Convolution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import pad, pads
from archspec.layers.base import Layer
from archspec.layers.conv import Conv, Filter, PaddingMode
from archspec.layers.window import Axis


def conv(layer: Conv, emit: Emitter) -> None:
    kernels = [emit.tensor("weight")]
    if layer.bias:
        kernels.append(emit.tensor("bias"))
    _convolve(emit, layer.axes(emit.shape), layer.padding_mode, kernels, layer.groups)


def filter_(layer: Filter, emit: Emitter) -> None:
    channels = emit.shape[0]
    kernel = np.broadcast_to(np.array(layer.kernel), (channels, 1, *layer.kernel_size))
    weight = emit.constant("kernel", kernel)
    _convolve(emit, layer.axes(emit.shape), layer.padding_mode, [weight], channels)


_PAD_MODES: Mapping[PaddingMode, tuple[str, int]] = {
    # ONNX's word, and the opset that has it.
    "reflect": ("reflect", 17),
    "replicate": ("edge", 17),
    "circular": ("wrap", 19),
}


def _convolve(
    emit: Emitter, axes: tuple[Axis, ...], mode: PaddingMode, kernels: list[str], groups: int
) -> None:
    x, sides = emit.x, [(axis.before, axis.after) for axis in axes]
    if mode != "zeros" and any(map(any, sides)):
        word, since = _PAD_MODES[mode]
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
    Conv: conv,
    Filter: filter_,
}
