"""Pooling: sliding, global, and adaptive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import one, pad, pads
from archspec.layers.base import Layer
from archspec.layers.pool import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
)
from archspec.layers.sizes import are_numbers
from archspec.layers.window import Axis


def max_pool(layer: MaxPool, emit: Emitter) -> None:
    axes = layer.axes(emit.shape)
    x, sides = emit.x, [(axis.before, axis.after + axis.overhang) for axis in axes]
    known = all(map(are_numbers, sides))
    if not known or any(max(side) >= axis.kernel for side, axis in zip(sides, axes, strict=True)):
        # onnxruntime takes pads below the kernel's size alone, dilated or not.
        x, sides = pad(emit, sides, emit.constant("padding", -np.inf)), [(0, 0)] * len(axes)
    emit.result(
        "MaxPool",
        x,
        kernel_shape=[axis.kernel for axis in axes],
        strides=[axis.stride for axis in axes],
        dilations=[axis.dilation for axis in axes],
        pads=pads(sides),
    )


def avg_pool(layer: AvgPool, emit: Emitter) -> None:
    axes = layer.axes(emit.shape)
    x, sides = emit.x, [(axis.before, axis.after) for axis in axes]
    if not all(are_numbers((axis.before, axis.after, axis.overhang)) for axis in axes):
        _average_of_counted(layer, emit, axes)
        return
    hanging = any(axis.overhang for axis in axes)
    if layer.count_include_pad and hanging:
        # Padding counts in the mean and the overhang does not, but ONNX has one rule for both:
        # make the padding rows like any other.
        x, sides = pad(emit, sides), [(0, 0)] * len(axes)
    overhung = zip(sides, axes, strict=True)
    emit.result(
        "AveragePool",
        x,
        kernel_shape=[axis.kernel for axis in axes],
        strides=[axis.stride for axis in axes],
        pads=pads([(before, after + axis.overhang) for (before, after), axis in overhung]),
        count_include_pad=int(layer.count_include_pad and not hanging),
    )


def _average_of_counted(layer: AvgPool, emit: Emitter, axes: tuple[Axis, ...]) -> None:
    """The mean of each window where the rows of padding follow from the input: the mean of all
    rows, padded with zeros, over the share of those that count.
    """
    window: dict[str, Any] = {
        "kernel_shape": [axis.kernel for axis in axes],
        "strides": [axis.stride for axis in axes],
    }
    sides = [(axis.before, axis.after + axis.overhang) for axis in axes]
    means = emit.step(
        "means", "AveragePool", pad(emit, sides), shape=emit.node.output.shape, **window
    )
    # Padding may count, and the overhang does not.
    counted = [(axis.before, axis.after) for axis in axes]
    if not layer.count_include_pad:
        counted = [(0, 0)] * len(axes)
    sizes = [axis.size + sum(side) for axis, side in zip(axes, counted, strict=True)]
    rest = [
        (before - first, after - last)
        for (before, after), (first, last) in zip(sides, counted, strict=True)
    ]
    one, shape = emit.constant("one", 1.0), emit.sizes("counted_shape", (1, 1, *sizes))
    ones = emit.step("counted", "Expand", one, shape, shape=(1, 1, *sizes), batch=False)
    rows = emit.sizes("counted_pads", pads([(0, 0), (0, 0), *rest]))
    padded = (1, 1, *(axis.size + sum(side) for axis, side in zip(axes, sides, strict=True)))
    among = emit.step("counted_of_all", "Pad", ones, rows, shape=padded, batch=False)
    made = (1, 1, *emit.node.output.shape[1:])
    share = emit.step("share", "AveragePool", among, shape=made, batch=False, **window)
    emit.result("Div", means, share)


def adaptive_avg_pool(layer: AdaptiveAvgPool, emit: Emitter) -> None:
    if not are_numbers(emit.shape):
        _reduce_windows(layer, emit, "ReduceMean")
        return
    x, widths = _lay_out_windows(layer, emit, weighted=True)
    emit.result("AveragePool", x, kernel_shape=widths, strides=widths)


def adaptive_max_pool(layer: AdaptiveMaxPool, emit: Emitter) -> None:
    if not are_numbers(emit.shape):
        _reduce_windows(layer, emit, "ReduceMax")
        return
    x, widths = _lay_out_windows(layer, emit, weighted=False)
    emit.result("MaxPool", x, kernel_shape=widths, strides=widths)


MOST_WINDOWS = 256
"""Windows along an axis that are cut out one by one."""


def _reduce_windows(layer: AdaptiveAvgPool | AdaptiveMaxPool, emit: Emitter, operator: str) -> None:
    """Along one axis after another, each window cut out and reduced by itself: where the windows
    lie follows from the input. Raises ValueError where they are too many for that.
    """
    x, shape = emit.x, list(emit.shape)
    for axis, bounds in enumerate(layer.bounds(emit.shapes), start=1):
        if len(bounds) > MOST_WINDOWS:
            raise ValueError(
                f"{emit.node.name}: {len(bounds)} windows along an axis cannot be exported with a "
                "free size; give it a number with --set"
            )
        # The batch is ONNX's axis 0. Before opset 18 a reduction's axes were an attribute.
        along = emit.constant(f"axis{axis}", [axis + 1], np.int64)
        made = []
        for index, (start, stop) in enumerate(bounds):
            leaf = f"window{axis}_{index}"
            ends = emit.sizes(f"{leaf}_start", [start]), emit.sizes(f"{leaf}_stop", [stop])
            shape[axis] = stop - start
            rows = emit.step(leaf, "Slice", x, *ends, along, shape=tuple(shape))
            shape[axis] = 1
            leaf = f"reduced{axis}_{index}"
            made.append(emit.step(leaf, operator, rows, along, shape=tuple(shape), since=18))
        shape[axis] = len(bounds)
        x = emit.step(f"along{axis}", "Concat", *made, shape=tuple(shape), axis=axis + 1)
    emit.result("Identity", x)


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


LOWERINGS: Mapping[type[Layer], Lowering] = {
    MaxPool: max_pool,
    AvgPool: avg_pool,
    GlobalAvgPool: one("GlobalAveragePool"),
    GlobalMaxPool: one("GlobalMaxPool"),
    AdaptiveAvgPool: adaptive_avg_pool,
    AdaptiveMaxPool: adaptive_max_pool,
}
