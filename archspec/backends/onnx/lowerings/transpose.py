"""Transposed convolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.common import pad, pads
from archspec.layers.base import Layer
from archspec.layers.transpose import ConvTranspose, TransposedAxis


class _End(NamedTuple):
    """How an axis ends: rows of zeros after the input, rows left out and rows kept after all."""

    zeros: int
    left_out: int
    output_padding: int


def conv_transpose(layer: ConvTranspose, emit: Emitter) -> None:
    axes = layer.axes(emit.shape)
    ends = [_end(axis) for axis in axes]
    zeros = [(0, end.zeros) for end in ends]
    x = pad(emit, zeros) if any(map(any, zeros)) else emit.x
    bias = [emit.tensor("bias")] if layer.bias else []
    emit.result(
        "ConvTranspose",
        x,
        emit.tensor("weight"),
        *bias,
        kernel_shape=[axis.kernel for axis in axes],
        strides=[axis.stride for axis in axes],
        dilations=[axis.dilation for axis in axes],
        pads=pads([(axis.before, end.left_out) for axis, end in zip(axes, ends, strict=True)]),
        output_padding=[end.output_padding for end in ends],
        group=layer.groups,
    )


def _end(axis: TransposedAxis) -> _End:
    if axis.output_padding < axis.stride:
        return _End(0, axis.after, axis.output_padding)
    # onnxruntime keeps fewer rows than a stride. So as many less are left out; and where there are
    # not as many, a row of zeros after the input makes the rows of a stride that hold the bias.
    left_out = axis.after - axis.output_padding
    zeros = max(0, -(left_out // axis.stride))
    return _End(zeros, left_out + zeros * axis.stride, 0)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    ConvTranspose: conv_transpose,
}
