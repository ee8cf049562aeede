"""Pooling: sliding, global, and adaptive."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import (
    ByAxes,
    is_symmetric,
    pad,
    pad_whole_windows,
)
from archspec.layers.base import Layer
from archspec.layers.pool import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
)
from archspec.layers.sizes import are_numbers, is_number
from archspec.layers.window import Axis

_MAX_POOL: ByAxes = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_AVG_POOL: ByAxes = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
_ADAPTIVE_MAX_POOL: ByAxes = {
    1: nn.AdaptiveMaxPool1d,
    2: nn.AdaptiveMaxPool2d,
    3: nn.AdaptiveMaxPool3d,
}
_ADAPTIVE_AVG_POOL: ByAxes = {
    1: nn.AdaptiveAvgPool1d,
    2: nn.AdaptiveAvgPool2d,
    3: nn.AdaptiveAvgPool3d,
}


def _is_native_pool(axes: tuple[Axis, ...]) -> bool:
    """Whether PyTorch's pools pad so themselves: alike on both sides, by half a kernel at most."""
    return is_symmetric(axes) and all(2 * axis.before <= axis.kernel for axis in axes)


def max_pool(layer: MaxPool, emit: Emitter) -> fx.Node:
    axes = layer.axes(emit.shape)
    native = _is_native_pool(axes)
    module = _MAX_POOL[len(axes)](
        tuple(axis.kernel for axis in axes),
        tuple(axis.stride for axis in axes),
        tuple(axis.before if native else 0 for axis in axes),
        tuple(axis.dilation for axis in axes),
        # Axes without an overhang come out alike in either mode.
        ceil_mode=native and any(axis.overhang != 0 for axis in axes),
    )
    return emit.module(module, emit.x if native else pad_whole_windows(emit, axes, -np.inf))


def avg_pool(layer: AvgPool, emit: Emitter) -> fx.Node:
    axes = layer.axes(emit.shape)
    window = tuple(axis.kernel for axis in axes), tuple(axis.stride for axis in axes)
    pool = _AVG_POOL[len(axes)]
    # Over three axes PyTorch wants the kernel within the input, before any padding.
    fits = len(axes) < 3 or all(map(_is_within_input, axes))
    if fits and _is_native_pool(axes):
        module = pool(
            *window,
            tuple(axis.before for axis in axes),
            ceil_mode=any(axis.overhang != 0 for axis in axes),
            count_include_pad=layer.count_include_pad,
        )
        return emit.module(module)
    # Padded by hand, each mean is over a whole window; what does not count is scaled away.
    module, x = pool(*window), pad_whole_windows(emit, axes, 0.0)
    if not all(are_numbers(axis) for axis in axes):
        return _mean_of_counted(layer, emit, axes, module, x)
    scale = _scale(axes, layer.count_include_pad)
    if np.all(scale == 1):
        return emit.module(module, x)
    # The constant lives in the module that is called before it is read: GraphModule, when it is
    # copied, would put one that stands alone in the state dict.
    mean = emit.module(module, x, part="window", constants={"scale": scale})
    return emit.call(operator.mul, mean, emit.attribute(f"{mean.target}.scale", part="scale"))


def _is_within_input(axis: Axis) -> bool:
    """Whether an axis's kernel is no larger than its input, whatever that is."""
    if is_number(axis.size):
        return axis.kernel <= axis.size
    return axis.before == axis.after == axis.overhang == 0


def _mean_of_counted(
    layer: AvgPool, emit: Emitter, axes: tuple[Axis, ...], pool: nn.Module, x: fx.Node
) -> fx.Node:
    """The mean of each window of `x`, padded with zeros, over the share of its rows that count."""
    mean = emit.module(pool, x, part="window")
    one = emit.call(operator.getitem, emit.x, (slice(0, 1), slice(0, 1)), part="one")
    counted = emit.call(torch.ones_like, one, part="counted")
    sides = [(axis.before, axis.after) for axis in axes]
    value = 1.0 if layer.count_include_pad else 0.0
    counted = pad(emit, sides, "constant", value, part="padded", x=counted)
    overhang = [(0, axis.overhang) for axis in axes]
    counted = pad(emit, overhang, "constant", 0.0, part="hanging", x=counted)
    path = f"{emit.node.name}.window"
    share = emit.graph.create_node("call_module", path, (counted,))
    return emit.call(operator.truediv, mean, share)


def _scale(axes: tuple[Axis, ...], count_include_pad: bool) -> NDArray[np.float32]:
    """At each output position, a window's elements over those of them that count in the mean."""
    along = [axis.kernel / _counted(axis, count_include_pad) for axis in axes]
    scale: NDArray[np.float32] = reduce(np.multiply.outer, along).astype(np.float32)
    return scale


def _counted(axis: Axis, count_include_pad: bool) -> NDArray[np.int64]:
    """For each output along an axis, how many of the rows that its window reads count."""
    first, end = (-axis.before, axis.size + axis.after) if count_include_pad else (0, axis.size)
    start = np.arange(axis.output) * axis.stride - axis.before
    return np.minimum(start + axis.kernel, end) - np.maximum(start, first)


def global_avg_pool(layer: GlobalAvgPool, emit: Emitter) -> fx.Node:
    return emit.module(_ADAPTIVE_AVG_POOL[len(emit.shape) - 1](1))


def global_max_pool(layer: GlobalMaxPool, emit: Emitter) -> fx.Node:
    return emit.module(_ADAPTIVE_MAX_POOL[len(emit.shape) - 1](1))


def adaptive_avg_pool(layer: AdaptiveAvgPool, emit: Emitter) -> fx.Node:
    _, *sizes = emit.node.output.shape
    return emit.module(_ADAPTIVE_AVG_POOL[len(sizes)](tuple(sizes)))


def adaptive_max_pool(layer: AdaptiveMaxPool, emit: Emitter) -> fx.Node:
    _, *sizes = emit.node.output.shape
    return emit.module(_ADAPTIVE_MAX_POOL[len(sizes)](tuple(sizes)))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    MaxPool: max_pool,
    AvgPool: avg_pool,
    GlobalAvgPool: global_avg_pool,
    GlobalMaxPool: global_max_pool,
    AdaptiveAvgPool: adaptive_avg_pool,
    AdaptiveMaxPool: adaptive_max_pool,
}
