"""ptflops' convention, that of its default backend: modules, and the functions that they call.

Its tables and rules are in ptflops/pytorch_ops.py; pytorch_engine.py puts counters in the place of
functions such as `torch.nn.functional.relu`, too. A module that calls one of those is counted as a
module and, since version 0.7.1, again as the function: a line of its own here, without which the
figure is that of older versions and of `backend_specific_config={"count_functional": False}`.
"""

from __future__ import annotations

from archspec.analysis.conventions.measures import (
    attended,
    by_module,
    elements_in,
    elements_out,
    macs,
    normalised,
    projections,
)
from archspec.analysis.conventions.modules import pooled, uncut
from archspec.analysis.conventions.rules import (
    Convention,
    Count,
    Part,
    Rule,
    alike,
    counts,
)
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
from archspec.layers.base import Inputs, Shape, product
from archspec.layers.conv import Conv, Convolution, Depthwise, Filter
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


def _twice(part: Part, count: Count) -> Rule:
    """Counted as a module, and again as the function that it calls."""
    return counts((part, count), (Part.COUNTED_AGAIN, count))


def _biases(
    layer: Convolution | FullyConnected | PatchEmbedding, inputs: Inputs, output: Shape
) -> int:
    """One for each element that a bias is added to."""
    return product(output) if layer.bias else 0


def _transposed_biases(layer: ConvTranspose, inputs: Inputs, output: Shape) -> int:
    return uncut(layer, inputs[0]) if layer.bias else 0


def _attention(layer: SelfAttention, inputs: Inputs, output: Shape) -> int:
    """Besides the products, one for each query that is scaled and each weight of the softmax."""
    length = output[1]
    return attended(layer, inputs, output) + product(output) + layer.num_heads * length * length


def _attention_biases(layer: SelfAttention, inputs: Inputs, output: Shape) -> int:
    """The bias of the output "is always enabled", says the rule, and those of the input if so."""
    return (4 if layer.bias else 1) * product(output)


def _pool(layer: MaxPool | AvgPool, inputs: Inputs, output: Shape) -> int:
    return pooled(layer, inputs[0])


def _interpolate(layer: Upsample, inputs: Inputs, output: Shape) -> int:
    """The rule for the function rounds every factor down."""
    factors = layer.factors(inputs[0])
    if factors is None:
        return product(output)
    return product(inputs[0]) * product(tuple(map(int, factors)))


def _local_response_norm(layer: LocalResponseNorm, inputs: Inputs, output: Shape) -> int:
    """PyTorch computes it by functions that have rules: a square, a mean over the channels, which
    are padded by size - 1 of them, a product and a sum.
    """
    channels, *sizes = output
    return 3 * product(output) + (channels + layer.size - 1) * product(tuple(sizes))


PTFLOPS = Convention(
    "ptflops",
    "ptflops.get_model_complexity_info, by its default backend",
    {"ptflops": "0.7.5"},
    {
        **UNCOUNTED,
        **alike(
            counts((Part.PRODUCTS, macs), (Part.BIASES, _biases)),
            *(Conv, Depthwise, FullyConnected, PatchEmbedding),
        ),
        Filter: counts((Part.PRODUCTS, macs)),
        ConvTranspose: counts((Part.TRANSPOSED, macs), (Part.BIASES, _transposed_biases)),
        SelfAttention: counts(
            (Part.PRODUCTS, projections),
            (Part.ATTENTION, _attention),
            (Part.BIASES, _attention_biases),
        ),
        BatchNorm: counts((Part.BATCH_NORM, normalised(plain=1, affine=2))),
        **alike(counts((Part.OTHER_NORMS, normalised(plain=1, affine=2))), GroupNorm, InstanceNorm),
        # The rule asks for `affine`, which in PyTorch's LayerNorm is `elementwise_affine`.
        LayerNorm: counts((Part.OTHER_NORMS, elements_out)),
        LocalResponseNorm: counts((Part.OTHER_NORMS, _local_response_norm)),
        **alike(_twice(Part.POOLING, _pool), MaxPool, AvgPool),
        **alike(_twice(Part.POOLING, elements_in), GlobalAvgPool, GlobalMaxPool),
        **alike(_twice(Part.POOLING, elements_in), AdaptiveAvgPool, AdaptiveMaxPool),
        Upsample: counts(
            (Part.UPSAMPLING, elements_out), (Part.COUNTED_AGAIN, by_module(_interpolate))
        ),
        **alike(_twice(Part.ACTIVATIONS, elements_out), Relu, PRelu, Elu, Gelu),
        # Modules that have a rule and call no function that has one; and the other way round.
        **alike(counts((Part.ACTIVATIONS, elements_out)), Relu6, LeakyRelu),
        **alike(counts((Part.ACTIVATIONS, elements_out)), Silu, Softmax),
    },
)
