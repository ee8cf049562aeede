"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import reshape
from archspec.backends.onnx.lowerings.positions import (
    along_channels,
    channels_first,
    channels_last,
)
from archspec.layers.base import Layer, product
from archspec.layers.norm import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    L2Normalize,
    LayerNorm,
    LocalResponseNorm,
)


def batch_norm(layer: BatchNorm, emit: Emitter) -> None:
    channels = emit.shape[0]
    if layer.affine:
        scale, shift = emit.tensor("weight"), emit.tensor("bias")
    else:
        scale = emit.constant("scale", np.ones(channels))
        shift = emit.constant("shift", np.zeros(channels))
    statistics = emit.tensor("running_mean"), emit.tensor("running_var")
    emit.result("BatchNormalization", emit.x, scale, shift, *statistics, epsilon=layer.eps)


def layer_norm(layer: LayerNorm, emit: Emitter) -> None:
    channels, *sizes = emit.shape
    if not sizes:
        emit.result(
            "LayerNormalization", emit.x, *_affine(layer, emit, channels), epsilon=layer.eps
        )
    elif layer.over == "channels":
        normal = emit.step(
            "normal",
            "LayerNormalization",
            channels_last(emit),
            *_affine(layer, emit, channels),
            shape=(*sizes, channels),
            epsilon=layer.eps,
        )
        channels_first(emit, normal)
    elif layer.affine:
        affine = emit.tensor("weight"), emit.tensor("bias")
        emit.result("LayerNormalization", emit.x, *affine, axis=1, epsilon=layer.eps)
    else:
        # A scale of ones as large as the input is saved.
        emit.result("Identity", _group_normal(emit, 1, layer.eps))


def _affine(layer: LayerNorm, emit: Emitter, channels: int) -> tuple[str, ...]:
    """The scale, which the operator must have, and the shift."""
    if layer.affine:
        return emit.tensor("weight"), emit.tensor("bias")
    return (emit.constant("scale", np.ones(channels)),)


def group_norm(layer: GroupNorm, emit: Emitter) -> None:
    # ONNX's own came with opset 18, for a scale a group, and means one a channel from 21 on.
    normal = _group_normal(emit, layer.num_groups, layer.eps)
    if not layer.affine:
        emit.result("Identity", normal)
        return
    scale, shift = along_channels(emit, "weight"), along_channels(emit, "bias")
    scaled = emit.step("scaled", "Mul", normal, scale, shape=emit.shape)
    emit.result("Add", scaled, shift)


def _group_normal(emit: Emitter, groups: int, eps: float) -> str:
    """The input less the mean and over the deviation of each group of its channels."""
    channels, *sizes = emit.shape
    plane = (groups, channels // groups * product(tuple(sizes)))
    rows = reshape(emit, "groups", emit.x, plane)
    normal = emit.step(
        "normal_groups",
        "InstanceNormalization",
        rows,
        emit.constant("scale", np.ones(groups)),
        emit.constant("shift", np.zeros(groups)),
        shape=plane,
        epsilon=eps,
    )
    return reshape(emit, "normal", normal, emit.shape)


def instance_norm(layer: InstanceNorm, emit: Emitter) -> None:
    channels = emit.shape[0]
    if layer.affine:
        scale, shift = emit.tensor("weight"), emit.tensor("bias")
    else:
        scale = emit.constant("scale", np.ones(channels))
        shift = emit.constant("shift", np.zeros(channels))
    emit.result("InstanceNormalization", emit.x, scale, shift, epsilon=layer.eps)


def l2_normalize(layer: L2Normalize, emit: Emitter) -> None:
    # LpNormalization knows of no eps, and ReduceL2 takes its axes otherwise from opset 18 on.
    lengths = (1, *emit.shape[1:])
    squares = emit.step("squares", "Mul", emit.x, emit.x, shape=emit.shape)
    axes = emit.constant("axes", [1], np.int64)
    total = emit.step("total", "ReduceSum", squares, axes, shape=lengths, keepdims=1)
    length = emit.step("length", "Sqrt", total, shape=lengths)
    divisor = emit.step("divisor", "Max", length, emit.constant("eps", layer.eps), shape=lengths)
    emit.result("Div", emit.x, divisor)


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
    columns = reshape(emit, "columns", squares, plane)
    means = emit.step(
        "means",
        "AveragePool",
        columns,
        shape=plane,
        kernel_shape=[layer.size, 1],
        pads=[layer.size // 2, 0, (layer.size - 1) // 2, 0],
        count_include_pad=1,
    )
    mean = reshape(emit, "mean", means, emit.shape)
    alpha, k = emit.constant("alpha", layer.alpha), emit.constant("k", layer.k)
    scaled = emit.step("scaled", "Mul", mean, alpha, shape=emit.shape)
    total = emit.step("total", "Add", scaled, k, shape=emit.shape)
    beta = emit.constant("beta", layer.beta)
    divisor = emit.step("divisor", "Pow", total, beta, shape=emit.shape)
    emit.result("Div", emit.x, divisor)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    BatchNorm: batch_norm,
    LayerNorm: layer_norm,
    GroupNorm: group_norm,
    InstanceNorm: instance_norm,
    L2Normalize: l2_normalize,
    LocalResponseNorm: lrn,
}
