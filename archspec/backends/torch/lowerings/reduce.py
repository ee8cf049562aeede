"""Kinds that make one value of many along an axis."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import fx

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.reduce import Mean


def mean(layer: Mean, emit: Emitter) -> fx.Node:
    # The batch is first.
    axes = tuple(1 + axis for axis in layer.over(emit.shape))
    return emit.call(torch.mean, emit.x, axes, layer.keep)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Mean: mean,
}
