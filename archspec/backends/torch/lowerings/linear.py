"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import (
    UNFILLED,
)
from archspec.layers.base import Layer
from archspec.layers.linear import FullyConnected


def fully_connected(layer: FullyConnected, emit: Emitter) -> fx.Node:
    (features,) = emit.shape
    return emit.module(nn.Linear(features, layer.out_features, layer.bias, device=UNFILLED))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    FullyConnected: fully_connected,
}
