"""The arithmetic of windows that slide over an input: convolution, pooling, filters.

With n the input's size along an axis, k the kernel's extent (dilated: d (k - 1) + 1), p the rows
of padding in all and s the stride, the output has floor((n - k + p + s) / s) rows (Dumoulin and
Visin 2016, A guide to convolution arithmetic for deep learning, relationship 6, in the form of the
lecture).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from archspec.layers.base import AxisWindow, LayerError, Shape, product
from archspec.layers.fields import Padding, PerAxis, Side, count, per_axis, wrong_length
from archspec.layers.sizes import at_least, larger, smaller


class Axis(NamedTuple):
    """A window's motion along one spatial axis.

    `overhang` is how many rows past the padding the last window reads (`ceil_mode` alone lets it).
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    output: int
    overhang: int = 0

    @property
    def extent(self) -> int:
        """The rows from the first to the last that one window spans."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def formula(self) -> str:
        """The lecture's formula with the numbers in it."""
        padding = self.before + self.after
        brackets = "⌊⌋" if self.overhang == 0 else "⌈⌉"
        # With ceil_mode, ceil((n - k + p) / s) + 1 is the same rule rounded up.
        return (
            f"{brackets[0]}({self.size} − {self.extent} + {padding} + {self.stride})"
            f" / {self.stride}{brackets[1]} = {self.output}"
        )

    @property
    def reads(self) -> AxisWindow:
        return AxisWindow(self.extent, self.stride, self.before)


@lru_cache(maxsize=4096)  # A network's layers are a few, seen many times.
def slide(
    sizes: Shape,
    kernel: PerAxis,
    stride: PerAxis,
    padding: Padding,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
) -> tuple[Axis, ...]:
    """A window's motion over the spatial `sizes`, an entry an axis.

    Raises LayerError where a list has another length than there are axes, or a window is larger
    than its padded input. `ceil_mode` is for pools, which pad by less than a window.
    """
    axes = len(sizes)
    kernels = per_axis(kernel, axes, "kernel_size")
    strides = per_axis(stride, axes, "stride")
    dilations = per_axis(dilation, axes, "dilation")
    extents = tuple(d * (k - 1) + 1 for k, d in zip(kernels, dilations, strict=True))
    sides = pad_sides(padding, sizes, extents, strides)
    motions = []
    for axis, (size, k, s, d, (before, after)) in enumerate(
        zip(sizes, kernels, strides, dilations, sides, strict=True)
    ):
        extent = extents[axis]
        room = size + before + after
        # With ceil_mode the last window, which may be the only one, may lack up to stride - 1 rows.
        lack = s - 1 if ceil_mode else 0
        if not at_least(room, extent - lack):
            raise _too_large(axis, axes, size, room, extent, lack)
        overhang = 0
        if padding.way in _TO_SIZE:
            output = (size + s - 1) // s
        elif ceil_mode:
            # Windows up to the last padded row, but those that would start past the input and its
            # leading padding.
            output = smaller((room - extent + s - 1) // s + 1, (size + before + s - 1) // s)
            overhang = larger(0, (output - 1) * s + extent - room)
        else:
            output = (room - extent + s) // s
        motions.append(Axis(size, k, s, d, before, after, output, overhang))
    return tuple(motions)


_TO_SIZE = ("same_upper", "same_lower")
"""The ways of padding that have the output's size in mind: ceil(n / s), in either mode."""


def pad_sides(padding: Padding, sizes: Shape, extents: Shape, strides: Shape) -> tuple[Side, ...]:
    """The rows that `padding` adds before and after along each axis."""
    match padding.way:
        case "explicit" | "total":
            return sides_in_rows(padding, len(sizes))
        case "same":
            return tuple(_split(extent - 1) for extent in extents)
        case "same_upper" | "same_lower":
            sides = []
            for size, extent, stride in zip(sizes, extents, strides, strict=True):
                output = (size + stride - 1) // stride
                more, less = _split(larger(0, (output - 1) * stride + extent - size))
                sides.append((less, more) if padding.way == "same_upper" else (more, less))
            return tuple(sides)


def sides_in_rows(padding: Padding, axes: int) -> tuple[Side, ...]:
    """The rows before and after each of `axes` axes, of padding that is `explicit` or a `total`.
    Raises LayerError where it lists another number of them.
    """
    sides = padding.sides or tuple(map(_split, padding.totals))
    if padding.alike:
        return sides * axes
    if len(sides) != axes:
        error = wrong_length("padding", len(sides), axes)
        if len(sides) == 2 * axes and all(before == after for before, after in sides):
            # As ONNX has it: all that comes before, then all that comes after.
            pairs = [[sides[axis][0], sides[axis + axes][0]] for axis in range(axes)]
            error.help = f"before and after, an axis at a time: `padding: {pairs}`"
        raise error
    return sides


def _split(total: int) -> Side:
    """The lecture's split: the larger half before, the smaller after."""
    return (total + 1) // 2, total // 2


def _too_large(axis: int, axes: int, size: int, room: int, extent: int, lack: int) -> LayerError:
    name = axis_names(axes)[axis]
    padded = "" if room == size else f" with its padding ({size} + {room - size})"
    most, least = room + lack, extent - lack - room
    return LayerError(
        f"the window spans {count(extent, 'row')} along the {name}, "
        f"but the input has only {room}{padded}",
        field="kernel_size",
        help=f"use a kernel that spans at most {most}, or pad the {name} by {least} more in all",
    )


def axis_names(axes: int) -> tuple[str, ...]:
    """What the spatial axes are called: (length), (height, width), (depth, height, width)."""
    return ("length",) if axes == 1 else ("depth", "height", "width")[-axes:]


def formula(axes: tuple[Axis, ...]) -> str:
    """The size formula of every axis, once where all are alike."""
    return alike([axis.formula for axis in axes])


def alike(texts: Sequence[str]) -> str:
    """The text of every axis, once where all are alike."""
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def elements(axes: tuple[Axis, ...]) -> int:
    """Positions that one window reads."""
    return product(tuple(axis.kernel for axis in axes))


def spatial(shape: Shape, kind: str) -> Shape:
    """The spatial sizes of an image-like input. Raises LayerError for a flat one."""
    if not 2 <= len(shape) <= 4:
        raise LayerError(
            f"{kind} needs an input with channels and 1 to 3 spatial axes, "
            f"not one of shape {list(shape)}",
            code="AS303",
            help=f"put {kind} before the flatten" if len(shape) == 1 else "",
        )
    return shape[1:]
