"""What the lowerings of several families share: padding, and modules by their axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch.nn.functional as F
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter
from archspec.layers.fields import Side
from archspec.layers.sizes import is_number
from archspec.layers.window import Axis

ByAxes = Mapping[int, Callable[..., nn.Module]]
"""PyTorch has a module for each number of spatial axes."""

CONV: ByAxes = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}

UNFILLED = "meta"
"""The device of tensors without memory: weights are given, so PyTorch draws none of its own."""


def is_symmetric(axes: tuple[Axis, ...]) -> bool:
    """Whether as many rows go before each axis as after it, a number that a module can hold."""
    return all(is_number(axis.before) and axis.before == axis.after for axis in axes)


def pad(
    emit: Emitter,
    sides: Sequence[Side],
    mode: str,
    value: float = 0.0,
    part: str = "pad",
    x: fx.Node | None = None,
) -> fx.Node:
    """A value, the layer's input by default, with rows before and after each spatial axis; `mode`
    in F.pad's words. With no `part` it is the layer's output.
    """
    # F.pad lists the sides from the last axis to the first.
    rows = tuple(count for side in reversed(sides) for count in side)
    options = {"value": value} if mode == "constant" else {}
    return emit.call(F.pad, emit.x if x is None else x, rows, part=part, mode=mode, **options)


def pad_whole_windows(emit: Emitter, axes: tuple[Axis, ...], value: float) -> fx.Node:
    """The layer's input with every row that a window reads, overhang included."""
    sides = [(axis.before, axis.after + axis.overhang) for axis in axes]
    return pad(emit, sides, "constant", value)
