"""Every kind of layer in ONNX's operators, a short function each; the table is at the end.

Geometry is always written out, as pads: what `auto_pad` and `ceil_mode` mean has changed between
opsets and differs between runtimes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from archspec.backends.onnx.emitter import Emitter
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
from archspec.layers.base import Layer, Shape, product
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

Lowering = Callable[[Any, Emitter], None]
"""Emits a layer, the first argument, of the one class that it is listed for in LOWERINGS."""

Sides = Sequence[tuple[int, int]]
"""Rows before and after, an entry a spatial axis."""


# Convolution


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
        x, sides = _pad(emit, sides, since=since, mode=word), [(0, 0)] * len(axes)
    emit.result(
        "Conv",
        x,
        *kernels,
        kernel_shape=[axis.kernel for axis in axes],
        strides=[axis.stride for axis in axes],
        dilations=[axis.dilation for axis in axes],
        pads=_pads(sides),
        group=groups,
    )


def _pads(sides: Sides) -> list[int]:
    """In ONNX's order: what goes before each axis, then what goes after each."""
    return [before for before, _ in sides] + [after for _, after in sides]


def _pad(emit: Emitter, sides: Sides, *fill: str, since: int = 17, mode: str = "constant") -> str:
    """The layer's input with rows around it, as a value of its own."""
    channels, *sizes = emit.shape
    padded = (before + size + after for size, (before, after) in zip(sizes, sides, strict=True))
    pads = emit.constant("pads", _pads([(0, 0), (0, 0), *sides]), np.int64)
    shape = (channels, *padded)
    return emit.step("pad", "Pad", emit.x, pads, *fill, shape=shape, since=since, mode=mode)


# Pooling


def max_pool(layer: MaxPool, emit: Emitter) -> None:
    axes = layer.axes(emit.shape)
    x, sides = emit.x, [(axis.before, axis.after + axis.overhang) for axis in axes]
    if any(max(side) >= axis.kernel for side, axis in zip(sides, axes, strict=True)):
        # onnxruntime takes pads below the kernel's size alone, dilated or not.
        x, sides = _pad(emit, sides, emit.constant("padding", -np.inf)), [(0, 0)] * len(axes)
    emit.result(
        "MaxPool",
        x,
        kernel_shape=[axis.kernel for axis in axes],
        strides=[axis.stride for axis in axes],
        dilations=[axis.dilation for axis in axes],
        pads=_pads(sides),
    )


def avg_pool(layer: AvgPool, emit: Emitter) -> None:
    axes = layer.axes(emit.shape)
    x, sides = emit.x, [(axis.before, axis.after) for axis in axes]
    hanging = any(axis.overhang for axis in axes)
    if layer.count_include_pad and hanging:
        # Padding counts in the mean and the overhang does not, but ONNX has one rule for both:
        # make the padding rows like any other.
        x, sides = _pad(emit, sides), [(0, 0)] * len(axes)
    overhung = zip(sides, axes, strict=True)
    emit.result(
        "AveragePool",
        x,
        kernel_shape=[axis.kernel for axis in axes],
        strides=[axis.stride for axis in axes],
        pads=_pads([(before, after + axis.overhang) for (before, after), axis in overhung]),
        count_include_pad=int(layer.count_include_pad and not hanging),
    )


def adaptive_avg_pool(layer: AdaptiveAvgPool, emit: Emitter) -> None:
    x, widths = _lay_out_windows(layer, emit, weighted=True)
    emit.result("AveragePool", x, kernel_shape=widths, strides=widths)


def adaptive_max_pool(layer: AdaptiveMaxPool, emit: Emitter) -> None:
    x, widths = _lay_out_windows(layer, emit, weighted=False)
    emit.result("MaxPool", x, kernel_shape=widths, strides=widths)


def _lay_out_windows(
    layer: AdaptiveAvgPool | AdaptiveMaxPool, emit: Emitter, weighted: bool
) -> tuple[str, list[int]]:
    """The input with its adaptive windows one after another, all of the same width along an axis.

    A window that is narrower than the widest repeats its last row, which changes no maximum; where
    `weighted`, rows are scaled so that the mean over the widest is the mean of the window itself.
    Returns the value and the width along each axis.
    """
    x, shape, widths = emit.x, list(emit.shape), []
    for axis, bounds in enumerate(layer.bounds(emit.shapes), start=1):
        sizes = [stop - start for start, stop in bounds]
        width = max(sizes)
        widths.append(width)
        if width * len(bounds) == shape[axis]:
            continue
        rows = [min(start + i, stop - 1) for start, stop in bounds for i in range(width)]
        shape[axis] = len(rows)
        indices = emit.constant(f"rows{axis}", rows, np.int64)
        # The batch is ONNX's axis 0.
        leaf = f"windows{axis}"
        x = emit.step(leaf, "Gather", x, indices, shape=tuple(shape), axis=axis + 1)
        if weighted and min(sizes) < width:
            weights = [share for size in sizes for share in _shares(size, width)]
            column = np.reshape(weights, (-1, *[1] * (len(shape) - axis - 1)))
            scale = emit.constant(f"weights{axis}", column)
            x = emit.step(f"weighted{axis}", "Mul", x, scale, shape=tuple(shape))
    return x, widths


def _shares(size: int, width: int) -> list[float]:
    """What the rows of a window of `size`, its last repeated up to `width`, are multiplied by."""
    repeats = width - size + 1
    return [width / size] * (size - 1) + [width / size / repeats] * repeats


