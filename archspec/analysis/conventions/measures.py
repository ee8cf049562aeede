"""The counts that several tools share, each a function of the layer and its shapes."""

from __future__ import annotations

from archspec.analysis.conventions.rules import Count
from archspec.layers.attention import SelfAttention
from archspec.layers.base import Inputs, Layer, Shape, product
from archspec.layers.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from archspec.layers.resample import Upsample


def macs(layer: Layer, inputs: Inputs, output: Shape) -> int:
    """The layer's own: products of weights with values."""
    return layer.macs(inputs, output)


def projections(layer: SelfAttention, inputs: Inputs, output: Shape) -> int:
    """Attention's products of weights with values: of queries, keys, values and the output."""
    channels, length = output
    return 4 * length * channels * channels


def attended(layer: SelfAttention, inputs: Inputs, output: Shape) -> int:
    """Attention's products of values with values: of queries with keys, and of what they weigh."""
    return layer.macs(inputs, output) - projections(layer, inputs, output)


def elements_in(layer: Layer, inputs: Inputs, output: Shape) -> int:
    """One for each element of the input."""
    return product(inputs[0])


def elements_out(layer: Layer, inputs: Inputs, output: Shape) -> int:
    """One for each element of the output."""
    return product(output)


def on_images(count: Count) -> Count:
    """That count with two spatial axes; nothing with another number of them."""

    def counted(layer: Layer, inputs: Inputs, output: Shape) -> int:
        return count(layer, inputs, output) if len(output) == 3 else 0

    return counted


def normalised(plain: int, affine: int) -> Count:
    """So many for each element: `affine` with a weight and a bias, else `plain`."""

    def counted(
        layer: BatchNorm | LayerNorm | GroupNorm | InstanceNorm, inputs: Inputs, output: Shape
    ) -> int:
        return (affine if layer.affine else plain) * product(output)

    return counted


def interpolated(factors: dict[str, int]) -> Count:
    """So many for each element of the output, by PyTorch's word for the mode; other modes none."""

    def counted(layer: Upsample, inputs: Inputs, output: Shape) -> int:
        mode = layer.mode
        if mode not in ("nearest", "bicubic"):
            mode = ("linear", "bilinear", "trilinear")[len(output) - 2]
        return factors.get(mode, 0) * product(output)

    return counted


def by_module(count: Count) -> Count:
    """That count of an upsample that is a module: to the size of another value it is a function."""

    def counted(layer: Upsample, inputs: Inputs, output: Shape) -> int:
        return count(layer, inputs, output) if len(inputs) == 1 else 0

    return counted
