"""Convolution with learnt kernels, and with a fixed one."""

from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, WithJsonSchema

from archspec.layers.base import (
    AxisWindow,
    Inputs,
    Layer,
    LayerError,
    Shape,
    Tensor,
    product,
)
from archspec.layers.channels import check_divides
from archspec.layers.fields import (
    FLOAT32_LARGEST,
    NO_PADDING,
    PaddingField,
    Positive,
    PositivePerAxis,
    Side,
    count,
    is_number,
    numbers,
    other_word,
    per_axis,
    wrong,
)
from archspec.layers.sizes import at_least, larger
from archspec.layers.window import Axis, axis_names, formula, slide, spatial

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


def check_copied_rows(mode: str, sizes: Shape, sides: tuple[Side, ...], instead: str) -> None:
    """Raise LayerError where there are not rows enough to copy into the padding. `instead` is how
    to ask for rows that are not copies.
    """
    if mode not in ("reflect", "circular"):
        return
    for name, size, (before, after) in zip(axis_names(len(sizes)), sizes, sides, strict=True):
        most = size - 1 if mode == "reflect" else size
        widest = larger(before, after)
        if not at_least(most, widest):
            raise LayerError(
                f"{mode} padding of {widest} along the {name} needs an input of at least "
                f"{widest + size - most}, but it has {size}",
                field="padding",
                help=f"pad by at most {most}, or use `{instead}`",
            )


def check_padding_mode(mode: PaddingMode, axes: tuple[Axis, ...]) -> None:
    """Raise LayerError where a convolution's input has not rows enough to copy."""
    sizes = tuple([axis.size for axis in axes])
    sides = tuple([(axis.before, axis.after) for axis in axes])
    check_copied_rows(mode, sizes, sides, "padding_mode: zeros")


