"""Transposed convolution."""

from __future__ import annotations

import operator
from collections.abc import Mapping

from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import UNFILLED, ByAxes
from archspec.layers.base import Layer
from archspec.layers.transpose import ConvTranspose, TransposedAxis

_CONV_TRANSPOSE: ByAxes = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}


def conv_transpose(layer: ConvTranspose, emit: Emitter) -> fx.Node:
    axes = layer.axes(emit.shape)
    arguments = [_arguments(axis) for axis in axes]
    module = _CONV_TRANSPOSE[len(axes)](
        emit.shape[0],
        layer.out_channels,
        tuple(axis.kernel for axis in axes),
        tuple(axis.stride for axis in axes),
        tuple(padding for padding, _ in arguments),
        tuple(output_padding for _, output_padding in arguments),
        layer.groups,
        layer.bias,
        tuple(axis.dilation for axis in axes),
        device=UNFILLED,
    )
    crop = [_crop(axis, *made) for axis, made in zip(axes, arguments, strict=True)]
    if not any(map(any, crop)):
        return emit.module(module)
    every = slice(None)
    # Counted from the end, so that the rows to leave out are the same at any size.
    rows = (slice(before or None, -after if after else None) for before, after in crop)
    return emit.call(operator.getitem, emit.module(module, step="uncut"), (every, every, *rows))


def _arguments(axis: TransposedAxis) -> tuple[int, int]:
    """The module's padding, which is alike on both sides, and its output_padding.

    Less is left out at the end than at the start where output_padding brings it back; what the
    module cannot leave out is cut off its output.
    """
    kept = axis.output_padding + axis.before - axis.after
    if kept < 0:
        return axis.before, 0
    if kept < max(axis.stride, axis.dilation):
        return axis.before, kept
    return axis.after, axis.output_padding


def _crop(axis: TransposedAxis, padding: int, output_padding: int) -> tuple[int, int]:
    """The rows of the module's output that are too many, before and after."""
    before = axis.before - padding
    after = (axis.after - axis.output_padding) - (padding - output_padding)
    return before, after


LOWERINGS: Mapping[type[Layer], Lowering] = {
    ConvTranspose: conv_transpose,
}
