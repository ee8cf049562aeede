"""Every kind of layer in PyTorch's modules and functions, a short function each; the table is at
the end.

A kind that PyTorch has a module for becomes that module; merges and slices are calls.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter
from archspec.layers.activation import (
    Dropout,
    Gelu,
    Identity,
    LeakyRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Tanh,
)
from archspec.layers.base import Layer
from archspec.layers.conv import Conv, Filter, PaddingMode
from archspec.layers.linear import FullyConnected
from archspec.layers.merge import Add, Concat, Multiply
from archspec.layers.norm import BatchNorm, LocalResponseNorm
from archspec.layers.pool import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
)
from archspec.layers.shape import Flatten, PadChannels, Subsample
from archspec.layers.window import Axis

Lowering = Callable[[Any, Emitter], fx.Node]
"""Emits a layer, the first argument, of the one class that it is listed for in LOWERINGS. Returns
the call that makes its output.
"""

_ByAxes = Mapping[int, Callable[..., nn.Module]]
"""PyTorch has a module for each number of spatial axes."""

_CONV: _ByAxes = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_MAX_POOL: _ByAxes = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_AVG_POOL: _ByAxes = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
_ADAPTIVE_MAX_POOL: _ByAxes = {
    1: nn.AdaptiveMaxPool1d,
    2: nn.AdaptiveMaxPool2d,
    3: nn.AdaptiveMaxPool3d,
}
_ADAPTIVE_AVG_POOL: _ByAxes = {
    1: nn.AdaptiveAvgPool1d,
    2: nn.AdaptiveAvgPool2d,
    3: nn.AdaptiveAvgPool3d,
}
_BATCH_NORM: _ByAxes = {
    0: nn.BatchNorm1d,
    1: nn.BatchNorm1d,
    2: nn.BatchNorm2d,
    3: nn.BatchNorm3d,
}

UNFILLED = "meta"
"""The device of tensors without memory: weights are given, so PyTorch draws none of its own."""


# Padding


def _is_symmetric(axes: tuple[Axis, ...]) -> bool:
    return all(axis.before == axis.after for axis in axes)


def _pad(emit: Emitter, sides: list[tuple[int, int]], mode: str, value: float = 0.0) -> fx.Node:
    """The layer's input with rows before and after each spatial axis; `mode` in F.pad's words."""
    # F.pad lists the sides from the last axis to the first.
    rows = tuple(count for side in reversed(sides) for count in side)
    options = {"value": value} if mode == "constant" else {}
    return emit.call(F.pad, emit.x, rows, part="pad", mode=mode, **options)


def _pad_whole_windows(emit: Emitter, axes: tuple[Axis, ...], value: float) -> fx.Node:
    """The layer's input with every row that a window reads, overhang included."""
    sides = [(axis.before, axis.after + axis.overhang) for axis in axes]
    return _pad(emit, sides, "constant", value)


# Convolution


def conv(layer: Conv, emit: Emitter) -> fx.Node:
    axes = layer.axes(emit.shape)
    x, padding = _conv_padding(emit, axes, layer.padding_mode)
    module = _CONV[len(axes)](
        emit.shape[0],
        layer.out_channels,
        tuple(axis.kernel for axis in axes),
        tuple(axis.stride for axis in axes),
        padding,
        tuple(axis.dilation for axis in axes),
        layer.groups,
        layer.bias,
        device=UNFILLED,
    )
    return emit.module(module, x)


def filter_(layer: Filter, emit: Emitter) -> fx.Node:
    axes, channels = layer.axes(emit.shape), emit.shape[0]
    x, padding = _conv_padding(emit, axes, layer.padding_mode)
    module = _CONV[len(axes)](
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
    emit: Emitter, axes: tuple[Axis, ...], mode: PaddingMode
) -> tuple[fx.Node, tuple[int, ...]]:
    """What a convolution is called on, and the zeros that it adds on each side itself."""
    if mode == "zeros" and _is_symmetric(axes):
        return emit.x, tuple(axis.before for axis in axes)
    none = (0,) * len(axes)
    sides = [(axis.before, axis.after) for axis in axes]
    if not any(map(any, sides)):
        return emit.x, none
    return _pad(emit, sides, "constant" if mode == "zeros" else mode), none


# Pooling


def _is_native_pool(axes: tuple[Axis, ...]) -> bool:
    """Whether PyTorch's pools pad so themselves: alike on both sides, by half a kernel at most."""
    return _is_symmetric(axes) and all(2 * axis.before <= axis.kernel for axis in axes)


def max_pool(layer: MaxPool, emit: Emitter) -> fx.Node:
    axes = layer.axes(emit.shape)
    native = _is_native_pool(axes)
    module = _MAX_POOL[len(axes)](
        tuple(axis.kernel for axis in axes),
        tuple(axis.stride for axis in axes),
        tuple(axis.before if native else 0 for axis in axes),
        tuple(axis.dilation for axis in axes),
        # Axes without an overhang come out alike in either mode.
        ceil_mode=native and any(axis.overhang for axis in axes),
    )
    return emit.module(module, emit.x if native else _pad_whole_windows(emit, axes, -np.inf))


