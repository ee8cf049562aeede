"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import fx, nn

from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.backends.torch.lowerings.common import (
    UNFILLED,
    ByAxes,
)
from archspec.layers.base import Layer
from archspec.layers.norm import BatchNorm, LocalResponseNorm

_BATCH_NORM: ByAxes = {
    0: nn.BatchNorm1d,
    1: nn.BatchNorm1d,
    2: nn.BatchNorm2d,
    3: nn.BatchNorm3d,
}


def batch_norm(layer: BatchNorm, emit: Emitter) -> fx.Node:
    channels, *sizes = emit.shape
    module = _BATCH_NORM[len(sizes)](
        channels, layer.eps, layer.momentum, layer.affine, device=UNFILLED
    )
    # The batches seen in training: PyTorch's own count, which weights do not carry.
    module.num_batches_tracked = torch.tensor(0, device="cpu")
    return emit.module(module)


def local_response_norm(layer: LocalResponseNorm, emit: Emitter) -> fx.Node:
    return emit.module(nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    BatchNorm: batch_norm,
    LocalResponseNorm: local_response_norm,
}
