"""Arithmetic with numbers that the spec gives, and a learnt factor for each channel."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, PlainValidator, WithJsonSchema, model_validator

from archspec.layers.activation import Elementwise
from archspec.layers.base import Inputs, LayerError, Shape, Tensor
from archspec.layers.fields import (
    FLOAT32_LARGEST,
    Real,
    count,
    entries,
    given,
    is_number,
    numbers,
    one_or_list,
    wrong,
)


def _per_channel(value: Any) -> float | tuple[float, ...]:
    if is_number(value):
        return float(value)
    if isinstance(value, tuple) and value and all(map(is_number, value)):
        return tuple(map(float, value))
    expected = "a number that float32 can hold, or a list of one a channel"
    raise wrong(expected, entries(value), int, float)


PerChannel = Annotated[
    float | tuple[float, ...],
    PlainValidator(_per_channel),
    WithJsonSchema(one_or_list(numbers(-FLOAT32_LARGEST))),
]
"""A number for every channel, or one number a channel."""


class _WithConstant(Elementwise):
    """One operation with a constant, which is the same for all channels or has a number for each.

    The constant is part of the network and not among its weights.

    Fields:
        value: The number, or a list of one a channel.
    """

    main_field = "value"

    value: PerChannel

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        if isinstance(self.value, tuple) and len(self.value) != x[0]:
            raise LayerError(
                f"`value` lists {count(len(self.value), 'number')}, "
                f"but the input has {count(x[0], 'channel')}",
                field="value",
                help=f"write one number for every channel, or a list of {x[0]}",
            )
        return x


class Scale(_WithConstant):
    """x times a constant: (C, ...) -> (C, ...)."""

    kind = "scale"


class Shift(_WithConstant):
    """x plus a constant: (C, ...) -> (C, ...)."""

    kind = "shift"


class Power(Elementwise):
    """x to the power of `exponent`; of a negative x to that of a fraction, not a number.

    Fields:
        exponent: The power that each element is raised to.
    """

    kind = "power"
    main_field = "exponent"

    exponent: Real


class Clamp(Elementwise):
    """min where x is less, max where x is more; at least one of them is given.

    Fields:
        min: The least value; smaller ones become it. Without it there is no least one.
        max: The largest value; larger ones become it. Without it there is no largest one.
    """

    kind = "clamp"
    model_config = ConfigDict(json_schema_extra={"anyOf": [given("min"), given("max")]})

    min: Real | None = None
    max: Real | None = None

    @model_validator(mode="after")
    def _is_between(self) -> Self:
        if self.min is None and self.max is None:
            raise LayerError(
                "clamp needs `min`, `max`, or both",
                code="AS204",
                help="write `clamp: {min: 0, max: 6}`, or `clamp: {min: 0}`",
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            raise LayerError(
                f"nothing lies between a `min` of {self.min:g} and a `max` of {self.max:g}",
                code="AS206",
                field="max",
                help="make `max` at least as large as `min`",
            )
        return self


class Abs(Elementwise):
    """x without its sign."""

    kind = "abs"


class LayerScale(Elementwise):
    """x times a learnt factor for each channel (Touvron et al. 2021): (C, ...) -> (C, ...).

    The factors have the step's own name and the shape (C, 1, ...), as torchvision's `layer_scale`;
    all of them start as `init`, small, so that a residual's branch begins near nothing.

    Fields:
        init: What the factors start as.
    """

    kind = "layer_scale"
    main_field = "init"

    init: Real = 1e-6

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        channels, *sizes = inputs[0]
        return {"": Tensor((channels, *(1 for _ in sizes)), constant=self.init)}

    def parameter_formula(self, inputs: Inputs) -> str:
        channels = inputs[0][0]
        return f"{channels} × 1 = {channels:,}"
