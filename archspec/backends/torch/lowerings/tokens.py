"""Kinds for sequences of tokens."""

from __future__ import annotations

import operator
from collections.abc import Mapping

import torch
from torch import fx

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import CONV, UNFILLED
from archspec.layers.base import Layer
from archspec.layers.tokens import ClassToken, PatchEmbedding, PositionEmbedding


def patch_embedding(layer: PatchEmbedding, emit: Emitter) -> fx.Node:
    channels, *sizes = emit.shape
    patches = layer.patches(emit.shape)
    module = CONV[len(sizes)](
        channels, layer.out_channels, patches, patches, bias=layer.bias, device=UNFILLED
    )
    if len(sizes) == 1:
        return emit.module(module)
    return emit.call(torch.flatten, emit.module(module, step="grid"), 2)


def class_token(layer: ClassToken, emit: Emitter) -> fx.Node:
    token = emit.call(torch.transpose, emit.parameter(""), 1, 2, part="column")
    every = slice(None)
    one = emit.call(operator.getitem, emit.x, (every, every, slice(0, 1)), part="one")
    # One for each sample, however many there are.
    pair = emit.call(torch.broadcast_tensors, token, one, part="alike")
    first = emit.call(operator.getitem, pair, 0, part="first")
    return emit.call(torch.cat, (first, emit.x), dim=2)


def position_embedding(layer: PositionEmbedding, emit: Emitter) -> fx.Node:
    positions = emit.call(torch.transpose, emit.parameter(""), 1, 2, part="positions")
    return emit.call(operator.add, emit.x, positions)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    PatchEmbedding: patch_embedding,
    ClassToken: class_token,
    PositionEmbedding: position_embedding,
}
