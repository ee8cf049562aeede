"""Kinds that make one value of several."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.merge import Add, Concat, Maximum, Multiply, Subtract


def add(layer: Add, emit: Emitter) -> fx.Node:
    # The first value's memory can take the sum, as in a person's `y += shortcut`.
    fits = emit.shapes[0] == emit.node.output.shape
    return _chain(operator.iadd if emit.may_overwrite and fits else operator.add, emit)


def subtract(layer: Subtract, emit: Emitter) -> fx.Node:
    return emit.call(operator.sub, *emit.inputs)


def maximum(layer: Maximum, emit: Emitter) -> fx.Node:
    return _chain(torch.maximum, emit)


def multiply(layer: Multiply, emit: Emitter) -> fx.Node:
    return _chain(operator.mul, emit)


def _chain(function: Callable[[Any, Any], Any], emit: Emitter) -> fx.Node:
    """The function of the first two values, of that and the third, and so on."""
    first, *others = emit.inputs
    if not others:
        # Every layer makes a value of its own, a sum of one value too.
        return emit.call(torch.clone, first)
    *middle, last = others
    for value in middle:
        first = emit.call(function, first, value, part="partial")
    return emit.call(function, first, last)


def concat(layer: Concat, emit: Emitter) -> fx.Node:
    return emit.call(torch.cat, emit.inputs, dim=1)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Add: add,
    Subtract: subtract,
    Multiply: multiply,
    Maximum: maximum,
    Concat: concat,
}
