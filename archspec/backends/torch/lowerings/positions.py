"""Modules that PyTorch has for values with their channels last, N x L x C.

Values of the graph have them first; to transpose one is a view, and copies nothing.
"""

from __future__ import annotations

import torch
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter


def channels_last(emit: Emitter) -> fx.Node:
    """The layer's input with its channels as the last axis."""
    return emit.call(torch.movedim, emit.x, 1, -1, part="channels_last")


def channels_first(emit: Emitter, value: fx.Node) -> fx.Node:
    """The layer's output, of a value with the channels as its last axis."""
    return emit.call(torch.movedim, value, -1, 1)


def at_each_position(emit: Emitter, module: nn.Module) -> fx.Node:
    """A call of a module that works on the last axis, on the channels of each position."""
    if len(emit.shape) == 1:
        return emit.module(module)
    return channels_first(emit, emit.module(module, channels_last(emit), step="made"))
