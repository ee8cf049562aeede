"""Every kind of layer in ONNX's operators: a file a family, a short function a kind.

Geometry is always written out, as pads: what `auto_pad` and `ceil_mode` mean has changed between
opsets and differs between runtimes.
"""

from __future__ import annotations

from collections.abc import Mapping

from archspec.backends.onnx.emitter import Lowering
from archspec.backends.onnx.lowerings import (
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