def avg_pool(layer: AvgPool, emit: Emitter) -> fx.Node:
    axes = layer.axes(emit.shape)
    window = tuple(axis.kernel for axis in axes), tuple(axis.stride for axis in axes)
    pool = _AVG_POOL[len(axes)]
    # Over three axes PyTorch wants the kernel within the input, before any padding.
    fits = len(axes) < 3 or all(axis.kernel <= axis.size for axis in axes)
    if fits and _is_native_pool(axes):
        module = pool(
            *window,
            tuple(axis.before for axis in axes),
            ceil_mode=any(axis.overhang for axis in axes),
            count_include_pad=layer.count_include_pad,
        )
        return emit.module(module)
    # Padded by hand, each mean is over a whole window; what does not count is scaled away.
    module, x = pool(*window), _pad_whole_windows(emit, axes, 0.0)
    scale = _scale(axes, layer.count_include_pad)
    if np.all(scale == 1):
        return emit.module(module, x)
    # The constant lives in the module that is called before it is read: GraphModule, when it is
    # copied, would put one that stands alone in the state dict.
    mean = emit.module(module, x, part="window", constants={"scale": scale})
    return emit.call(operator.mul, mean, emit.attribute(f"{mean.target}.scale", part="scale"))


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


# Fully connected


def fully_connected(layer: FullyConnected, emit: Emitter) -> fx.Node:
    (features,) = emit.shape
    return emit.module(nn.Linear(features, layer.out_features, layer.bias, device=UNFILLED))


# Normalisation


def batch_norm(layer: BatchNorm, emit: Emitter) -> fx.Node:
    channels, *sizes = emit.shape
    module = _BATCH_NORM[len(sizes)](
        channels, layer.eps, layer.momentum, layer.affine, device=UNFILLED
    )
    # The batches seen in training: PyTorch's own count, which weights do not carry.
    module.num_batches_tracked = torch.tensor(0, device="cpu")
    return emit.module(module)


def local_response_norm(layer: LocalResponseNorm, emit: Emitter) -> fx.Node:
    return emit.module(nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k))


# Activations


def relu(layer: Relu, emit: Emitter) -> fx.Node:
    return emit.module(nn.ReLU(inplace=emit.may_overwrite))


def relu6(layer: Relu6, emit: Emitter) -> fx.Node:
    return emit.module(nn.ReLU6(inplace=emit.may_overwrite))


def leaky_relu(layer: LeakyRelu, emit: Emitter) -> fx.Node:
    return emit.module(nn.LeakyReLU(layer.negative_slope))


def sigmoid(layer: Sigmoid, emit: Emitter) -> fx.Node:
    return emit.module(nn.Sigmoid())


def tanh(layer: Tanh, emit: Emitter) -> fx.Node:
    return emit.module(nn.Tanh())


def silu(layer: Silu, emit: Emitter) -> fx.Node:
    return emit.module(nn.SiLU())


def gelu(layer: Gelu, emit: Emitter) -> fx.Node:
    return emit.module(nn.GELU(layer.approximate))


def softmax(layer: Softmax, emit: Emitter) -> fx.Node:
    return emit.module(nn.Softmax(dim=1))


def identity(layer: Identity, emit: Emitter) -> fx.Node:
    return emit.module(nn.Identity())


def dropout(layer: Dropout, emit: Emitter) -> fx.Node:
    return emit.module(nn.Dropout(layer.p))


# Merges


def add(layer: Add, emit: Emitter) -> fx.Node:
    # The first value's memory can take the sum, as in a person's `y += shortcut`.
    fits = emit.shapes[0] == emit.node.output.shape
    return _chain(operator.iadd if emit.may_overwrite and fits else operator.add, emit)


def multiply(layer: Multiply, emit: Emitter) -> fx.Node:
    return _chain(operator.mul, emit)


def _chain(function: Callable[[Any, Any], Any], emit: Emitter) -> fx.Node:
    """The function of the first two values, of that and the third, and so on."""
    first, *others = emit.inputs
    if not others:
        # Every layer makes a value of its own, a sum of one value too.
        return emit.call(torch.clone, first)
    *middle, last = others
    for value in middle:
        first = emit.call(function, first, value, part="partial")
    return emit.call(function, first, last)


def concat(layer: Concat, emit: Emitter) -> fx.Node:
    return emit.call(torch.cat, emit.inputs, dim=1)


# Shape


def flatten(layer: Flatten, emit: Emitter) -> fx.Node:
    return emit.module(nn.Flatten())


def subsample(layer: Subsample, emit: Emitter) -> fx.Node:
    every = slice(None)
    index = (every, every, *(slice(None, None, stride) for stride in layer.strides(emit.shape)))
    return emit.call(operator.getitem, emit.x, index)


def pad_channels(layer: PadChannels, emit: Emitter) -> fx.Node:
    channels, *sizes = emit.shape
    rows = (0, 0) * len(sizes) + (0, layer.out_channels - channels)
    return emit.call(F.pad, emit.x, rows)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Conv: conv,
    Filter: filter_,
    FullyConnected: fully_connected,
    MaxPool: max_pool,
    AvgPool: avg_pool,
    GlobalAvgPool: global_avg_pool,
    GlobalMaxPool: global_max_pool,
    AdaptiveAvgPool: adaptive_avg_pool,
    AdaptiveMaxPool: adaptive_max_pool,
    Flatten: flatten,
    Subsample: subsample,
    PadChannels: pad_channels,
    BatchNorm: batch_norm,
    LocalResponseNorm: local_response_norm,
    Relu: relu,
    Relu6: relu6,
    LeakyRelu: leaky_relu,
    Sigmoid: sigmoid,
    Tanh: tanh,
    Silu: silu,
    Gelu: gelu,
    Softmax: softmax,
    Identity: identity,
    Dropout: dropout,
    Add: add,
    Multiply: multiply,
    Concat: concat,
}
"""How every kind becomes PyTorch, by its class."""
