"""Interpolation."""

from __future__ import annotations

import operator
from collections.abc import Mapping

import torch.nn.functional as F
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.resample import Upsample

_LINEAR: Mapping[int, str] = {1: "linear", 2: "bilinear", 3: "trilinear"}


def upsample(layer: Upsample, emit: Emitter) -> fx.Node:
    x, *_ = emit.shapes
    factors, sizes = layer.factors(x), emit.node.output.shape[1:]
    aligned = None if layer.mode == "nearest" else layer.align_corners
    mode = layer.mode if layer.mode in ("nearest", "bicubic") else _LINEAR[len(sizes)]
    if len(emit.inputs) == 1:
        given = tuple(sizes) if factors is None else None
        module = nn.Upsample(given, factors, mode, aligned)
        return emit.module(module)
    value, reference = emit.inputs
    # The reference's size is asked for when there is one, as a person would.
    shape = emit.call(getattr, reference, "shape", part="shape")
    size = emit.call(operator.getitem, shape, slice(2, None), part="size")
    return emit.call(F.interpolate, value, size, mode=mode, align_corners=aligned)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Upsample: upsample,
}
