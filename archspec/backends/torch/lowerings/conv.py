"""Convolution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import fx

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import (
    CONV,
    UNFILLED,
    is_symmetric,
    pad,
)
from archspec.layers.base import Layer
from archspec.layers.conv import Conv, Convolution, Depthwise, Filter
from archspec.layers.window import Axis


def convolution(layer: Convolution, emit: Emitter) -> fx.Node:
    axes = layer.axes(emit.shape)
    x, padding = _conv_padding(emit, axes, layer)
    module = CONV[len(axes)](
        emit.shape[0],
        layer.filters(emit.shape),
        tuple(axis.kernel for axis in axes),
        tuple(axis.stride for axis in axes),
        padding,
        tuple(axis.dilation for axis in axes),
        layer.groups_of(emit.shape),
        layer.bias,
        device=UNFILLED,
    )
    return emit.module(module, x)


def filter_(layer: Filter, emit: Emitter) -> fx.Node:
    axes, channels = layer.axes(emit.shape), emit.shape[0]
    x, padding = _conv_padding(emit, axes, layer)
    module = CONV[len(axes)](
        channels,
        channels,
        layer.kernel_size,
        tuple(axis.stride for axis in axes),
        padding,
        tuple(axis.dilation for axis in axes),
        groups=channels,
        bias=False,
        device=UNFILLED,
    )
    kernel = np.array(layer.kernel, np.float32)
    return emit.module(module, x, constants={"weight": np.stack([kernel[None]] * channels)})


def _conv_padding(
    emit: Emitter, axes: tuple[Axis, ...], layer: Convolution | Filter
) -> tuple[fx.Node, tuple[int, ...]]:
    """What a convolution is called on, and the zeros that it adds on each side itself.

    The module is the same for every size of input, so that layers of one module may share it.
    """
    mode = layer.padding_mode
    follows_size = layer.padding.way in ("same_upper", "same_lower") and any(
        axis.stride > 1 for axis in axes
    )
    if mode == "zeros" and is_symmetric(axes) and not follows_size:
        return emit.x, tuple(axis.before for axis in axes)
    none = (0,) * len(axes)
    sides = [(axis.before, axis.after) for axis in axes]
    if all(side == (0, 0) for side in sides):
        return emit.x, none
    return pad(emit, sides, "constant" if mode == "zeros" else mode), none


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Conv: convolution,
    Depthwise: convolution,
    Filter: filter_,
}
