"""What the kinds of `tests/kinds_spatial.py` compute, said by others.

`REFERENCE` is in NumPy, from the fields as they are written and the definitions; `EXPECTED` is
PyTorch's own functions, called by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

Array = NDArray[Any]
Fields = Mapping[str, Any]
Weights = Mapping[str, Array]
Tensors = list[torch.Tensor]
Sides = list[tuple[int, int]]


def each(value: Any, axes: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,) * axes


def sides_of(padding: Any, axes: int) -> Sides:
    """Rows before and after each axis, as padding is written that asks nothing of a window."""
    if isinstance(padding, dict):
        return [(math.ceil(p / 2), math.floor(p / 2)) for p in each(padding["total"], axes)]
    written = each(0 if padding == "valid" else padding, axes)
    return [side if isinstance(side, tuple) else (side, side) for side in written]


# In NumPy. An input is of the shape (N, C, ...)


def conv_transpose(fields: Fields, weights: Weights, x: Array) -> Array:
    """Each element of the input lays its channel's kernels down, where it stands times the stride.
    What `padding` leaves out is cut off, and `output_padding` appended.
    """
    kernels = weights["layer.weight"]
    axes, sizes, kernel = x.ndim - 2, x.shape[2:], kernels.shape[2:]
    strides, dilations = (each(fields.get(key, 1), axes) for key in ("stride", "dilation"))
    extra = each(fields.get("output_padding", 0), axes)
    extents = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    groups = fields.get("groups", 1)
    inner, outer = x.shape[1] // groups, kernels.shape[1]
    laid = [(n - 1) * s + e for n, s, e in zip(sizes, strides, extents, strict=True)]
    whole = np.zeros((len(x), groups * outer, *(n + p for n, p in zip(laid, extra, strict=True))))
    for channel, place in product(range(x.shape[1]), product(*map(range, sizes))):
        group = channel // inner
        rows = [
            range(i * s, i * s + e, d)
            for i, s, e, d in zip(place, strides, extents, dilations, strict=True)
        ]
        at = np.ix_(range(len(x)), range(group * outer, (group + 1) * outer), *rows)
        here: tuple[Any, ...] = (slice(None), channel, *place)
        whole[at] += x[here].reshape(-1, *(1,) * (1 + axes)) * kernels[channel]
    padding = fields.get("padding", 0)
    if padding in ("same_upper", "same_lower"):  # As many rows as n times the stride.
        over = [n - i * s for n, i, s in zip(whole.shape[2:], sizes, strides, strict=True)]
        less, more = [n // 2 for n in over], [n - n // 2 for n in over]
        ends = (less, more) if padding == "same_upper" else (more, less)
        sides = list(zip(*ends, strict=True))
    else:
        sides = sides_of(padding, axes)
    rows = [range(b, n - a) for (b, a), n in zip(sides, whole.shape[2:], strict=True)]
    cut = whole[np.ix_(range(len(x)), range(whole.shape[1]), *rows)]
    bias = weights.get("layer.bias", np.zeros(whole.shape[1]))
    result: Array = cut + bias.reshape(-1, *(1,) * axes)
    return result


def pad(fields: Fields, weights: Weights, x: Array) -> Array:
    sides = [(0, 0), (0, 0), *sides_of(fields["padding"], x.ndim - 2)]
    copies: Any = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    mode = copies.get(fields.get("mode"), "constant")
    options = {"constant_values": fields.get("value", 0)} if mode == "constant" else {}
    return np.pad(x, sides, mode=mode, **options)


def keys(distance: float) -> float:
    """Keys's cubic kernel (1981) with a = -0.75."""
    a, t = -0.75, abs(distance)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0


def shares(n: int, m: int, factor: float, fields: Fields) -> Iterator[tuple[int, int, float]]:
    """What each of m rows takes of each of n: its row, theirs, and the share of it."""
    for i in range(m):
        if fields.get("mode", "nearest") == "nearest":
            yield i, min(math.floor(i / factor), n - 1), 1
            continue
        if fields.get("align_corners", False):
            place = i * (n - 1) / (m - 1) if m > 1 else 0.0
        else:
            place = (i + 0.5) / factor - 0.5
        cubic = fields["mode"] == "bicubic"
        first = math.floor(place)
        for row in range(first - 1, first + 3) if cubic else (first, first + 1):
            share = keys(place - row) if cubic else 1 - abs(place - row)
            yield i, min(max(row, 0), n - 1), share


def upsample(fields: Fields, weights: Weights, x: Array, like: Array | None = None) -> Array:
    axes = x.ndim - 2
    if like is not None or "size" in fields:
        sizes = like.shape[2:] if like is not None else each(fields["size"], axes)
        factors = tuple(m / n for n, m in zip(x.shape[2:], sizes, strict=True))
    else:
        factors = each(fields["scale_factor"], axes)
        sizes = tuple(math.floor(n * f) for n, f in zip(x.shape[2:], factors, strict=True))
    for axis, (n, m, factor) in enumerate(zip(x.shape[2:], sizes, factors, strict=True), start=2):
        matrix = np.zeros((m, n))
        for to, of, share in shares(n, m, factor, fields):
            matrix[to, of] += share
        x = np.moveaxis(np.tensordot(x, matrix, (axis, 1)), -1, axis)
    return x


