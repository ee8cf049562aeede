"""Kinds for sequences of tokens."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.tokens import ClassToken, PatchEmbedding, PositionEmbedding


def patch_embedding(layer: PatchEmbedding, emit: Emitter) -> None:
    patches, grid = layer.patches(emit.shape), layer.grid(emit.shape)
    bias = [emit.tensor("bias")] if layer.bias else []
    inputs = emit.x, emit.tensor("weight"), *bias
    if len(grid) == 1:
        emit.result("Conv", *inputs, kernel_shape=patches, strides=patches)
        return
    embedded = emit.step(
        "grid",
        "Conv",
        *inputs,
        shape=(layer.out_channels, *grid),
        kernel_shape=patches,
        strides=patches,
    )
    # 0 leaves a size as it is, and -1 takes what is left.
    emit.result("Reshape", embedded, emit.constant("sizes", (0, 0, -1), np.int64))


def class_token(layer: ClassToken, emit: Emitter) -> None:
    channels = emit.shape[0]
    column = emit.step(
        "column",
        "Transpose",
        emit.tensor(""),
        shape=(1, channels, 1),
        batch=False,
        perm=[0, 2, 1],
    )
    # One for each sample, however many there are.
    samples = emit.step(
        "samples", "Shape", emit.x, shape=(1,), dtype="int64", batch=False, start=0, end=1
    )
    ones = emit.constant("ones", (1, 1), np.int64)
    times = emit.step(
        "times", "Concat", samples, ones, shape=(3,), dtype="int64", batch=False, axis=0
    )
    first = emit.step("first", "Expand", column, times, shape=(channels, 1))
    emit.result("Concat", first, emit.x, axis=2)


def position_embedding(layer: PositionEmbedding, emit: Emitter) -> None:
    positions = emit.step(
        "positions",
        "Transpose",
        emit.tensor(""),
        shape=(1, *emit.shape),
        batch=False,
        perm=[0, 2, 1],
    )
    emit.result("Add", emit.x, positions)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    PatchEmbedding: patch_embedding,
    ClassToken: class_token,
    PositionEmbedding: position_embedding,
}
