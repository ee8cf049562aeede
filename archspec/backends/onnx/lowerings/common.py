"""What the lowerings of several families share: padding, reshaping, and rows of one operator."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.layers.base import Layer, Shape

Sides = Sequence[tuple[int, int]]
"""Rows before and after, an entry a spatial axis."""


def pads(sides: Sides) -> list[int]:
    """In ONNX's order: what goes before each axis, then what goes after each."""
    return [before for before, _ in sides] + [after for _, after in sides]


def pad(emit: Emitter, sides: Sides, *fill: str, since: int = 17, mode: str = "constant") -> str:
    """The layer's input with rows around it, as a value of its own."""
    channels, *sizes = emit.shape
    padded = (before + size + after for size, (before, after) in zip(sizes, sides, strict=True))
    rows = emit.sizes("pads", pads([(0, 0), (0, 0), *sides]))
    shape = (channels, *padded)
    return emit.step("pad", "Pad", emit.x, rows, *fill, shape=shape, since=since, mode=mode)


def reshape(emit: Emitter, leaf: str, value: str, shape: Shape) -> str:
    # 0 leaves the batch as it is.
    sizes = emit.sizes(f"{leaf}_shape", (0, *shape))
    return emit.step(leaf, "Reshape", value, sizes, shape=shape)


def one(operator: str, **attributes: int) -> Lowering:
    """One operator of the layer's inputs."""

    def lower(layer: Layer, emit: Emitter) -> None:
        emit.result(operator, *emit.inputs, **attributes)

    return lower


def chain(operator: str) -> Lowering:
    """An operator of two values, from the first input on to the last."""

    def lower(layer: Layer, emit: Emitter) -> None:
        total, *others = emit.inputs
        if not others:
            emit.result("Identity", total)
            return
        for count, value in enumerate(others[:-1], start=2):
            shape = layer.output_shape(emit.shapes[:count])
            total = emit.step(f"of{count}", operator, total, value, shape=shape)
        emit.result(operator, total, others[-1])

    return lower
