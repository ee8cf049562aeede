"""Kinds that rearrange, thin out or widen a value without computing anything."""

from typing import Literal, Self

from pydantic import ConfigDict, model_validator

from archspec.layers.axes import axis_of
from archspec.layers.base import AxisWindow, Inputs, Layer, LayerError, Shape, product, text_of
from archspec.layers.conv import check_copied_rows
from archspec.layers.fields import (
    Position,
    Positive,
    PositivePerAxis,
    Real,
    RowsField,
    Side,
    per_axis,
)
from archspec.layers.window import alike, sides_in_rows, spatial


class Flatten(Layer):
    """All elements in one row: (C, H, W) -> (C H W,), channel by channel, row by row.

    With `start`, the axes before it stay: `start: 1` makes (C, H W), and -2 of three axes does.

    Fields:
        start: The first axis that goes into the row, counted from 0, the channels; those before it
            stay.
    """

    kind = "flatten"
    is_view = True

    start: Position = 0

    def first(self, x: Shape) -> int:
        """The first axis of the row, counted from 0. Raises LayerError where `x` has no such."""
        return axis_of(self.start, x, "start")

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        first = self.first(x)
        return (*x[:first], product(x[first:]))

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        row = inputs[0][self.first(inputs[0]) :]
        return f"{text_of(row)} = {output[-1]}" if len(row) > 1 else ""


class Subsample(Layer):
    """Every `stride`-th row of each spatial axis, from the first: (C, ...) -> (C, ...).

    Fields:
        stride: How far apart the rows are that stay: one number for every spatial axis, or a list
            of one an axis.
    """

    kind = "subsample"
    main_field = "stride"

    stride: PositivePerAxis

    def strides(self, x: Shape) -> tuple[int, ...]:
        """The stride of each spatial axis."""
        return per_axis(self.stride, len(spatial(x, self.kind)), "stride")

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        sizes = zip(x[1:], self.strides(x), strict=True)
        return (x[0], *((n - 1 + s) // s for n, s in sizes))

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return tuple(AxisWindow(1, stride, 0) for stride in self.strides(inputs[0]))

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        (x,) = inputs
        sizes = zip(x[1:], self.strides(x), output[1:], strict=True)
        return alike([f"⌈{n} / {s}⌉ = {m}" for n, s, m in sizes])


class PadChannels(Layer):
    """Channels of zeros after the input's own: (C, ...) -> (out_channels, ...).

    Fields:
        out_channels: Channels of the output, at least as many as come in.
    """

    kind = "pad_channels"
    main_field = "out_channels"

    out_channels: Positive

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        if x[0] > self.out_channels:
            raise LayerError(
                f"pad_channels adds channels, and cannot make {self.out_channels} of {x[0]}",
                field="out_channels",
                help=f"ask for at least {x[0]}, or use a 1×1 conv",
            )
        return (self.out_channels, *x[1:])

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return tuple(AxisWindow(1, 1, 0) for _ in inputs[0][1:]) or None


class Pad(Layer):
    """Rows before and after each spatial axis: (C, ...) -> (C, ...), n + before + after.

    They hold `value`, or are copies: of the rows next to the border (`reflect`, which does not
    repeat the border's own), of the border's (`replicate`), or of those at the other end
    (`circular`).

    Fields:
        padding: Rows added: on each side (`1`, `[1, 2]`), before and after each axis (`[[1, 0], [1,
            0]]`), or in all (`{total: 3}`).
        mode: What the added rows hold: `value`, or copies of the input's rows.
        value: The number that the added rows hold, in the mode `constant`.
    """

    kind = "pad"
    main_field = "padding"
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["mode"], "properties": {"mode": {"not": {"const": "constant"}}}},
            "then": {"properties": {"value": {"anyOf": [{"const": 0}, {"type": "string"}]}}},
        }
    )

    padding: RowsField
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: Real = 0.0

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.value and self.mode != "constant":
            raise LayerError(
                f"`mode: {self.mode}` copies rows, and has no `value`",
                code="AS206",
                field="value",
                help="leave `value` out, or use `mode: constant`",
            )
        return self

    def sides(self, x: Shape) -> tuple[Side, ...]:
        """The rows before and after, along each spatial axis of an input of shape `x`."""
        return sides_in_rows(self.padding, len(spatial(x, self.kind)))

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        sides = self.sides(x)
        check_copied_rows(self.mode, x[1:], sides, "mode: constant")
        grown = [n + before + after for n, (before, after) in zip(x[1:], sides, strict=True)]
        return (x[0], *grown)

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return tuple(AxisWindow(1, 1, before) for before, _ in self.sides(inputs[0]))

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        (x,) = inputs
        along = zip(x[1:], self.sides(x), output[1:], strict=True)
        return alike([f"{n} + {before + after} = {m}" for n, (before, after), m in along])
