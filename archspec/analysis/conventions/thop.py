"""thop's convention: the modules that it has a rule for.

Its table is in thop/profile.py, its rules in thop/vision/basic_hooks.py and calc_func.py. Functions
and operators between modules count nothing, and attention's module has no rule.
"""

from __future__ import annotations

from archspec.analysis.conventions.measures import (
    by_module,
    elements_out,
    interpolated,
    macs,
    normalised,
)
from archspec.analysis.conventions.modules import uncut
from archspec.analysis.conventions.rules import Convention, Part, alike, counts, nothing
from archspec.analysis.conventions.uncounted import UNCOUNTED
from archspec.layers.activation import (
    Elu,
    Gelu,
    LeakyRelu,
    PRelu,
    Relu,
    Relu6,
    Silu,
    Softmax,
)
from archspec.layers.attention import SelfAttention
from archspec.layers.base import Inputs, Layer, Shape, product
from archspec.layers.conv import Conv, Depthwise, Filter
from archspec.layers.linear import FullyConnected
from archspec.layers.norm import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
)
from archspec.layers.pool import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
)
from archspec.layers.resample import Upsample
from archspec.layers.sizes import is_number
from archspec.layers.tokens import PatchEmbedding
from archspec.layers.transpose import ConvTranspose

ZERO = nothing("thop's rule for the module is 0")
NO_RULE = nothing("thop has no rule for the module")


def _transposed(layer: ConvTranspose, inputs: Inputs, output: Shape) -> int:
    """As of a convolution: the kernel at each element of the output, and not of the input."""
    x, *_ = inputs
    weight = layer.parameters(inputs)["weight"].shape
    return uncut(layer, x) * (x[0] // layer.groups) * product(weight[2:])


def _adaptive_avg_pool(layer: Layer, inputs: Inputs, output: Shape) -> int:
    """For each element of the output, the elements that it is the mean of, and a division.

    thop divides sizes in floats, and may lose one by rounding down: as is done here.
    """
    sizes = tuple(zip(inputs[0][1:], output[1:], strict=True))
    if not all(is_number(n) and is_number(m) for n, m in sizes):
        return product(inputs[0]) + product(output)
    kernel = 1.0
    for n, m in sizes:
        kernel *= n / m
    return int((kernel + 1) * product(output))


def _softmax(layer: Softmax, inputs: Inputs, output: Shape) -> int:
    """At each position, over n channels: n exponentials, n - 1 sums and n divisions."""
    channels, *sizes = output
    return (3 * channels - 1) * product(tuple(sizes))


_INTERPOLATED = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 224 + 35}

THOP = Convention(
    "thop",
    "thop.profile",
    {"thop": "0.1.1.post2209072238"},
    {
        **UNCOUNTED,
        **alike(counts((Part.PRODUCTS, macs)), Conv, Depthwise, Filter, FullyConnected),
        PatchEmbedding: counts((Part.PRODUCTS, macs)),
        ConvTranspose: counts((Part.TRANSPOSED, _transposed)),
        BatchNorm: counts((Part.BATCH_NORM, normalised(plain=2, affine=4))),
        **alike(
            counts((Part.OTHER_NORMS, normalised(plain=2, affine=4))),
            *(LayerNorm, InstanceNorm),
        ),
        AvgPool: counts((Part.POOLING, elements_out)),
        **alike(counts((Part.POOLING, _adaptive_avg_pool)), GlobalAvgPool, AdaptiveAvgPool),
        Upsample: counts((Part.UPSAMPLING, by_module(interpolated(_INTERPOLATED)))),
        Softmax: counts((Part.ACTIVATIONS, _softmax)),
        PRelu: counts((Part.ACTIVATIONS, elements_out)),
        **alike(ZERO, MaxPool, GlobalMaxPool, AdaptiveMaxPool, Relu, Relu6, LeakyRelu),
        **alike(NO_RULE, SelfAttention, GroupNorm, LocalResponseNorm, Elu, Silu, Gelu),
    },
)
