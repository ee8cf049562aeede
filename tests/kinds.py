"""One row a case: every kind of layer, with every option and padding, on 1 to 3 axes.

The backends are held against each other, and against the shapes that were inferred, on each.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from archspec.layers.base import Shape
from tests.cases import FLAT, IMAGES, Case
from tests.kinds_pointwise import POINTWISE
from tests.kinds_spatial import SPATIAL

__all__ = ["CASES", "FLAT", "IMAGES", "REFUSED", "Case"]

PADDINGS: tuple[Any, ...] = (
    0,
    1,
    "valid",
    "same",
    "same_upper",
    "same_lower",
    {"total": 1},
    {"total": 3},
)


def _sides(shape: Shape) -> tuple[tuple[int, int], ...]:
    """Another padding before and after each axis."""
    return ((1, 2), (0, 1), (2, 0))[: len(shape) - 1]


def _windows() -> list[Case]:
    cases = []
    for shape, padding in product(IMAGES, PADDINGS):
        for kernel, stride in ((3, 1), (4, 3), (5, 2)):
            window = {"kernel_size": kernel, "stride": stride, "padding": padding}
            cases.append(Case("conv", {"out_channels": 4, **window}, (shape,)))
            for pool, ceil_mode in product(("max_pool", "avg_pool"), (False, True)):
                cases.append(Case(pool, {**window, "ceil_mode": ceil_mode}, (shape,)))
            for ceil_mode in (False, True):
                fields = {**window, "ceil_mode": ceil_mode, "count_include_pad": False}
                cases.append(Case("avg_pool", fields, (shape,)))
    for shape in IMAGES:
        sides = {"kernel_size": 3, "stride": 2, "padding": _sides(shape)}
        each = {"padding": tuple(range(1, len(shape)))[:2] + (0,) * (len(shape) - 3)}
        cases += [
            Case("conv", {"out_channels": 4, **sides}, (shape,)),
            Case("conv", {"out_channels": 6, "groups": 3, "bias": False, **sides}, (shape,)),
            Case("conv", {"out_channels": 6, "kernel_size": 3, "dilation": 2, **each}, (shape,)),
            Case("max_pool", {"kernel_size": 2, "dilation": 2, "padding": 1}, (shape,)),
            Case("max_pool", sides, (shape,)),
            Case("max_pool", {**sides, "ceil_mode": True}, (shape,)),
            Case("max_pool", {"kernel_size": 2}, (shape,)),
            Case("avg_pool", {"kernel_size": 2}, (shape,)),
        ]
        for ceil_mode, include in product((False, True), (False, True)):
            fields = {**sides, "ceil_mode": ceil_mode, "count_include_pad": include}
            cases.append(Case("avg_pool", fields, (shape,)))
        for mode in ("zeros", "reflect", "replicate", "circular"):
            for padding in (2, _sides(shape), "same_upper"):
                fields = {"kernel_size": 4, "stride": 2, "padding": padding, "padding_mode": mode}
                cases.append(Case("conv", {"out_channels": 3, **fields}, (shape,)))
    return cases


def _filters() -> list[Case]:
    line: Any = (1, -2, 0.5)
    plane = (line, (0, 3, 0), line)
    cases = [
        Case("filter", {"kernel": "edge_detection"}, (IMAGES[1],)),
        Case("filter", {"kernel": "sharpen", "padding": "same"}, (IMAGES[1],)),
        Case("filter", {"kernel": "gaussian_blur", "stride": 2, "padding": 1}, (IMAGES[1],)),
        Case("filter", {"kernel": ((1, 2), (3, 4)), "dilation": 2}, (IMAGES[1],)),
    ]
    for kernel, shape in zip((line, plane, (plane, plane)), IMAGES, strict=True):
        for mode in ("zeros", "reflect", "replicate", "circular"):
            fields = {"kernel": kernel, "padding": "same", "padding_mode": mode}
            cases.append(Case("filter", fields, (shape,)))
    return cases


def _pools() -> list[Case]:
    cases = []
    for shape in IMAGES:
        cases += [Case(f"global_{pool}_pool", {}, (shape,)) for pool in ("avg", "max")]
        for pool, size in product(("avg", "max"), (1, 2, 3, 5, 9, 15)):
            cases.append(Case(f"adaptive_{pool}_pool", {"output_size": size}, (shape,)))
    return cases


def _pointwise() -> list[Case]:
    words: tuple[tuple[str, dict[str, Any]], ...] = (
        ("batch_norm", {}),
        ("batch_norm", {"eps": 0.01, "momentum": 0.2}),
        ("batch_norm", {"affine": False}),
        ("relu", {}),
        ("relu6", {}),
        ("leaky_relu", {}),
        ("leaky_relu", {"negative_slope": 0.3}),
        ("sigmoid", {}),
        ("tanh", {}),
        ("silu", {}),
        ("gelu", {}),
        ("gelu", {"approximate": "tanh"}),
        ("softmax", {}),
        ("identity", {}),
        ("dropout", {"p": 0.3}),
        ("flatten", {}),
    )
    cases = [Case(word, fields, (shape,)) for word, fields in words for shape in (*IMAGES, FLAT)]
    for size, shape in product((1, 2, 3, 5, 6), IMAGES):
        fields = {"size": size, "alpha": 0.5, "beta": 0.6, "k": 1.5}
        cases.append(Case("lrn", fields, (shape,)))
    return cases


def _others() -> list[Case]:
    cases = [
        Case("fc", {"out_features": 7}, (FLAT,)),
        Case("fc", {"out_features": 7, "bias": False}, (FLAT,)),
    ]
    for shape in IMAGES:
        gate = (shape[0], *(1 for _ in shape[1:]))
        wider = (shape[0] + 3, *shape[1:])
        cases += [Case(word, {}, (shape, shape, shape)) for word in ("add", "multiply")]
        cases += [Case(word, {}, (gate, shape)) for word in ("add", "multiply")]
        cases += [Case("concat", {}, (shape, wider)), Case("concat", {}, (shape, wider, shape))]
        cases += [Case("subsample", {"stride": stride}, (shape,)) for stride in (1, 2, 3)]
        cases += [Case("pad_channels", {"out_channels": channels}, (shape,)) for channels in (6, 9)]
    return [*cases, Case("concat", {}, (FLAT, FLAT)), Case("add", {}, (FLAT, FLAT))]


CASES: tuple[Case, ...] = tuple(
    [*_windows(), *_filters(), *_pools(), *_pointwise(), *_others(), *POINTWISE, *SPATIAL],
)


def _refused() -> list[Case]:
    window = {"kernel_size": 3, "stride": 1, "padding": 1}
    # PyTorch's own takes no kernel beyond an input's three axes, padded or not.
    flat: Shape = (1, 1, 4, 4)
    cases = [
        Case("avg_pool", {**window, "count_include_pad": include}, (flat,))
        for include in (False, True)
    ]
    # onnxruntime's own takes none that changes nothing.
    return [
        *cases,
        *(Case("lrn", {"size": 3, zero: 0}, (IMAGES[1],)) for zero in ("alpha", "beta")),
    ]


REFUSED: tuple[Case, ...] = tuple(_refused())
"""What a framework refuses to do by its own operator, and the backends do all the same."""
