"""Rows of the kinds that move, resize and rearrange values: every option, on 1 to 3 axes."""

from __future__ import annotations

from itertools import product
from typing import Any

from archspec.layers.base import Shape
from tests.cases import FLAT, IMAGES, Case

SMALL: tuple[Shape, ...] = ((4, 5), (4, 5, 3), (4, 2, 3, 4))
"""Few enough rows for kernels that make many more of them."""


def _sides(shape: Shape) -> tuple[tuple[int, int], ...]:
    """Another padding before and after each axis."""
    return ((1, 2), (0, 1), (2, 0))[: len(shape) - 1]


def _transposed() -> list[Case]:
    cases = []
    paddings: tuple[Any, ...] = (0, 1, "valid", "same_upper", "same_lower", {"total": 3})
    for shape, padding in product(SMALL, paddings):
        for kernel, stride in ((3, 1), (4, 2), (3, 3)):
            fields = {"kernel_size": kernel, "stride": stride, "padding": padding}
            cases.append(Case("conv_transpose", {"out_channels": 3, **fields}, (shape,)))
    for shape in SMALL:
        axes = len(shape) - 1
        many: tuple[dict[str, Any], ...] = (
            {"kernel_size": 2, "stride": 2},
            {"kernel_size": 1, "stride": 2},
            {"kernel_size": (3, 2, 4)[:axes], "stride": (2, 1, 3)[:axes], "padding": _sides(shape)},
            {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
            {"kernel_size": 2, "stride": 3, "output_padding": 2},
            {"kernel_size": 3, "stride": 3, "output_padding": (2, 0, 1)[:axes]},
            {"kernel_size": 3, "stride": 3, "padding": ((2, 0),) * axes, "output_padding": 2},
            {"kernel_size": 3, "stride": 3, "padding": ((0, 2),) * axes, "output_padding": 1},
            {"kernel_size": 4, "stride": 2, "padding": "same_upper", "output_padding": 1},
            {"kernel_size": 2, "dilation": 2, "groups": 2, "bias": False},
            {"kernel_size": 3, "stride": 2, "dilation": 3, "padding": 2},
            # More rows are kept than a stride has: onnxruntime's own operator takes none such.
            {"kernel_size": 2, "dilation": 3, "padding": 2, "output_padding": 2},
            {"kernel_size": 2, "stride": 2, "dilation": 4, "output_padding": 3},
            {"kernel_size": 2, "dilation": 3, "padding": ((0, 1),) * axes, "output_padding": 2},
        )
        for fields in many:
            cases.append(Case("conv_transpose", {"out_channels": 6, **fields}, (shape,)))
    return cases


def _depthwise() -> list[Case]:
    cases = []
    for shape in IMAGES:
        many: tuple[dict[str, Any], ...] = (
            {"kernel_size": 3},
            {"kernel_size": 3, "stride": 2, "padding": 1, "multiplier": 2},
            {"kernel_size": 2, "dilation": 2, "bias": False, "padding": _sides(shape)},
            {"kernel_size": 5, "stride": 2, "padding": "same_upper", "multiplier": 3},
            {"kernel_size": 3, "padding": "same", "padding_mode": "reflect"},
            {"kernel_size": 3, "padding": 2, "padding_mode": "circular"},
        )
        cases += [Case("depthwise", fields, (shape,)) for fields in many]
    return cases


def _padded() -> list[Case]:
    cases = []
    for shape in IMAGES:
        paddings: tuple[Any, ...] = (0, 2, _sides(shape), {"total": 3})
        modes = ("constant", "reflect", "replicate", "circular")
        for padding, mode in product(paddings, modes):
            cases.append(Case("pad", {"padding": padding, "mode": mode}, (shape,)))
        cases.append(Case("pad", {"padding": 1, "value": -1.5}, (shape,)))
        each = tuple(range(len(shape) - 1))
        cases.append(Case("pad", {"padding": each, "mode": "constant"}, (shape,)))
    return cases


def _upsampled() -> list[Case]:
    cases = []
    for shape in (*SMALL, (2, 1), (2, 1, 4)):
        axes = len(shape) - 1
        linear: list[dict[str, Any]] = [
            {"mode": "linear", "align_corners": aligned} for aligned in (False, True)
        ]
        if axes > 1:
            word = {2: "bilinear", 3: "trilinear"}[axes]
            linear += [{"mode": word, "align_corners": aligned} for aligned in (False, True)]
        if axes == 2:
            linear += [{"mode": "bicubic", "align_corners": aligned} for aligned in (False, True)]
        sizes: tuple[dict[str, Any], ...] = (
            {"scale_factor": 2},
            {"scale_factor": (3, 1, 2)[:axes]},
            {"scale_factor": 1.5},
            {"size": 7},
            {"size": (9, 3, 6)[:axes]},
            {"size": tuple(2 * n for n in shape[1:])},
        )
        for size, how in product(sizes, ({}, {"mode": "nearest"}, *linear)):
            cases.append(Case("upsample", {**size, **how}, (shape,)))
        reference = (3, *(2 * n + 1 for n in shape[1:]))
        for how in ({}, *linear):
            cases.append(Case("upsample", how, (shape, reference)))
    for shape in IMAGES:
        smaller: list[dict[str, Any]] = [
            {"scale_factor": 0.5},
            {"size": 3},
            {"size": tuple(shape[1:])},
        ]
        cases += [Case("upsample", size, (shape,)) for size in smaller]
        cases += [Case("upsample", {**size, "mode": "linear"}, (shape,)) for size in smaller]
    # Where the rounding of a quotient picks the row: PyTorch's and onnxruntime's own differ.
    rows = ((5, 49), (7, 41), (22, 29), (30, 29), (9, 10))
    return cases + [Case("upsample", {"size": m}, ((1, n),)) for n, m in rows]


def _rearranged() -> list[Case]:
    plane: Shape = (12, 4, 6)
    cases = [
        Case("pixel_shuffle", {"upscale_factor": 1}, (plane,)),
        Case("pixel_shuffle", {"upscale_factor": 2}, (plane,)),
        Case("pixel_shuffle", {"upscale_factor": 3}, ((18, 2, 5),)),
        Case("pixel_unshuffle", {"downscale_factor": 1}, (plane,)),
        Case("pixel_unshuffle", {"downscale_factor": 2}, (plane,)),
        Case("pixel_unshuffle", {"downscale_factor": 3}, ((2, 6, 9),)),
        Case("pixel_unshuffle", {"downscale_factor": 2}, ((1, 6, 8),)),
        Case("select", {"position": 0}, ((6, 13),)),
        Case("select", {"position": -2}, ((6, 13),)),
        Case("reshape", {"shape": (2, 5)}, (FLAT,)),
        Case("reshape", {"shape": (2, 3, 12, 9)}, ((6, 12, 9),)),
        Case("reshape", {"shape": (2, 3, -1, 3, 3)}, ((6, 12, 9),)),
        Case("permute", {"order": (0,)}, (FLAT,)),
        Case("permute", {"order": (1, 0)}, ((6, 13),)),
        Case("permute", {"order": (1, 2, 0)}, ((6, 12, 9),)),
        Case("permute", {"order": (0, 2, 1)}, ((6, 12, 9),)),
        Case("permute", {"order": (2, 0, 3, 1)}, ((6, 7, 6, 8),)),
        Case("permute", {"order": (-1, 0, -2)}, ((6, 12, 9),)),
    ]
    for shape in (*IMAGES, FLAT):
        cases += [
            Case("reshape", {"shape": (-1,)}, (shape,)),
            Case("reshape", {"shape": (2, -1)}, (shape,)),
            Case("slice", {"start": 2}, (shape,)),
            Case("slice", {"stop": -1}, (shape,)),
            Case("slice", {"start": 1 - shape[0], "stop": 5}, (shape,)),
            Case("split", {"parts": 2}, (shape,)),
            Case("split", {"parts": 2, "index": 1}, (shape,)),
            Case("split", {"sizes": (1, shape[0] - 1), "index": -1}, (shape,)),
            Case("mean", {"axes": (0,), "keep": True}, (shape,)),
        ]
    for shape in IMAGES:
        rank = len(shape)
        cases += [Case("channel_shuffle", {"groups": groups}, (shape,)) for groups in (1, 2, 3, 6)]
        cases += [Case("flatten", {"start": start}, (shape,)) for start in range(-rank, rank)]
        cases += [
            Case("mean", {}, (shape,)),
            Case("mean", {"keep": True}, (shape,)),
            Case("mean", {"axes": (0,)}, (shape,)),
            Case("mean", {"axes": rank - 1}, (shape,)),
            Case("mean", {"axes": (0, rank - 1), "keep": True}, (shape,)),
            Case("mean", {"axes": -1}, (shape,)),
            Case("mean", {"axes": (-rank, -1), "keep": True}, (shape,)),
            Case("mean", {"axes": tuple(range(1, rank))[::-1]}, (shape,)),
        ]
    return cases


def _merged() -> list[Case]:
    cases = [Case(word, {}, (FLAT, FLAT)) for word in ("subtract", "maximum")]
    for shape in IMAGES:
        gate = (shape[0], *(1 for _ in shape[1:]))
        column = (1, *shape[1:-1], 1)
        cases += [
            Case("subtract", {}, (shape, shape)),
            Case("subtract", {}, (gate, shape)),
            Case("subtract", {}, (gate, column)),
            Case("maximum", {}, (shape,)),
            Case("maximum", {}, (shape, shape)),
            Case("maximum", {}, (gate, column, shape)),
        ]
    return cases


SPATIAL: tuple[Case, ...] = tuple(
    [
        *_transposed(),
        *_depthwise(),
        *_padded(),
        *_upsampled(),
        *_rearranged(),
        *_merged(),
    ]
)
