"""Kinds that take a part of a value."""

from __future__ import annotations

import operator
from collections.abc import Mapping

from torch import fx

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.part import Select, Slice, Split


def slice_(layer: Slice, emit: Emitter) -> fx.Node:
    return emit.call(operator.getitem, emit.x, (slice(None), slice(layer.start, layer.stop)))


def split(layer: Split, emit: Emitter) -> fx.Node:
    return emit.call(operator.getitem, emit.x, (slice(None), slice(*layer.bounds(emit.shape))))


def select(layer: Select, emit: Emitter) -> fx.Node:
    every = slice(None)
    return emit.call(operator.getitem, emit.x, (every, every, layer.position))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Slice: slice_,
    Split: split,
    Select: select,
}
