"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.positions import channels_first, channels_last, matrix
from archspec.layers.base import Layer
from archspec.layers.linear import FullyConnected


def fc(layer: FullyConnected, emit: Emitter) -> None:
    sizes = emit.shape[1:]
    if not sizes:
        bias = [emit.tensor("bias")] if layer.bias else []
        emit.result("Gemm", emit.x, emit.tensor("weight"), *bias, transB=1)
        return
    # Gemm takes two axes and no more.
    shape = (*sizes, layer.out_features)
    weight = matrix(emit, "weight", "matrix")
    product = emit.step("product", "MatMul", channels_last(emit), weight, shape=shape)
    if layer.bias:
        product = emit.step("sum", "Add", product, emit.tensor("bias"), shape=shape)
    channels_first(emit, product)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    FullyConnected: fc,
}
