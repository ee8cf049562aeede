"""Kinds that make one value of many along an axis."""

from itertools import pairwise
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from archspec.layers.axes import axis_of
from archspec.layers.base import (
    AxisWindow,
    Inputs,
    Layer,
    LayerError,
    Shape,
    pointwise_windows,
    text_of,
)
from archspec.layers.fields import entries, one_or_list, wrong
from archspec.layers.window import spatial


def _axes(value: Any) -> Shape:
    axes = entries(value)
    are_integers = axes and all(type(axis) is int for axis in axes)
    if are_integers and len(set(axes)) == len(axes):
        return tuple(sorted(axes))
    expected = "a list of axes, each once, from 0, the channels, such as [1, 2]"
    raise wrong(expected, axes, int)


_AXES = WithJsonSchema(one_or_list({"type": "integer"}) | {"uniqueItems": True})


class Mean(Layer):
    """The mean over `axes`, counted from 0, the channels; without them, over all spatial axes.
    Negative ones count from the last back.

    (C, H, W) -> (C,), or with `keep` (C, 1, 1): the axes stay, with one element each.

    Fields:
        axes: The axes that the mean is over, counted from 0, the channels: a number, or a list;
            without it, all spatial ones.
        keep: Whether these axes stay, with a size of 1.
    """

    kind = "mean"
    main_field = "axes"

    axes: Annotated[Shape, PlainValidator(_axes), _AXES] | None = None
    keep: bool = False

    def over(self, x: Shape) -> Shape:
        """The axes of an input of shape `x` that go, in order, counted from 0. Raises LayerError
        where it has no such, or one of them is named twice.
        """
        if self.axes is None:
            return tuple(range(1, len(spatial(x, self.kind)) + 1))
        over = sorted([axis_of(axis, x, "axes") for axis in self.axes])
        for axis, following in pairwise(over):
            if axis == following:
                raise LayerError(
                    f"axis {axis} of {text_of(x)} is axis {axis - len(x)} too",
                    code="AS206",
                    field="axes",
                    help="name each axis once",
                )
        return tuple(over)

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        over = self.over(x)
        if self.keep:
            return tuple([1 if axis in over else size for axis, size in enumerate(x)])
        if len(over) == len(x):
            raise LayerError(
                f"the mean over every axis of {text_of(x)} leaves no axis",
                code="AS303",
                field="axes",
                help="add `keep: true`",
            )
        return tuple([size for axis, size in enumerate(x) if axis not in over])

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        (x,) = inputs
        return pointwise_windows(x) if self.keep and self.over(x) == (0,) else None

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        (x,) = inputs
        sizes = " × ".join(str(x[axis]) for axis in self.over(x))
        return f"the mean of {sizes}"
