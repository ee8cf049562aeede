"""The vocabulary: every kind of layer, by the word that a spec uses for it."""

from archspec.layers.activation import (
    Dropout,
    Gelu,
    Identity,
    LeakyRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Tanh,
)
from archspec.layers.base import Layer
from archspec.layers.conv import Conv, Filter
from archspec.layers.linear import FullyConnected
from archspec.layers.merge import Add, Concat, Multiply
from archspec.layers.norm import BatchNorm, LocalResponseNorm
from archspec.layers.pool import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
)
from archspec.layers.shape import Flatten, PadChannels, Subsample

_KINDS: tuple[type[Layer], ...] = (
    Conv,
    Filter,
    FullyConnected,
    MaxPool,
    AvgPool,
    GlobalAvgPool,
    GlobalMaxPool,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Flatten,
    Subsample,
    PadChannels,
    BatchNorm,
    LocalResponseNorm,
    Relu,
    Relu6,
    LeakyRelu,
    Sigmoid,
    Tanh,
    Silu,
    Gelu,
    Softmax,
    Identity,
    Dropout,
    Add,
    Multiply,
    Concat,
)

LAYERS: dict[str, type[Layer]] = {kind.kind: kind for kind in _KINDS}
"""Every kind of layer, by its word. A kind is added here, and nowhere else but the backends."""
