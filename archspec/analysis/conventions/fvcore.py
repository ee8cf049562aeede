"""fvcore's convention: the operators of a trace that it has a handle for, in MACs.

Its table is fvcore/nn/flop_count.py, its handles are in fvcore/nn/jit_handles.py. An operator
without a handle counts nothing, and some handles are for the operator on images alone. Attention's
products of values are in one operator, which has none.
"""

from __future__ import annotations

from archspec.analysis.conventions.measures import (
    elements_in,
    interpolated,
    macs,
    normalised,
    on_images,
    projections,
)
from archspec.analysis.conventions.rules import Convention, Part, Rules, alike, counts, nothing
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

NO_HANDLE = nothing("fvcore has no handle for the operator")

RULES: Rules = {
    **UNCOUNTED,
    **alike(counts((Part.PRODUCTS, macs)), Conv, Depthwise, Filter, FullyConnected),
    PatchEmbedding: counts((Part.PRODUCTS, macs)),
    ConvTranspose: counts((Part.TRANSPOSED, macs)),
    SelfAttention: counts((Part.PRODUCTS, projections)),
    BatchNorm: counts((Part.BATCH_NORM, normalised(plain=1, affine=2))),
    # "5 is just a rough estimate", says the handle.
    **alike(
        counts((Part.OTHER_NORMS, normalised(plain=4, affine=5))),
        *(LayerNorm, GroupNorm, InstanceNorm),
    ),
    **alike(counts((Part.POOLING, on_images(elements_in))), GlobalAvgPool, AdaptiveAvgPool),
    Upsample: counts((Part.UPSAMPLING, on_images(interpolated({"nearest": 1, "bilinear": 4})))),
    **alike(NO_HANDLE, MaxPool, AvgPool, GlobalMaxPool, AdaptiveMaxPool, LocalResponseNorm),
    **alike(NO_HANDLE, Relu, Relu6, LeakyRelu, PRelu, Elu, Silu, Gelu, Softmax),
}

PACKAGES = {"fvcore": "0.1.5.post20221221"}

FVCORE = Convention("fvcore", "fvcore.nn.FlopCountAnalysis", PACKAGES, RULES)
