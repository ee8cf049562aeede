"""torchvision's convention, which is archspec's own: products, and no more.

It is half of what `torch.utils.flop_counter.FlopCounterMode` counts, which is 2 FLOPs a MAC.
"""

from __future__ import annotations

from archspec.analysis.conventions.measures import attended, macs, projections
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
from archspec.layers.tokens import PatchEmbedding
from archspec.layers.transpose import ConvTranspose

NO_PRODUCT = nothing("only products of weights with values count, and of values in attention")

TORCHVISION = Convention(
    "torchvision",
    "half of torch.utils.flop_counter.FlopCounterMode",
    {"torch": "2.13.0"},
    {
        **UNCOUNTED,
        **alike(counts((Part.PRODUCTS, macs)), Conv, Depthwise, Filter, FullyConnected),
        PatchEmbedding: counts((Part.PRODUCTS, macs)),
        ConvTranspose: counts((Part.TRANSPOSED, macs)),
        SelfAttention: counts((Part.PRODUCTS, projections), (Part.ATTENTION, attended)),
        **alike(NO_PRODUCT, MaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool),
        **alike(NO_PRODUCT, AdaptiveAvgPool, AdaptiveMaxPool, Upsample),
        **alike(NO_PRODUCT, BatchNorm, LayerNorm, GroupNorm, InstanceNorm, LocalResponseNorm),
        **alike(NO_PRODUCT, Relu, Relu6, LeakyRelu, PRelu, Elu, Silu, Gelu, Softmax),
    },
    # A kind from outside says itself how many products it has.
    counts((Part.PRODUCTS, macs)),
)
