"""Kinds that make one value of several."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.backends.onnx.emitter import Lowering
from archspec.backends.onnx.lowerings.common import chain, one
from archspec.layers.base import Layer
from archspec.layers.merge import Add, Concat, Maximum, Multiply, Subtract

LOWERINGS: Mapping[type[Layer], Lowering] = {
    Add: chain("Add"),
    Subtract: one("Sub"),
    Multiply: chain("Mul"),
    Maximum: one("Max"),
    Concat: one("Concat", axis=1),
}
