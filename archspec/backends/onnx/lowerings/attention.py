"""Attention."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.backends.onnx.lowerings.positions import channels_first, channels_last, matrix
from archspec.layers.attention import SelfAttention
from archspec.layers.base import Layer


def self_attention(layer: SelfAttention, emit: Emitter) -> None:
    channels, length = emit.shape
    heads, width = layer.num_heads, channels // layer.num_heads

    # Queries, keys and values, one after another, of every head.
    weight = matrix(emit, "in_proj_weight", "in_matrix")
    wide = (length, 3 * channels)
    joint = emit.step("in_product", "MatMul", channels_last(emit), weight, shape=wide)
    if layer.bias:
        joint = emit.step("in_sum", "Add", joint, emit.tensor("in_proj_bias"), shape=wide)
    # 0 leaves a size as it is.
    divided = emit.constant("divided_shape", (0, 0, 3 * heads, width), np.int64)
    parts = emit.step("divided", "Reshape", joint, divided, shape=(length, 3 * heads, width))
    each = emit.step(
        "by_head", "Transpose", parts, shape=(3 * heads, length, width), perm=[0, 2, 1, 3]
    )
    queries, keys, values = (
        _third(emit, each, index, name, (heads, length, width))
        for index, name in enumerate(("queries", "keys", "values"))
    )

    scale = emit.constant("scale", width**-0.5)
    scaled = emit.step("scaled", "Mul", queries, scale, shape=(heads, length, width))
    turned = emit.step(
        "turned_keys", "Transpose", keys, shape=(heads, width, length), perm=[0, 1, 3, 2]
    )
    square = (heads, length, length)
    scores = emit.step("scores", "MatMul", scaled, turned, shape=square)
    weights = emit.step("weights", "Softmax", scores, shape=square, axis=-1)
    means = emit.step("means", "MatMul", weights, values, shape=(heads, length, width))

    aside = emit.step("aside", "Transpose", means, shape=(length, heads, width), perm=[0, 2, 1, 3])
    joined = emit.constant("joined_shape", (0, 0, channels), np.int64)
    narrow = (length, channels)
    attended = emit.step("joined", "Reshape", aside, joined, shape=narrow)
    weight = matrix(emit, "out_proj.weight", "out_matrix")
    attended = emit.step("out_product", "MatMul", attended, weight, shape=narrow)
    if layer.bias:
        bias = emit.tensor("out_proj.bias")
        attended = emit.step("out_sum", "Add", attended, bias, shape=narrow)
    channels_first(emit, attended)


def _third(emit: Emitter, value: str, index: int, name: str, shape: tuple[int, int, int]) -> str:
    """One of three equal parts of the heads, of this shape."""
    first = emit.constant(f"{name}_start", [index * shape[0]], np.int64)
    end = emit.constant(f"{name}_end", [(index + 1) * shape[0]], np.int64)
    axis = emit.constant(f"{name}_axis", [1], np.int64)
    return emit.step(name, "Slice", value, first, end, axis, shape=shape)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    SelfAttention: self_attention,
}
