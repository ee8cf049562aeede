"""The kinds of which every convention counts nothing, and why."""

from __future__ import annotations

from archspec.analysis.conventions.rules import Rules, alike, nothing
from archspec.layers.activation import (
    Dropout,
    DropPath,
    HardSigmoid,
    HardSwish,
    Identity,
    LogSoftmax,
    Mish,
    Sigmoid,
    Softplus,
    Tanh,
)
from archspec.layers.arithmetic import Abs, Clamp, LayerScale, Power, Scale, Shift
from archspec.layers.merge import Add, Concat, Maximum, Multiply, Subtract
from archspec.layers.norm import L2Normalize
from archspec.layers.part import Select, Slice, Split
from archspec.layers.rearrange import (
    ChannelShuffle,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
)
from archspec.layers.reduce import Mean
from archspec.layers.shape import Flatten, Pad, PadChannels, Subsample
from archspec.layers.tokens import ClassToken, PositionEmbedding

MOVES = nothing("it moves values and computes none")
NOT_AT_INFERENCE = nothing("at inference it does nothing")
UNKNOWN_ACTIVATION = nothing("no tool has a rule for this activation")
OPERATOR = nothing("an operator and no module, and none that a tool has a rule for")

UNCOUNTED: Rules = {
    **alike(MOVES, Flatten, Reshape, Permute, PixelShuffle, PixelUnshuffle, ChannelShuffle),
    **alike(MOVES, Slice, Split, Select, Subsample, Pad, PadChannels, Concat, ClassToken),
    **alike(NOT_AT_INFERENCE, Identity, Dropout, DropPath),
    **alike(UNKNOWN_ACTIVATION, Sigmoid, HardSigmoid, Tanh, HardSwish, Mish, Softplus, LogSoftmax),
    **alike(OPERATOR, Add, Subtract, Multiply, Maximum, Mean, L2Normalize),
    **alike(OPERATOR, Scale, Shift, Power, Clamp, Abs, LayerScale, PositionEmbedding),
}
