"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import reshape
from archspec.layers.base import Layer, product
from archspec.layers.norm import BatchNorm, LocalResponseNorm


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
    LocalResponseNorm: lrn,
}
