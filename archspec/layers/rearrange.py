"""Kinds that put the elements of a value in another order."""

from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from archspec.layers.base import (
    AxisWindow,
    Inputs,
    Layer,
    LayerError,
    Shape,
    pointwise_windows,
    product,
    text_of,
)
from archspec.layers.channels import check_divides
from archspec.layers.fields import LARGEST, Positive, count, integers, wrong
from archspec.layers.sizes import divides, equal, is_number
from archspec.layers.window import alike, axis_names, spatial

MOST_AXES = 8
"""A value that is rearranged may have more axes on the way than any other layer takes."""


def _nearest_multiple(number: int, divisor: int) -> int:
    return max(1, (2 * number + divisor) // (2 * divisor)) * divisor


class _PixelShuffle(Layer):
    """What pixel_shuffle and its inverse share."""

    def _plane(self, x: Shape) -> Shape:
        """Height and width, the only axes that PyTorch shuffles."""
        sizes = spatial(x, self.kind)
        if len(sizes) != 2:
            raise LayerError(
                f"{self.kind} needs an input of a height and a width, not one of {text_of(x)}",
                code="AS303",
                help="reshape and permute it instead",
            )
        return sizes

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0


class PixelShuffle(_PixelShuffle):
    """Channels into space (Shi et al. 2016): (C r², H, W) -> (C, H r, W r).

    With r the upscale_factor, channel c r² + i r + j goes to rows that are i beyond a multiple of
    r, and columns that are j beyond one.

    Fields:
        upscale_factor: What height and width are multiplied by; its square divides the channels.
    """

    kind = "pixel_shuffle"
    main_field = "upscale_factor"

    upscale_factor: Positive

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        sizes, r = self._plane(x), self.upscale_factor
        if x[0] % (r * r):
            near = _nearest_multiple(x[0], r * r)
            raise LayerError(
                f"{x[0]} incoming channels cannot be divided into squares of {r} × {r}",
                code="AS302",
                field="upscale_factor",
                help=f"{near} channels can: the nearest multiple of {r * r}",
            )
        return (x[0] // (r * r), *(n * r for n in sizes))

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        (x,), r = inputs, self.upscale_factor
        sizes = alike([f"{n} × {r} = {m}" for n, m in zip(x[1:], output[1:], strict=True)])
        return f"{sizes}, {x[0]} / {r * r} = {output[0]} channels"


class PixelUnshuffle(_PixelShuffle):
    """Space into channels, the inverse of pixel_shuffle: (C, H r, W r) -> (C r², H, W).

    With r the downscale_factor, row h r + i and column w r + j of channel c go to channel
    c r² + i r + j.

    Fields:
        downscale_factor: What height and width are divided by.
    """

    kind = "pixel_unshuffle"
    main_field = "downscale_factor"

    downscale_factor: Positive

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        sizes, r = self._plane(x), self.downscale_factor
        for name, n in zip(axis_names(2), sizes, strict=True):
            if not divides(r, n):
                to = f" to {_nearest_multiple(n, r)}" if is_number(n) else ""
                raise LayerError(
                    f"pixel_unshuffle by {r} needs a {name} that {r} divides, not {n}",
                    field="downscale_factor",
                    help=f"pad or resize the {name}{to}",
                )
        return (x[0] * r * r, *(n // r for n in sizes))

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return (AxisWindow(self.downscale_factor, self.downscale_factor, 0),) * 2

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        (x,), r = inputs, self.downscale_factor
        sizes = alike([f"{n} / {r} = {m}" for n, m in zip(x[1:], output[1:], strict=True)])
        return f"{sizes}, {x[0]} × {r * r} = {output[0]} channels"


class ChannelShuffle(Layer):
    """The channels of `groups` groups in turn (Zhang et al. 2018, ShuffleNet): (C, ...) ->
    (C, ...), the first of each group, then the second of each, and so on.

    Fields:
        groups: The parts that the channels are divided into; it divides the incoming channels.
    """

    kind = "channel_shuffle"
    main_field = "groups"

    groups: Positive

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        spatial(x, self.kind)
        check_divides(self.groups, x[0], "groups", "group")
        return x

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])


def _integers(value: Any) -> Shape:
    """The integers of a list that may stand for axes; none where it is something else."""
    are_integers = isinstance(value, tuple) and all(type(item) is int for item in value)
    return value if are_integers and len(value) <= MOST_AXES else ()


def _sizes(value: Any) -> Shape:
    sizes = _integers(value)
    if sizes and sizes.count(-1) <= 1 and all(-1 <= n <= LARGEST and n for n in sizes):
        return sizes
    expected = f"a list of at most {MOST_AXES} sizes, of which one may be -1: what is left"
    raise wrong(expected, sizes, int)


def _order(value: Any) -> Shape:
    axes = _integers(value)
    # A list of each axis once has as many entries as there are axes to count back from.
    order = tuple([axis + len(axes) if axis < 0 else axis for axis in axes])
    if order and sorted(order) == list(range(len(order))):
        return order
    expected = "a list with each axis once, from 0, the channels, such as [0, 2, 1]"
    raise wrong(expected, axes, int)


def _list_of(items: dict[str, Any], **more: Any) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "array", "items": items, "minItems": 1, "maxItems": MOST_AXES, **more}
    )