class Convolution(Layer):
    """A window of learnt kernels that slides over 1 to 3 spatial axes: what its kinds share.

    A kind says how many filters and groups there are for an input; all else follows.

    Fields:
        kernel_size: Rows of the kernel: one number for every spatial axis, or a list of one an
            axis.
        stride: How many rows the kernel moves at a time; 2 halves the size.
        padding: Rows added around the input: on each side (`1`, `[1, 2]`), before and after each
            axis (`[[1, 0], [1, 0]]`), in all (`{total: 3}`), or a word. `same` adds one row less
            than the kernel spans, which keeps the size at a stride of 1; `same_upper` and
            `same_lower` add just enough for ⌈size / stride⌉ rows; `valid` adds none.
        dilation: The distance between the rows that the kernel reads; 1 for neighbours.
        bias: Whether a learnt number is added to each output channel; a normalisation that follows
            makes it useless.
        padding_mode: What the added rows hold: zeros, or copies of the input's rows, mirrored
            (`reflect`), of the border (`replicate`) or of the other end (`circular`).
    """

    kernel_size: PositivePerAxis
    stride: PositivePerAxis = 1
    padding: PaddingField = NO_PADDING
    dilation: PositivePerAxis = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"

    @abstractmethod
    def filters(self, x: Shape) -> int:
        """The output's channels for an input of shape `x`."""

    @abstractmethod
    def groups_of(self, x: Shape) -> int:
        """The groups that the channels of an input of shape `x` are divided into."""

    def axes(self, x: Shape) -> tuple[Axis, ...]:
        """The window's motion along each spatial axis of an input of shape `x`."""
        sizes = spatial(x, self.kind)
        return slide(sizes, self.kernel_size, self.stride, self.padding, self.dilation)

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        axes = self.axes(x)
        check_padding_mode(self.padding_mode, axes)
        return (self.filters(x), *(axis.output for axis in axes))

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return product(output) * product(self._weight(inputs)[1:])

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return tuple(axis.reads for axis in self.axes(inputs[0]))

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        return kernels(self._weight(inputs), self.filters(inputs[0]) if self.bias else 0)

    def _weight(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        kernel = per_axis(self.kernel_size, len(x) - 1, "kernel_size")
        return (self.filters(x), x[0] // self.groups_of(x), *kernel)

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return formula(self.axes(inputs[0]))

    def parameter_formula(self, inputs: Inputs) -> str:
        filters, channels, *kernel = self._weight(inputs)
        return kernel_formula((*kernel, channels), filters, self.bias)


def kernels(weight: Shape, biases: int) -> dict[str, Tensor]:
    """The tensors of a convolution: the weight, and biases if there are any."""
    # PyTorch's start: uniform within 1 / sqrt(fan_in), weights and biases alike. Its fan_in is the
    # product of all sizes but the first, of a transposed convolution's weight too.
    bound = float(product(weight[1:])) ** -0.5
    tensors = {"weight": Tensor(weight, bound=bound)}
    if biases:
        tensors["bias"] = Tensor((biases,), bound=bound)
    return tensors


def kernel_formula(each: Shape, filters: int, bias: bool) -> str:
    """`(3 × 3 × 64) × 128 + 128 = 73,856`: the numbers in each filter, the filters, the biases."""
    biases = f" + {filters}" if bias else ""
    total = product(each) * filters + (filters if bias else 0)
    return f"({' × '.join(str(size) for size in each)}) × {filters}{biases} = {total:,}"


def check_groups(groups: int, channels: int, out_channels: int) -> None:
    """Raise LayerError where channels cannot be divided into groups."""
    check_divides(groups, channels, "groups", "group")
    if out_channels % groups:
        near = max(1, round(out_channels / groups)) * groups
        raise LayerError(
            f"{out_channels} out_channels cannot be divided into {count(groups, 'group')}",
            code="AS302",
            field="out_channels",
            help=f"out_channels must be a multiple of groups: {near} is the nearest",
        )


class Conv(Convolution):
    """Convolution (cross-correlation, as every framework has it) over 1 to 3 spatial axes.

    (C, ...) -> (out_channels, ...), each spatial size by the window formula. `weight` is
    out_channels x C / groups x kernel; parameters: k_h k_w c_i per filter, times c_o filters, then
    c_o biases.

    Fields:
        out_channels: Channels of the output: how many filters there are.
        groups: The parts that the channels are divided into, each with filters of its own; it
            divides the incoming channels and `out_channels`.
    """

    kind = "conv"
    main_field = "out_channels"

    out_channels: Positive
    groups: Positive = 1

    def filters(self, x: Shape) -> int:
        return self.out_channels

    def groups_of(self, x: Shape) -> int:
        return self.groups

    def output_shape(self, inputs: Inputs) -> Shape:
        shape = super().output_shape(inputs)
        check_groups(self.groups, inputs[0][0], self.out_channels)
        return shape


class Depthwise(Convolution):
    """A convolution of each channel by itself, with `multiplier` filters a channel.

    (C, ...) -> (C multiplier, ...), each spatial size by the window formula: the conv with
    `groups: $in`. `weight` is C multiplier x 1 x kernel; the filters of a channel stand together.

    Fields:
        multiplier: Filters for each incoming channel.
    """

    kind = "depthwise"
    main_field = "kernel_size"

    multiplier: Positive = 1

    def filters(self, x: Shape) -> int:
        return x[0] * self.multiplier

    def groups_of(self, x: Shape) -> int:
        return x[0]


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


_RECTANGULAR = "give every row as many numbers: [[0, 1, 0], [1, -4, 1], [0, 1, 0]]"


def _kernel(value: Any) -> Kernel:
    if isinstance(value, str) and value in NAMED_KERNELS:
        return NAMED_KERNELS[value]
    if isinstance(value, tuple) and value and _nested_shape(value) is not None:
        return value
    lists = "a list of numbers (of lists of numbers, an axis a level)"
    if isinstance(value, str):
        raise other_word(NAMED_KERNELS, lists)
    raise wrong(f"{lists}, each level as long as those beside it", (), help=_RECTANGULAR)


def _kernel_schema(levels: int) -> dict[str, Any]:
    """Numbers, or lists of them that are nested up to so deep; not that they are rectangular."""
    nested = {"items": _kernel_schema(levels - 1), "minItems": 1} if levels else {}
    return numbers(-FLOAT32_LARGEST) | {"type": ["number", "array"]} | nested


_KERNEL = WithJsonSchema(
    {
        "anyOf": [
            {"enum": list(NAMED_KERNELS)},
            {"type": "array", "items": _kernel_schema(3), "minItems": 1},
        ]
    }
)


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

    Fields:
        kernel: The kernel's numbers, in lists nested as deep as the input has spatial axes, or the
            name of one for images: `edge_detection`, `sharpen`, `gaussian_blur`.
        stride: How many rows the kernel moves at a time.
        padding: Rows added around the input, as of a conv: a number, a list of one an axis,
            `{total: 3}`, or `same`, `same_upper`, `same_lower`, `valid`.
        dilation: The distance between the rows that the kernel reads; 1 for neighbours.
        padding_mode: What the added rows hold: zeros, or copies of the input's rows.
    """

    kind = "filter"
    main_field = "kernel"

    kernel: Annotated[Kernel, PlainValidator(_kernel), _KERNEL]
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