def pixel_shuffle(fields: Fields, weights: Weights, x: Array) -> Array:
    r = fields["upscale_factor"]
    out = np.empty((len(x), x.shape[1] // r**2, x.shape[2] * r, x.shape[3] * r))
    for channel, i, j in product(range(out.shape[1]), range(r), range(r)):
        out[:, channel, i::r, j::r] = x[:, channel * r**2 + i * r + j]
    return out


def pixel_unshuffle(fields: Fields, weights: Weights, x: Array) -> Array:
    r = fields["downscale_factor"]
    parts = [
        x[:, channel, i::r, j::r]
        for channel, i, j in product(range(x.shape[1]), range(r), range(r))
    ]
    return np.stack(parts, 1)


def channel_shuffle(fields: Fields, weights: Weights, x: Array) -> Array:
    groups = np.split(x, fields["groups"], 1)
    return np.concatenate(
        [group[:, i : i + 1] for i in range(groups[0].shape[1]) for group in groups], 1
    )


def split(fields: Fields, weights: Weights, x: Array) -> Array:
    if "parts" in fields:
        return np.split(x, fields["parts"], 1)[fields.get("index", 0)]
    return np.split(x, np.cumsum(fields["sizes"])[:-1], 1)[fields.get("index", 0)]


def with_batch(axis: int) -> int:
    """The axis where the batch is counted, of one that is counted without it."""
    return axis if axis < 0 else 1 + axis


def mean(fields: Fields, weights: Weights, x: Array) -> Array:
    axes = fields.get("axes", tuple(range(1, x.ndim - 1)))
    axes = (axes,) if isinstance(axes, int) else axes
    over = tuple(map(with_batch, axes))
    result: Array = x.mean(over, keepdims=fields.get("keep", False))
    return result


REFERENCE: dict[str, Callable[..., Array]] = {
    "conv_transpose": conv_transpose,
    "pad": pad,
    "upsample": upsample,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
    "slice": lambda fields, weights, x: x[:, fields.get("start", 0) : fields.get("stop")],
    "split": split,
    "select": lambda fields, weights, x: x[..., fields["position"]],
    "flatten": lambda fields, weights, x: x.reshape(
        *x.shape[: with_batch(fields.get("start", 0))], -1
    ),
    "reshape": lambda fields, weights, x: x.reshape(len(x), *fields["shape"]),
    "permute": lambda fields, weights, x: x.transpose(0, *map(with_batch, fields["order"])),
    "mean": mean,
    "subtract": lambda fields, weights, one, other: one - other,
    "maximum": lambda fields, weights, *values: reduce(np.maximum, values),
}


# PyTorch's own


def _conv_transpose(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    axes = layer.axes(tuple(x.shape[1:]))
    bias = weights[1] if layer.bias else None
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[len(axes) - 1]
    strides, dilations = [axis.stride for axis in axes], [axis.dilation for axis in axes]
    extra = [axis.output_padding for axis in axes]
    whole = function(x, weights[0], bias, strides, 0, extra, layer.groups, dilations)
    for dimension, axis in enumerate(axes, start=2):
        whole = whole.narrow(dimension, axis.before, axis.output)
    return whole


def _pad(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    rows = [n for side in reversed(layer.sides(tuple(x.shape[1:]))) for n in side]
    value = {"value": layer.value} if layer.mode == "constant" else {}
    return F.pad(x, rows, layer.mode, **value)


def _upsample(
    layer: Any, weights: Tensors, x: torch.Tensor, like: torch.Tensor | None = None
) -> torch.Tensor:
    size = layer.size if like is None else tuple(like.shape[2:])
    linear = {3: "linear", 4: "bilinear", 5: "trilinear"}
    return F.interpolate(
        x,
        size,
        layer.scale_factor,
        linear[x.ndim] if layer.mode == "linear" else layer.mode,
        None if layer.mode == "nearest" else layer.align_corners,
    )


def _split(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    parts = x.chunk(layer.parts, 1) if layer.parts else torch.split(x, layer.sizes, 1)
    part: torch.Tensor = parts[layer.index]
    return part


def _mean(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    axes = range(1, x.ndim - 1) if layer.axes is None else layer.axes
    return x.mean(list(map(with_batch, axes)), keepdim=layer.keep)


EXPECTED: dict[str, Callable[..., torch.Tensor]] = {
    "conv_transpose": _conv_transpose,
    "pad": _pad,
    "upsample": _upsample,
    "pixel_shuffle": lambda layer, weights, x: F.pixel_shuffle(x, layer.upscale_factor),
    "pixel_unshuffle": lambda layer, weights, x: F.pixel_unshuffle(x, layer.downscale_factor),
    "channel_shuffle": lambda layer, weights, x: F.channel_shuffle(x, layer.groups),
    "slice": lambda layer, weights, x: x[:, layer.start : layer.stop],
    "split": _split,
    "select": lambda layer, weights, x: x.select(2, layer.position),
    "flatten": lambda layer, weights, x: x.flatten(with_batch(layer.start)),
    "reshape": lambda layer, weights, x: x.reshape(len(x), *layer.shape),
    "permute": lambda layer, weights, x: x.permute(0, *map(with_batch, layer.order)),
    "mean": _mean,
    "subtract": lambda layer, weights, one, other: torch.sub(one, other),
    "maximum": lambda layer, weights, *xs: reduce(torch.maximum, xs),
}
