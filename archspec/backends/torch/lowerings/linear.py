"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import (
    UNFILLED,
)
from archspec.backends.torch.lowerings.positions import at_each_position
from archspec.layers.base import Layer
from archspec.layers.linear import FullyConnected


def fully_connected(layer: FullyConnected, emit: Emitter) -> fx.Node:
    module = nn.Linear(emit.shape[0], layer.out_features, layer.bias, device=UNFILLED)
    return at_each_position(emit, module)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    FullyConnected: fully_connected,
}
