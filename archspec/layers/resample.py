"""Making a value's spatial axes longer, or shorter, by interpolation."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, PlainValidator, WithJsonSchema, model_validator

from archspec.layers.base import AxisWindow, Inputs, Layer, LayerError, Shape
from archspec.layers.fields import (
    LARGEST,
    PositivePerAxis,
    entries,
    given,
    is_number,
    numbers,
    one_or_list,
    per_axis,
    wrong,
    wrong_length,
)
from archspec.layers.sizes import at_least
from archspec.layers.window import alike, axis_names, spatial

FINEST = 1024
"""The largest power of two by which a factor may be divided. Up to here, sizes times factors are
exact in any arithmetic, and ⌊n f⌋ is the same everywhere.
"""

Factors = tuple[float, ...]


def _is_factor(value: Any) -> bool:
    known = is_number(value) and 0 < value <= LARGEST
    return known and bool(value.as_integer_ratio()[1] <= FINEST)


def _factors(value: Any) -> float | Factors:
    if value != () and all(map(_is_factor, entries(value))):
        return value if isinstance(value, tuple) else float(value)
    expected = (
        "a whole number above 0 or a fraction whose divisor is a power of two up to "
        f"{FINEST}, such as 1.5 or 0.25, or a list of one an axis"
    )
    help = "write a factor such as 2, 1.5 or 0.25, or give the `size`"
    raise wrong(expected, entries(value), int, float, help=help)


FactorPerAxis = Annotated[
    float | Factors,
    PlainValidator(_factors),
    WithJsonSchema(one_or_list(numbers(1 / FINEST, LARGEST) | {"multipleOf": 1 / FINEST})),
]


class Upsample(Layer):
    """Interpolation between rows: (C, ...) -> (C, ...), PyTorch's F.interpolate.

    A size n becomes ⌊n f⌋ by a factor f, the `size` asked for, or that of a second value, `like`.
    Output row i lies at the input's i / f; `nearest` takes the row at or before it. For `linear`
    and `bicubic` (Keys 1981, with a = -0.75), rows have their middle half a row further on, and i
    lies at (i + 1/2) / f - 1/2; with `align_corners` the first and last rows of both coincide. An f
    that is not given is the ratio of the sizes. Rows beyond the border are those at the border.
    Where i / f is nearly a whole number, the row at or before it is PyTorch's, in float32.

    Fields:
        scale_factor: What each size is multiplied by: a whole number, or a fraction such as 1.5 or
            0.25; one for every spatial axis, or a list of one an axis.
        size: The output's spatial sizes, instead of a factor: one number for every axis, or a list
            of one an axis.
        like: The name of a value whose spatial sizes the output takes, instead of a factor.
        mode: How rows in between are made: the row before (`nearest`), a line between two
            (`linear`, for any number of axes, also called `bilinear` and `trilinear`), or a cubic
            of four (`bicubic`, for two axes).
        align_corners: Whether the first and last rows of input and output coincide; not for
            `nearest`.
    """

    kind = "upsample"
    main_field = "scale_factor"
    reference: ClassVar[str | None] = "like"
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [given("scale_factor"), given("size"), given("like")],
            "if": {"properties": {"mode": {"const": "nearest"}}},
            "then": {"properties": {"align_corners": {"not": {"const": True}}}},
        }
    )

    scale_factor: FactorPerAxis | None = None
    size: PositivePerAxis | None = None
    mode: Literal["nearest", "linear", "bilinear", "trilinear", "bicubic"] = "nearest"
    align_corners: bool = False

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        if self.scale_factor is not None and self.size is not None:
            raise _two_ways("scale_factor", "size")
        if self.align_corners and self.mode == "nearest":
            raise LayerError(
                "`align_corners` means nothing to `mode: nearest`",
                code="AS206",
                field="align_corners",
                help="leave it out, or use `mode: linear`",
            )
        return self

    def factors(self, x: Shape) -> Factors | None:
        """The factor of each spatial axis, None where sizes are given instead."""
        axes = len(spatial(x, self.kind))
        if self.scale_factor is None:
            return None
        if isinstance(self.scale_factor, float):
            return (self.scale_factor,) * axes
        if len(self.scale_factor) != axes:
            raise wrong_length("scale_factor", len(self.scale_factor), axes)
        return self.scale_factor

    def output_shape(self, inputs: Inputs) -> Shape:
        x = inputs[0]
        sizes = spatial(x, self.kind)
        self._check_ways(inputs)
        self._check_mode(len(sizes))
        if len(inputs) > 1:
            return (x[0], *self._like(inputs[1], len(sizes)))
        factors = self.factors(x)
        if factors is None:
            return (x[0], *self._sizes(len(sizes)))
        ratios = [factor.as_integer_ratio() for factor in factors]
        made = [n * over // under for n, (over, under) in zip(sizes, ratios, strict=True)]
        for name, n, m, f in zip(axis_names(len(sizes)), sizes, made, factors, strict=True):
            if not at_least(m, 1):
                raise LayerError(
                    f"nothing is left of a {name} of {n} by this factor",
                    field="scale_factor",
                    help="use a larger factor, or give the `size`",
                )
            if n != 1 and self._is_doubtful(f) and not at_least(m, int(f) * n + 1):
                raise LayerError(
                    f"a factor of {f:g} makes no more of a {name} of {n} than one of {int(f)} does",
                    field="scale_factor",
                    help=f"use a factor of {int(f)}, or give the `size`",
                )
        return (x[0], *made)

    def _is_doubtful(self, factor: float) -> bool:
        """Whether the factor may come to the same size as a whole one. PyTorch then takes it for
        that one, but not in every mode, nor for every number of axes.
        """
        whole = int(factor)
        known = whole == 1 or (whole == 2 and self.mode == "nearest")
        return known and 0 < factor - whole < 0.5 and not self.align_corners

    def _check_ways(self, inputs: Inputs) -> None:
        """The size comes from one of three places."""
        field = "size" if self.size is not None else "scale_factor"
        is_given = self.size is not None or self.scale_factor is not None
        if is_given and len(inputs) > 1:
            raise _two_ways(field, "like")
        if not is_given and len(inputs) == 1:
            raise LayerError(
                "upsample needs `scale_factor`, `size` or `like`",
                code="AS204",
                help="say how large: `scale_factor: 2`, `size: [28, 28]`, or `like:` and a name",
            )

    def _check_mode(self, axes: int) -> None:
        only = {"bilinear": 2, "bicubic": 2, "trilinear": 3}.get(self.mode, axes)
        if axes != only:
            raise LayerError(
                f"{self.mode} is for {only} spatial axes, and the input has {axes}",
                code="AS303",
                field="mode",
                help="use `mode: linear`, which is for any number of them",
            )

    def _like(self, reference: Shape, axes: int) -> Shape:
        if len(reference) != axes + 1:
            raise LayerError(
                f"a value with {axes} spatial axes cannot have the size of one of shape "
                f"{list(reference)}",
                code="AS303",
                field="like",
                help="name a value with as many axes",
            )
        return reference[1:]

    def _sizes(self, axes: int) -> Shape:
        assert self.size is not None, "one of the ways of giving a size is taken"
        return per_axis(self.size, axes, "size")

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        factors = self.factors(inputs[0])
        if factors is None:
            word = "like" if len(inputs) > 1 else "size"
            return f"{word} = {alike([str(size) for size in output[1:]])}"
        texts = []
        for n, f, m in zip(inputs[0][1:], factors, output[1:], strict=True):
            scaled = f"{n} × {f:g}"
            texts.append(f"{scaled if float(f).is_integer() else f'⌊{scaled}⌋'} = {m}")
        return alike(texts)


def _two_ways(first: str, second: str) -> LayerError:
    return LayerError(
        f"upsample takes its size from `{first}` or from `{second}`, not from both",
        code="AS206",
        field=second,
        help=f"leave out `{first}`, or `{second}`",
    )
