"""Kinds that make one value of many along an axis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.reduce import Mean


def mean(layer: Mean, emit: Emitter) -> None:
    over = layer.over(emit.shape)
    if over == tuple(range(1, len(emit.shape))) and len(over) <= 3:
        # Over all spatial axes it is the global pool's, which needs no opset of its own.
        if layer.keep:
            emit.result("GlobalAveragePool", emit.x)
            return
        kept = (emit.shape[0], *(1 for _ in over))
        pooled = emit.step("pooled", "GlobalAveragePool", emit.x, shape=kept)
        emit.result("Flatten", pooled, axis=1)
        return
    # The batch is ONNX's axis 0. Before opset 18 the axes were an attribute.
    axes = emit.constant("axes", [1 + axis for axis in over], np.int64)
    emit.result("ReduceMean", emit.x, axes, since=18, keepdims=int(layer.keep))


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Mean: mean,
}
