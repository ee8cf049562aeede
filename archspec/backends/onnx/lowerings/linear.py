"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.linear import FullyConnected


def fc(layer: FullyConnected, emit: Emitter) -> None:
    bias = [emit.tensor("bias")] if layer.bias else []
    emit.result("Gemm", emit.x, emit.tensor("weight"), *bias, transB=1)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    FullyConnected: fc,
}