class Reshape(Layer):
    """The same elements in the same order, under another `shape`, which leaves the batch out:
    (n0, n1, ...) -> (m0, m1, ...). A size of -1 stands for what is left.

    Fields:
        shape: The new sizes, without the batch; one of them may be -1, what is left.
    """

    kind = "reshape"
    main_field = "shape"
    is_view = True

    shape: Annotated[Shape, PlainValidator(_sizes), _list_of(integers(-1) | {"not": {"const": 0}})]

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        total, known = product(x), product(tuple(n for n in self.shape if n > 0))
        if -1 not in self.shape:
            if not equal(total, known):
                raise LayerError(
                    f"{_elements(x)} cannot take the shape {text_of(self.shape)}, "
                    f"which has {known}",
                    field="shape",
                    help="leave one size to be worked out: -1",
                )
            return self.shape
        if not divides(known, total):
            raise LayerError(
                f"{_elements(x)} cannot be divided by {known}, which the sizes in "
                f"{list(self.shape)} make together",
                field="shape",
                help="make the sizes beside -1 divide the elements",
            )
        return tuple([total // known if n < 0 else n for n in self.shape])

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return f"{text_of(inputs[0])} = {text_of(output)}"


def _elements(shape: Shape) -> str:
    """`16 × 5 × 5 = 400 elements`."""
    whole = f"{text_of(shape)} = " if len(shape) > 1 else ""
    return f"{whole}{product(shape)} elements"


class Permute(Layer):
    """The axes in another `order`: (n0, n1, ...) -> (n_order[0], n_order[1], ...). The batch, which
    is not counted, stays where it is; axis 0 is the channels.

    Fields:
        order: Each axis once, counted from 0, the channels, in the order that they are to have.
    """

    kind = "permute"
    main_field = "order"

    order: Annotated[
        Shape,
        PlainValidator(_order),
        _list_of(integers(-MOST_AXES, MOST_AXES - 1), uniqueItems=True),
    ]

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        if len(self.order) != len(x):
            raise LayerError(
                f"`order` lists {count(len(self.order), 'axis', 'axes')}, but the input "
                f"{text_of(x)} has {len(x)}, the channels counted",
                code="AS303",
                field="order",
                help=f"list each axis from 0 to {len(x) - 1} once",
            )
        return tuple([x[axis] for axis in self.order])

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        unmoved = self.order == tuple(range(len(self.order)))
        return pointwise_windows(inputs[0]) if unmoved else None

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return f"axes {', '.join(str(axis) for axis in self.order)} of {text_of(inputs[0])}"
