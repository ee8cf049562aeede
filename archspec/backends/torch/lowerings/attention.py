"""Attention."""

from __future__ import annotations

import operator
from collections.abc import Mapping

from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import UNFILLED
from archspec.backends.torch.lowerings.positions import channels_first, channels_last
from archspec.layers.attention import SelfAttention
from archspec.layers.base import Layer


def self_attention(layer: SelfAttention, emit: Emitter) -> fx.Node:
    module = nn.MultiheadAttention(
        emit.shape[0],
        layer.num_heads,
        layer.dropout,
        layer.bias,
        batch_first=True,
        device=UNFILLED,
    )
    x = channels_last(emit)
    # It returns the attention's weights as well, which here are None: nobody asks for them. By
    # position, because tools that count the calls of modules take keys and values no other way.
    pair = emit.module(module, x, x, x, step="pair", need_weights=False)
    return channels_first(emit, emit.call(operator.getitem, pair, 0, part="attended"))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    SelfAttention: self_attention,
}
