"""Kinds that rearrange, thin out or widen a value without computing anything."""

from archspec.layers.base import AxisWindow, Inputs, Layer, LayerError, Shape, product, text_of
from archspec.layers.fields import Positive, PositivePerAxis, per_axis
from archspec.layers.window import alike, spatial


class Flatten(Layer):
    """All elements in one row: (C, H, W) -> (C H W,), channel by channel, row by row."""

    kind = "flatten"
    is_view = True

    def output_shape(self, inputs: Inputs) -> Shape:
        return (product(inputs[0]),)

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        (x,) = inputs
        return f"{text_of(x)} = {output[0]}" if len(x) > 1 else ""


class Subsample(Layer):
    """Every `stride`-th row of each spatial axis, from the first: (C, ...) -> (C, ...)."""

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
    """Channels of zeros after the input's own: (C, ...) -> (out_channels, ...)."""

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