# Linear and normalisation


def fc(layer: FullyConnected, emit: Emitter) -> None:
    bias = [emit.tensor("bias")] if layer.bias else []
    emit.result("Gemm", emit.x, emit.tensor("weight"), *bias, transB=1)


def batch_norm(layer: BatchNorm, emit: Emitter) -> None:
    channels = emit.shape[0]
    if layer.affine:
        scale, shift = emit.tensor("weight"), emit.tensor("bias")
    else:
        scale = emit.constant("scale", np.ones(channels))
        shift = emit.constant("shift", np.zeros(channels))
    statistics = emit.tensor("running_mean"), emit.tensor("running_var")
    emit.result("BatchNormalization", emit.x, scale, shift, *statistics, epsilon=layer.eps)


def lrn(layer: LocalResponseNorm, emit: Emitter) -> None:
    channels, *sizes = emit.shape
    # onnxruntime's own takes neither an alpha nor a beta of 0.
    if layer.size % 2 and len(sizes) == 2 and layer.alpha > 0 and layer.beta > 0:
        emit.result(
            "LRN", emit.x, size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k
        )
        return
    # ONNX has the odd neighbour of an even size after the channel, and onnxruntime takes neither
    # even sizes nor other ranks. So: the mean of the squares as a pool over the channels, then the
    # rest by the formula.
    plane = (1, channels, product(tuple(sizes)))
    squares = emit.step("squares", "Mul", emit.x, emit.x, shape=emit.shape)
    columns = _reshape(emit, "columns", squares, plane)
    means = emit.step(
        "means",
        "AveragePool",
        columns,
        shape=plane,
        kernel_shape=[layer.size, 1],
        pads=[layer.size // 2, 0, (layer.size - 1) // 2, 0],
        count_include_pad=1,
    )
    mean = _reshape(emit, "mean", means, emit.shape)
    alpha, k = emit.constant("alpha", layer.alpha), emit.constant("k", layer.k)
    scaled = emit.step("scaled", "Mul", mean, alpha, shape=emit.shape)
    total = emit.step("total", "Add", scaled, k, shape=emit.shape)
    beta = emit.constant("beta", layer.beta)
    divisor = emit.step("divisor", "Pow", total, beta, shape=emit.shape)
    emit.result("Div", emit.x, divisor)


def _reshape(emit: Emitter, leaf: str, value: str, shape: Shape) -> str:
    # 0 leaves the batch as it is.
    sizes = emit.constant(f"{leaf}_shape", (0, *shape), np.int64)
    return emit.step(leaf, "Reshape", value, sizes, shape=shape)


# Activations


def relu6(layer: Relu6, emit: Emitter) -> None:
    emit.result("Clip", emit.x, emit.constant("min", 0), emit.constant("max", 6))


def leaky_relu(layer: LeakyRelu, emit: Emitter) -> None:
    emit.result("LeakyRelu", emit.x, alpha=layer.negative_slope)


def silu(layer: Silu, emit: Emitter) -> None:
    gate = emit.step("sigmoid", "Sigmoid", emit.x, shape=emit.shape)
    emit.result("Mul", emit.x, gate)


def gelu(layer: Gelu, emit: Emitter) -> None:
    emit.result("Gelu", emit.x, since=20, approximate=layer.approximate)


# Shape and merging


def subsample(layer: Subsample, emit: Emitter) -> None:
    sizes, strides = emit.shape[1:], layer.strides(emit.shape)
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
    emit.result("Pad", emit.x, emit.constant("pads", _pads(sides), np.int64))


def _one(operator: str, **attributes: int) -> Lowering:
    """One operator of the layer's inputs."""

    def lower(layer: Layer, emit: Emitter) -> None:
        emit.result(operator, *emit.inputs, **attributes)

    return lower


def _chain(operator: str) -> Lowering:
    """An operator of two values, from the first input on to the last."""

    def lower(layer: Layer, emit: Emitter) -> None:
        total, *others = emit.inputs
        if not others:
            emit.result("Identity", total)
            return
        for count, value in enumerate(others[:-1], start=2):
            shape = layer.output_shape(emit.shapes[:count])
            total = emit.step(f"of{count}", operator, total, value, shape=shape)
        emit.result(operator, total, others[-1])

    return lower


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Conv: conv,
    Filter: filter_,
    FullyConnected: fc,
    MaxPool: max_pool,
    AvgPool: avg_pool,
    GlobalAvgPool: _one("GlobalAveragePool"),
    GlobalMaxPool: _one("GlobalMaxPool"),
    AdaptiveAvgPool: adaptive_avg_pool,
    AdaptiveMaxPool: adaptive_max_pool,
    Flatten: _one("Flatten", axis=1),
    Subsample: subsample,
    PadChannels: pad_channels,
    BatchNorm: batch_norm,
    LocalResponseNorm: lrn,
    Relu: _one("Relu"),
    Relu6: relu6,
    LeakyRelu: leaky_relu,
    Sigmoid: _one("Sigmoid"),
    Tanh: _one("Tanh"),
    Silu: silu,
    Gelu: gelu,
    Softmax: _one("Softmax", axis=1),
    Identity: _one("Identity"),
    Dropout: _one("Identity"),
    Add: _chain("Add"),
    Multiply: _chain("Mul"),
    Concat: _one("Concat", axis=1),
}
"""The lowering of every kind. A kind without one is an error, never an operation left out."""
