"""Interpolation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from archspec.backends.onnx.emitter import Emitter, Lowering
from archspec.layers.base import Layer
from archspec.layers.resample import Upsample
from archspec.layers.sizes import are_numbers, is_number

_AXES_SINCE = 18
"""The opset whose Resize can leave the batch alone when it is given sizes."""

_PLACE = "coordinate_transformation_mode"

_LONG = 4096
"""Rows of an axis whose size is not known, for all that it matters to their numbers."""


def upsample(layer: Upsample, emit: Emitter) -> None:
    x, made = emit.shapes[0][1:], emit.node.output.shape[1:]
    factors, known = layer.factors(emit.shapes[0]), are_numbers((*x, *made))
    if factors is None and known and all(m % n == 0 for n, m in zip(x, made, strict=True)):
        factors = tuple([m / n for n, m in zip(x, made, strict=True)])
    nearest = layer.mode == "nearest"
    if factors is not None and not (nearest and any(map(_is_rounded, x, factors))):
        scales = emit.constant("scales", [1, 1, *factors])
        emit.result("Resize", emit.inputs[0], "", scales, **_how(layer))
    elif not nearest:
        sizes, axes = emit.sizes("sizes", made), range(2, 2 + len(made))
        how = {"axes": axes, **_how(layer)}
        emit.result("Resize", emit.inputs[0], "", "", sizes, since=_AXES_SINCE, **how)
    elif factors is None and not known:
        _gather(emit, [_rows_at_run_time(emit, axis) for axis in range(1, 1 + len(made))])
    else:
        ratios = factors or [m / n for n, m in zip(x, made, strict=True)]
        rows = [_rows(*along) for along in zip(x, made, ratios, strict=True)]
        _gather(emit, [emit.constant(f"rows{i}", row, np.int64) for i, row in enumerate(rows, 1)])


def _how(layer: Upsample) -> dict[str, Any]:
    """Resize's attributes."""
    if layer.mode == "nearest":
        # Row i of the output lies at i / f, and takes the row at or before that.
        return {"mode": "nearest", _PLACE: "asymmetric", "nearest_mode": "floor"}
    place = "align_corners" if layer.align_corners else "half_pixel"
    if layer.mode == "bicubic":
        return {"mode": "cubic", _PLACE: place, "cubic_coeff_a": -0.75}
    return {"mode": "linear", _PLACE: place}


def _rows(n: int, m: int, factor: float) -> NDArray[np.int64]:
    """The row of n that each of m is a copy of, as PyTorch has it: the floor of a product in
    float32, with the rounding that this brings (ATen/native/UpSample.h, nearest_idx).
    """
    places: NDArray[np.float32] = np.arange(m).astype(np.float32) * np.float32(1 / factor)
    return np.minimum(np.floor(places).astype(np.int64), n - 1)


def _is_rounded(n: int, factor: float) -> bool:
    """Whether PyTorch's rounding changes a row; onnxruntime's own is right for such factors."""
    over, under = float(factor).as_integer_ratio()
    n = n if is_number(n) else _LONG
    m = n * over // under
    return not np.array_equal(_rows(n, m, factor), np.arange(m) * under // over)


def _rows_at_run_time(emit: Emitter, axis: int) -> str:
    """What `_rows` says along an axis, worked out by the model itself."""
    taken, made = emit.shapes[0][axis], emit.node.output.shape[axis]

    def step(leaf: str, operator: str, *inputs: str, dtype: str, size: int, **options: Any) -> str:
        how = {"shape": (size,), "batch": False, **options}
        return emit.step(f"{leaf}{axis}", operator, *inputs, dtype=dtype, **how)

    def real(leaf: str, value: str, size: int) -> str:
        return step(leaf, "Cast", value, dtype="float32", size=size, to=TensorProto.FLOAT)

    n, m = emit.sizes(f"n{axis}", [taken]), emit.sizes(f"m{axis}", [made])
    scale = step(
        "scale", "Div", real("real_n", n, 1), real("real_m", m, 1), dtype="float32", size=1
    )
    first, one = (emit.constant(f"{i}_{axis}", i, np.int64) for i in (0, 1))
    stop = emit.step(f"stop{axis}", "Squeeze", m, shape=(), dtype="int64", batch=False)
    numbers = real(
        "numbers", step("range", "Range", first, stop, one, dtype="int64", size=made), made
    )
    places = step("places", "Mul", numbers, scale, dtype="float32", size=made)
    floors = step("floors", "Floor", places, dtype="float32", size=made)
    rows = step("rows", "Cast", floors, dtype="int64", size=made, to=TensorProto.INT64)
    last = step("last", "Sub", n, one, dtype="int64", size=1)
    return step("within", "Min", rows, last, dtype="int64", size=made)


def _gather(emit: Emitter, rows: Sequence[str]) -> None:
    """Rows by their numbers, along one axis after another."""
    x, shape = emit.inputs[0], list(emit.shapes[0])
    *others, last = enumerate(rows, start=1)
    for axis, numbers in others:
        shape[axis] = emit.node.output.shape[axis]
        x = emit.step(f"along{axis}", "Gather", x, numbers, shape=tuple(shape), axis=axis + 1)
    axis, numbers = last
    emit.result("Gather", x, numbers, axis=axis + 1)


LOWERINGS: Mapping[type[Layer], Lowering] = {
    Upsample: upsample,
}
