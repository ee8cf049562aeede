"""Every kind of layer in PyTorch's modules and functions: a file a family, a short function a kind.

A kind that PyTorch has a module for becomes that module; merges and slices are calls.
"""

from __future__ import annotations

from collections.abc import Mapping

from archspec.backends.torch.emitter import Lowering
from archspec.backends.torch.lowerings import (
    activation,
    arithmetic,
    attention,
    conv,
    linear,
    merge,
    norm,
    part,
    pool,
    rearrange,
    reduce,
    resample,
    shape,
    tokens,
    transpose,
)
from archspec.layers.base import Layer

LOWERINGS: Mapping[type[Layer], Lowering] = {
    **conv.LOWERINGS,
    **transpose.LOWERINGS,
    **pool.LOWERINGS,
    **linear.LOWERINGS,
    **norm.LOWERINGS,
    **activation.LOWERINGS,
    **merge.LOWERINGS,
    **shape.LOWERINGS,
    **rearrange.LOWERINGS,
    **part.LOWERINGS,
    **reduce.LOWERINGS,
    **resample.LOWERINGS,
    **arithmetic.LOWERINGS,
    **tokens.LOWERINGS,
    **attention.LOWERINGS,
}
"""The lowering of every kind. A kind without one is an error, never an operation left out."""
