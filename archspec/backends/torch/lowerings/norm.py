"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import (
    UNFILLED,
    ByAxes,
)
from archspec.backends.torch.lowerings.positions import at_each_position
from archspec.layers.base import Layer
from archspec.layers.norm import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    L2Normalize,
    LayerNorm,
    LocalResponseNorm,
)
from archspec.layers.sizes import are_numbers

_BATCH_NORM: ByAxes = {
    0: nn.BatchNorm1d,
    1: nn.BatchNorm1d,
    2: nn.BatchNorm2d,
    3: nn.BatchNorm3d,
}
_INSTANCE_NORM: ByAxes = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}


def batch_norm(layer: BatchNorm, emit: Emitter) -> fx.Node:
    channels, *sizes = emit.shape
    module = _BATCH_NORM[len(sizes)](
        channels, layer.eps, layer.momentum, layer.affine, device=UNFILLED
    )
    # The batches seen in training: PyTorch's own count, which weights do not carry.
    module.num_batches_tracked = torch.tensor(0, device="cpu")
    return emit.module(module)


def layer_norm(layer: LayerNorm, emit: Emitter) -> fx.Node:
    shape = list(layer.normalized_shape(emit.shape))
    if not are_numbers(tuple(shape)):
        return emit.call(F.layer_norm, emit.x, tuple(shape), eps=layer.eps)
    module = nn.LayerNorm(shape, layer.eps, layer.affine, device=UNFILLED)
    # PyTorch's normalises the last axes: all of them, or the channels once these are the last.
    return emit.module(module) if layer.over == "all" else at_each_position(emit, module)


def group_norm(layer: GroupNorm, emit: Emitter) -> fx.Node:
    channels = emit.shape[0]
    return emit.module(
        nn.GroupNorm(layer.num_groups, channels, layer.eps, layer.affine, device=UNFILLED)
    )


def instance_norm(layer: InstanceNorm, emit: Emitter) -> fx.Node:
    channels, *sizes = emit.shape
    return emit.module(
        _INSTANCE_NORM[len(sizes)](channels, layer.eps, affine=layer.affine, device=UNFILLED)
    )


def l2_normalize(layer: L2Normalize, emit: Emitter) -> fx.Node:
    return emit.call(F.normalize, emit.x, dim=1, eps=layer.eps)


def local_response_norm(layer: LocalResponseNorm, emit: Emitter) -> fx.Node:
    # PyTorch's takes a view of its input, which can be had of nothing that is permuted in memory.
    x = emit.call(torch.Tensor.contiguous, emit.x, part="contiguous")
    return emit.module(nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k), x)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    BatchNorm: batch_norm,
    LayerNorm: layer_norm,
    GroupNorm: group_norm,
    InstanceNorm: instance_norm,
    L2Normalize: l2_normalize,
    LocalResponseNorm: local_response_norm,
}
