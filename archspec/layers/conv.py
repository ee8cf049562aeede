"""Convolution with learnt kernels, and with a fixed one."""

from typing import Annotated, Any, Literal

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from archspec.layers.base import (
    AxisWindow,
    Inputs,
    Layer,
    LayerError,
    Shape,
    Tensor,
    product,
)
from archspec.layers.fields import (
    NO_PADDING,
    PaddingField,
    Positive,
    PositivePerAxis,
    count,
    is_number,
    per_axis,
)
from archspec.layers.window import Axis, axis_names, formula, slide, spatial

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


def check_padding_mode(mode: PaddingMode, axes: tuple[Axis, ...]) -> None:
    """Raise LayerError where there are not rows enough to copy into the padding."""
    if mode in ("zeros", "replicate"):
        return
    for name, axis in zip(axis_names(len(axes)), axes, strict=True):
        most = axis.size - 1 if mode == "reflect" else axis.size
        widest = max(axis.before, axis.after)
        if widest > most:
            raise LayerError(
                f"{mode} padding of {widest} along the {name} needs an input of at least "
                f"{widest + axis.size - most}, but it has {axis.size}",
                field="padding",
                help=f"pad by at most {most}, or use `padding_mode: zeros`",
            )


class Conv(Layer):
    """Convolution (cross-correlation, as every framework has it) over 1 to 3 spatial axes.

    (C, ...) -> (out_channels, ...), each spatial size by the window formula. `weight` is
    out_channels x C / groups x kernel; parameters: k_h k_w c_i per filter, times c_o filters, then
    c_o biases.
    """

    kind = "conv"
    main_field = "out_channels"

    out_channels: Positive
    kernel_size: PositivePerAxis
    stride: PositivePerAxis = 1
    padding: PaddingField = NO_PADDING
    dilation: PositivePerAxis = 1
    groups: Positive = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"

    def axes(self, x: Shape) -> tuple[Axis, ...]:
        """The window's motion along each spatial axis of an input of shape `x`."""
        sizes = spatial(x, self.kind)
        return slide(sizes, self.kernel_size, self.stride, self.padding, self.dilation)

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        axes = self.axes(x)
        for field, channels in (("in", x[0]), ("out_channels", self.out_channels)):
            if channels % self.groups:
                words = "incoming channels" if field == "in" else "out_channels"
                raise LayerError(
                    f"{channels} {words} cannot be divided into {count(self.groups, 'group')}",
                    code="AS302",
                    field="groups" if field == "in" else field,
                    help=_divisors(channels, self.groups, field),
                )
        check_padding_mode(self.padding_mode, axes)
        return (self.out_channels, *(axis.output for axis in axes))

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return product(output) * product(self._weight(inputs)[1:])

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return tuple(axis.reads for axis in self.axes(inputs[0]))

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        shape = self._weight(inputs)
        # PyTorch's start: uniform within 1 / sqrt(fan_in), weights and biases alike.
        bound = float(product(shape[1:])) ** -0.5
        tensors = {"weight": Tensor(shape, bound=bound)}
        if self.bias:
            tensors["bias"] = Tensor((self.out_channels,), bound=bound)
        return tensors

    def _weight(self, inputs: Inputs) -> Shape:
        channels, *sizes = inputs[0]
        kernel = per_axis(self.kernel_size, len(sizes), "kernel_size")
        return (self.out_channels, channels // self.groups, *kernel)

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return formula(self.axes(inputs[0]))

    def parameter_formula(self, inputs: Inputs) -> str:
        filters, channels, *kernel = self._weight(inputs)
        each = " × ".join(str(size) for size in (*kernel, channels))
        bias = f" + {filters}" if self.bias else ""
        total = filters * channels * product(tuple(kernel)) + (filters if self.bias else 0)
        return f"({each}) × {filters}{bias} = {total:,}"


def _divisors(channels: int, groups: int, field: str) -> str:
    if field == "out_channels":
        near = max(1, round(channels / groups)) * groups
        return f"out_channels must be a multiple of groups: {near} is the nearest"
    divisors = [d for d in range(1, min(channels, 4096) + 1) if channels % d == 0]
    near = min(divisors, key=lambda d: abs(d - groups))
    return f"groups must divide the incoming channels: {near} is the nearest that does"


Kernel = tuple[Any, ...]
"""Numbers nested as deep as the input has spatial axes."""

NAMED_KERNELS: dict[str, Kernel] = {
    # The lecture's three, as in Wikipedia's "Kernel (image processing)".
    "edge_detection": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "gaussian_blur": (
        (1 / 16, 2 / 16, 1 / 16),
        (2 / 16, 4 / 16, 2 / 16),
        (1 / 16, 2 / 16, 1 / 16),
    ),
}


def _kernel(value: Any) -> Kernel:
    if isinstance(value, str) and value in NAMED_KERNELS:
        return NAMED_KERNELS[value]
    if isinstance(value, tuple) and value and _nested_shape(value) is not None:
        return value
    words = ", ".join(NAMED_KERNELS)
    expected = f"{words}, or a list of numbers (of lists of numbers, an axis a level)"
    raise PydanticCustomError("field", "{expected}", {"expected": expected})


def _nested_shape(value: Any) -> Shape | None:
    """The shape of nested tuples of numbers; None where they are ragged or hold something else."""
    if isinstance(value, tuple):
        inner = {_nested_shape(item) for item in value}
        shape = inner.pop() if len(inner) == 1 else None
        return None if shape is None else (len(value), *shape)
    return () if is_number(value) else None


class Filter(Layer):
    """A fixed kernel applied to each channel by itself: nothing is learnt.

    (C, ...) -> (C, ...), each spatial size by the window formula. The kernel is a constant of the
    network and not among its weights.
    """

    kind = "filter"
    main_field = "kernel"

    kernel: Annotated[Kernel, PlainValidator(_kernel)]
    stride: PositivePerAxis = 1
    padding: PaddingField = NO_PADDING
    dilation: PositivePerAxis = 1
    padding_mode: PaddingMode = "zeros"

    @property
    def kernel_size(self) -> tuple[int, ...]:
        shape = _nested_shape(self.kernel)
        assert shape is not None, "the field's validator admits rectangular kernels alone"
        return shape

    def axes(self, x: Shape) -> tuple[Axis, ...]:
        """The window's motion along each spatial axis of an input of shape `x`."""
        sizes = spatial(x, self.kind)
        kernel = self.kernel_size
        if len(kernel) != len(sizes):
            raise LayerError(
                f"the kernel has {count(len(kernel), 'axis', 'axes')}, "
                f"but the input has {len(sizes)} beside its channels",
                code="AS303",
                field="kernel",
                help="nest the kernel's lists as deep as the input has spatial axes",
            )
        try:
            return slide(sizes, kernel, self.stride, self.padding, self.dilation)
        except LayerError as error:
            error.field = "kernel" if error.field == "kernel_size" else error.field
            raise

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        axes = self.axes(x)
        check_padding_mode(self.padding_mode, axes)
        return (x[0], *(axis.output for axis in axes))

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return product(output) * product(self.kernel_size)

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return tuple(axis.reads for axis in self.axes(inputs[0]))

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return formula(self.axes(inputs[0]))
