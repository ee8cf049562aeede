"""Pooling: sliding, global, and adaptive."""

from abc import abstractmethod

from archspec.layers.base import AxisWindow, Inputs, Layer, LayerError, Shape
from archspec.layers.fields import NO_PADDING, PaddingField, PositivePerAxis, per_axis
from archspec.layers.sizes import are_numbers, at_least, larger
from archspec.layers.window import Axis, alike, axis_names, formula, slide, spatial


class _Pool(Layer):
    """A window that slides over each channel by itself; its stride is its own size by default.

    Fields:
        kernel_size: Rows of the window: one number for every spatial axis, or a list of one an
            axis.
        stride: How many rows the window moves at a time; without it, by its own size.
        padding: Rows added around the input, fewer than the window spans: on each side (`1`, `[1,
            2]`), before and after each axis (`[[1, 0], [1, 0]]`), in all (`{total: 3}`), or a word:
            `same`, `same_upper`, `same_lower`, `valid`.
        ceil_mode: Whether the output's size is rounded up, so that the last window may reach past
            the end.
    """

    main_field = "kernel_size"

    kernel_size: PositivePerAxis
    stride: PositivePerAxis | None = None
    padding: PaddingField = NO_PADDING
    ceil_mode: bool = False

    @abstractmethod
    def axes(self, x: Shape) -> tuple[Axis, ...]:
        """The window's motion along each spatial axis of an input of shape `x`."""

    def _slide(self, x: Shape, dilation: PositivePerAxis) -> tuple[Axis, ...]:
        stride = self.kernel_size if self.stride is None else self.stride
        sizes = spatial(x, self.kind)
        axes = slide(sizes, self.kernel_size, stride, self.padding, dilation, self.ceil_mode)
        for name, axis in zip(axis_names(len(axes)), axes, strict=True):
            _check_reads_input(name, axis)
        return axes

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        return (x[0], *(axis.output for axis in self.axes(x)))

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return tuple(axis.reads for axis in self.axes(inputs[0]))

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return formula(self.axes(inputs[0]))


def _check_reads_input(name: str, axis: Axis) -> None:
    """Raise LayerError where some window would read padding alone: it has no maximum or mean."""
    widest = larger(axis.before, axis.after)
    if not at_least(axis.extent - 1, widest):
        raise LayerError(
            f"padding of {widest} along the {name} is not smaller than "
            f"the window, which spans {axis.extent}: some windows would read padding alone",
            field="padding",
            help=f"pad by at most {axis.extent - 1} on each side",
        )
    # An input that is narrower than a window's gaps may fall into one.
    padded = axis.before + axis.after + axis.overhang != 0
    if axis.dilation > 1 and padded and not at_least(axis.size, axis.dilation):
        raise LayerError(
            f"a window dilated by {axis.dilation} may step over the whole {name} of {axis.size} "
            "and read padding alone",
            field="dilation",
            help=f"dilate by at most {axis.size}, or do not pad",
        )


class MaxPool(_Pool):
    """The largest value in each window: (C, ...) -> (C, ...). Padding is never the largest.

    Fields:
        dilation: The distance between the rows that the window reads; 1 for neighbours.
    """

    kind = "max_pool"

    dilation: PositivePerAxis = 1

    def axes(self, x: Shape) -> tuple[Axis, ...]:
        return self._slide(x, self.dilation)


class AvgPool(_Pool):
    """The mean of each window: (C, ...) -> (C, ...).

    With `count_include_pad`, the rows of padding count in the mean, as PyTorch has it; what a
    window of `ceil_mode` reads past them does not.

    Fields:
        count_include_pad: Whether the rows of padding count in the mean.
    """

    kind = "avg_pool"

    count_include_pad: bool = True

    def axes(self, x: Shape) -> tuple[Axis, ...]:
        return self._slide(x, 1)


class _GlobalPool(Layer):
    """One value a channel: (C, ...) -> (C, 1, ...)."""

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        return (x[0], *(1 for _ in spatial(x, self.kind)))

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None


class GlobalAvgPool(_GlobalPool):
    """The mean of each channel: (C, ...) -> (C, 1, ...)."""

    kind = "global_avg_pool"


class GlobalMaxPool(_GlobalPool):
    """The largest value of each channel: (C, ...) -> (C, 1, ...)."""

    kind = "global_max_pool"


class _AdaptivePool(Layer):
    """Windows laid out so that the output has the size asked for, whatever the input's.

    Along an axis of n rows with m outputs, output i reads rows floor(i n / m) up to, not
    including, ceil((i + 1) n / m), as in PyTorch.

    Fields:
        output_size: The output's spatial sizes: one number for every axis, or a list of one an
            axis.
    """

    main_field = "output_size"

    output_size: PositivePerAxis

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        axes = len(spatial(x, self.kind))
        return (x[0], *per_axis(self.output_size, axes, "output_size"))

    def bounds(self, inputs: Inputs) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each axis, the first row of each output's window and the row after its last."""
        (x,) = inputs
        return tuple(
            tuple((i * n // m, -(-(i + 1) * n // m)) for i in range(m))
            for n, m in zip(x[1:], self.output_shape(inputs)[1:], strict=True)
        )

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        (x,) = inputs
        sizes = self.output_shape(inputs)[1:]
        if are_numbers(x) and all(n % m == 0 for n, m in zip(x[1:], sizes, strict=True)):
            return tuple(AxisWindow(n // m, n // m, 0) for n, m in zip(x[1:], sizes, strict=True))
        return None

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return f"output_size = {alike([str(size) for size in output[1:]])}"


class AdaptiveAvgPool(_AdaptivePool):
    """The mean of each adaptive window: (C, ...) -> (C, *output_size)."""

    kind = "adaptive_avg_pool"


class AdaptiveMaxPool(_AdaptivePool):
    """The largest value of each adaptive window: (C, ...) -> (C, *output_size)."""

    kind = "adaptive_max_pool"
