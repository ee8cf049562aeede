"""Transposed convolution."""

from typing import NamedTuple

from archspec.layers.base import AxisWindow, Inputs, Layer, LayerError, Shape, Tensor, product
from archspec.layers.conv import check_groups, kernel_formula, kernels
from archspec.layers.fields import (
    NO_PADDING,
    NonNegativePerAxis,
    Positive,
    PositivePerAxis,
    TransposedPaddingField,
    count,
    per_axis,
)
from archspec.layers.sizes import at_least
from archspec.layers.window import alike, axis_names, sides_in_rows, spatial


class TransposedAxis(NamedTuple):
    """A kernel laid down along one spatial axis, for each of `size` rows `stride` rows further on.

    Of all the rows laid down, `before` are left out at the start and `after` at the end; then
    `output_padding` rows are kept after all.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    output_padding: int

    @property
    def extent(self) -> int:
        """The rows from the first to the last that one kernel spans."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def output(self) -> int:
        whole = (self.size - 1) * self.stride + self.extent
        return whole - self.before - self.after + self.output_padding

    @property
    def formula(self) -> str:
        """The size formula with the numbers in it."""
        kept = f" + {self.output_padding}" if self.output_padding else ""
        return (
            f"({self.size} − 1) × {self.stride} + {self.extent} − {self.before + self.after}{kept}"
            f" = {self.output}"
        )


class ConvTranspose(Layer):
    """Transposed convolution over 1 to 3 spatial axes: the gradient of a convolution, which brings
    its output's size back to its input's.

    (C, ...) -> (out_channels, ...), each spatial size (n - 1) s + k - p + output_padding with k the
    dilated kernel's extent and p the rows of padding in all, which here are left out (Dumoulin and
    Visin 2016, relationship 14; PyTorch's ConvTranspose2d). `same_upper` and `same_lower` leave out
    what makes n s rows, as ONNX's ConvTranspose. `weight` is C x out_channels / groups x kernel.

    Fields:
        out_channels: Channels of the output.
        kernel_size: Rows of the kernel: one number for every spatial axis, or a list of one an
            axis.
        stride: How many rows apart the kernel is laid down; 2 doubles the size.
        padding: Rows left out of the output: on each side (`1`, `[1, 2]`), before and after each
            axis (`[[1, 0], [1, 0]]`), in all (`{total: 3}`), or a word. `same_upper` and
            `same_lower` leave out what makes size × stride rows; `valid` leaves out none.
        output_padding: Rows kept at the end after all, which tell apart the sizes that a strided
            convolution brings to the same one.
        dilation: The distance between the rows that the kernel writes; 1 for neighbours.
        groups: The parts that the channels are divided into, each with filters of its own; it
            divides the incoming channels and `out_channels`.
        bias: Whether a learnt number is added to each output channel.
    """

    kind = "conv_transpose"
    main_field = "out_channels"

    out_channels: Positive
    kernel_size: PositivePerAxis
    stride: PositivePerAxis = 1
    padding: TransposedPaddingField = NO_PADDING
    output_padding: NonNegativePerAxis = 0
    dilation: PositivePerAxis = 1
    groups: Positive = 1
    bias: bool = True

    def axes(self, x: Shape) -> tuple[TransposedAxis, ...]:
        """The kernel's motion along each spatial axis of an input of shape `x`."""
        sizes = spatial(x, self.kind)
        names = axis_names(len(sizes))
        kernels = per_axis(self.kernel_size, len(sizes), "kernel_size")
        strides = per_axis(self.stride, len(sizes), "stride")
        dilations = per_axis(self.dilation, len(sizes), "dilation")
        extra = per_axis(self.output_padding, len(sizes), "output_padding")
        sides = self._sides(kernels, strides, dilations, extra)
        axes = tuple(map(TransposedAxis, sizes, kernels, strides, dilations, *sides, extra))
        for name, axis in zip(names, axes, strict=True):
            _check(name, axis)
        return axes

    def _sides(
        self, kernels: Shape, strides: Shape, dilations: Shape, extra: Shape
    ) -> tuple[Shape, Shape]:
        """The rows left out before, and after, along each axis."""
        if self.padding.way not in ("same_upper", "same_lower"):
            sides = sides_in_rows(self.padding, len(kernels))
            return tuple([before for before, _ in sides]), tuple([after for _, after in sides])
        less, more = [], []
        for k, s, d, kept in zip(kernels, strides, dilations, extra, strict=True):
            total = d * (k - 1) + 1 + kept - s
            if total < 0:
                raise LayerError(
                    f"a kernel that spans {count(d * (k - 1) + 1, 'row')} leaves gaps at a stride "
                    f"of {s}, and `{self.padding.way}` cannot make the size {s} times the input's",
                    field="padding",
                    help=f"use a kernel that spans at least {s}, or `padding: 0`",
                )
            less.append(total // 2)
            more.append(total - total // 2)
        upper, lower = tuple(less), tuple(more)
        return (upper, lower) if self.padding.way == "same_upper" else (lower, upper)

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        axes = self.axes(x)
        check_groups(self.groups, x[0], self.out_channels)
        return (self.out_channels, *(axis.output for axis in axes))

    def macs(self, inputs: Inputs, output: Shape) -> int:
        """Each element of the input times each number of its channel's kernels: torchvision's and
        fvcore's convention, which counts what `padding` leaves out.
        """
        return product(inputs[0]) * product(self._weight(inputs)[1:])

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        return kernels(self._weight(inputs), self.out_channels if self.bias else 0)

    def _weight(self, inputs: Inputs) -> Shape:
        channels, *sizes = inputs[0]
        kernel = per_axis(self.kernel_size, len(sizes), "kernel_size")
        return (channels, self.out_channels // self.groups, *kernel)

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return alike([axis.formula for axis in self.axes(inputs[0])])

    def parameter_formula(self, inputs: Inputs) -> str:
        channels, _, *kernel = self._weight(inputs)
        return kernel_formula((*kernel, channels // self.groups), self.out_channels, self.bias)


def _check(name: str, axis: TransposedAxis) -> None:
    """Raise LayerError where nothing is left of an axis, or rows are asked for that no input has
    made.
    """
    most = max(axis.stride, axis.dilation) - 1
    if axis.output_padding > most:
        raise LayerError(
            f"output_padding of {axis.output_padding} along the {name} is not smaller than its "
            f"stride of {axis.stride} or its dilation of {axis.dilation}",
            code="AS206",
            field="output_padding",
            help=f"use at most {most}" if most else "leave it out: at a stride of 1 there is none",
        )
    if not at_least(axis.output, 1):
        left_out = axis.before + axis.after
        whole = axis.output + left_out
        raise LayerError(
            f"padding leaves out {count(left_out, 'row')} in all along the {name}, "
            f"but there are only {whole}",
            field="padding",
            help=f"leave out at most {whole - 1}: transposed, padding makes the output smaller",
        )
