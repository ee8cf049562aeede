"""What PyTorch's modules read and make, where they cannot do all that a layer does.

They pad alike on both sides, and pools by half a kernel at most. The rest is done by functions
before and after them, so that a tool that counts modules sees more rows than the layer has.
"""

from __future__ import annotations

from archspec.layers.base import Shape, product
from archspec.layers.pool import AvgPool, MaxPool
from archspec.layers.sizes import is_number
from archspec.layers.transpose import ConvTranspose, TransposedAxis
from archspec.layers.window import Axis


def pooled(layer: MaxPool | AvgPool, x: Shape) -> int:
    """The elements that a pool's module reads: the padded input's, where it was padded before."""
    axes = layer.axes(x)
    if all(_pads_itself(axis) for axis in axes) and _fits(layer, axes):
        return product(x)
    return x[0] * product(tuple([a.size + a.before + a.after + a.overhang for a in axes]))


def _pads_itself(axis: Axis) -> bool:
    known = is_number(axis.before) and is_number(axis.after)
    return known and axis.before == axis.after and 2 * axis.before <= axis.kernel


def _fits(layer: MaxPool | AvgPool, axes: tuple[Axis, ...]) -> bool:
    """Over three axes PyTorch's average wants the kernel within the input, before any padding."""
    if isinstance(layer, MaxPool) or len(axes) < 3:
        return True
    return all(not is_number(axis.size) or axis.kernel <= axis.size for axis in axes)


def uncut(layer: ConvTranspose, x: Shape) -> int:
    """The elements that a transposed convolution's module makes, before rows are cut off."""
    return layer.out_channels * product(tuple(map(_uncut_rows, layer.axes(x))))


def _uncut_rows(axis: TransposedAxis) -> int:
    whole = (axis.size - 1) * axis.stride + axis.extent
    # Less is left out after than before where output_padding brings it back.
    kept = axis.output_padding + axis.before - axis.after
    if kept < 0:
        return whole - 2 * axis.before
    if kept < max(axis.stride, axis.dilation):
        return axis.output
    return whole - 2 * axis.after + axis.output_padding
