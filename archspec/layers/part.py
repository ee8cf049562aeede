"""Kinds that take a part of a value."""

from abc import abstractmethod
from typing import Self

from pydantic import ConfigDict, model_validator

from archspec.layers.base import (
    AxisWindow,
    Inputs,
    Layer,
    LayerError,
    Shape,
    pointwise_windows,
    text_of,
)
from archspec.layers.channels import check_divides
from archspec.layers.fields import Position, Positive, count, given
from archspec.layers.sizes import at_least


class _Channels(Layer):
    """Some of the channels, all of each: (C, ...) -> (stop - start, ...)."""

    @abstractmethod
    def bounds(self, x: Shape) -> tuple[int, int]:
        """The first channel, and the one after the last. Raises LayerError where there is none."""

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        start, stop = self.bounds(x)
        return (stop - start, *x[1:])

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        (x,) = inputs
        start, stop = self.bounds(x)
        return f"channels {start} to {stop - 1} of {x[0]}"


class Slice(_Channels):
    """The channels from `start` up to, not including, `stop`: (C, ...) -> (stop - start, ...).

    Negative numbers count from the end. Unlike in Python, channels that are not there are an error.

    Fields:
        start: The first channel that is taken, counted from 0; a negative number counts from the
            end.
        stop: The channel before which it ends; without it, the last one is taken too.
    """

    kind = "slice"

    start: Position = 0
    stop: Position | None = None

    def bounds(self, x: Shape) -> tuple[int, int]:
        channels = x[0]
        start = self._from_front(self.start, "start", channels)
        stop = channels if self.stop is None else self._from_front(self.stop, "stop", channels)
        if not at_least(stop - start, 1):
            field = "start" if self.stop is None else "stop"
            raise LayerError(
                f"there is no channel from {start} up to, not including, {stop}",
                field=field,
                help="make `stop` larger than `start`, or leave it out: up to the last",
            )
        return start, stop

    def _from_front(self, position: int, field: str, channels: int) -> int:
        if not at_least(channels, abs(position)):
            raise LayerError(
                f"`{field}` is {position}, and the input has {count(channels, 'channel')}",
                field=field,
                help=f"give a number from -{channels} to {channels}",
            )
        return position + channels if position < 0 else position


class Split(_Channels):
    """One part of the channels, of `parts` equal ones or of those that have these `sizes`:
    (C, ...) -> (C / parts, ...). `index` counts the parts from 0, a negative one from the end.

    Fields:
        parts: How many equal parts the channels are divided into.
        sizes: The channels of each part, instead of `parts`; together they are all that come in.
        index: Which part is taken, counted from 0; a negative number counts from the end.
    """

    kind = "split"
    main_field = "parts"
    model_config = ConfigDict(json_schema_extra={"oneOf": [given("parts"), given("sizes")]})

    parts: Positive | None = None
    sizes: tuple[Positive, ...] | None = None
    index: Position = 0

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        sizes, parts = self.sizes, self.parts
        if (parts is None) == (sizes is None):
            raise LayerError(
                "split needs `parts`, or `sizes`" + ("" if parts is None else ", and not both"),
                code="AS204" if parts is None else "AS206",
                field=None if parts is None else "sizes",
                help="`split: {parts: 2, index: 0}`, or `split: {sizes: [16, 48], index: 0}`",
            )
        return self

    def bounds(self, x: Shape) -> tuple[int, int]:
        channels, sizes, parts = x[0], self.sizes, self.parts
        if parts is not None:
            check_divides(parts, channels, "parts", "equal part")
            index = self._index(parts)
            return channels // parts * index, channels // parts * (index + 1)
        assert sizes is not None, "one of the two is given"
        if sum(sizes) != channels:
            raise LayerError(
                f"the sizes {' + '.join(map(str, sizes[:8]))}{' + …' if len(sizes) > 8 else ''} = "
                f"{sum(sizes)} are not those of {count(channels, 'channel')}",
                code="AS302",
                field="sizes",
                help=f"make them {channels} together",
            )
        index = self._index(len(sizes))
        return sum(sizes[:index]), sum(sizes[: index + 1])

    def _index(self, parts: int) -> int:
        if not -parts <= self.index < parts:
            raise LayerError(
                f"there is no part {self.index} of {parts}",
                code="AS206",
                field="index",
                help=f"count the parts from 0 to {parts - 1}, or back from the last with -1",
            )
        return self.index + parts if self.index < 0 else self.index


class Select(Layer):
    """What is at one `position` of a row: (C, L) -> (C,). A negative one counts from the end.

    Fields:
        position: Which position is taken, counted from 0; a negative number counts from the end.
    """

    kind = "select"
    main_field = "position"

    position: Position

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        if len(x) != 2:
            raise LayerError(
                f"select takes one position of a length, and the input is {text_of(x)}",
                code="AS303",
                help="put select before the flatten"
                if len(x) == 1
                else "put `- flatten: {start: 1}` before it: that makes one length of an image",
            )
        if not at_least(x[1], self.position + 1 if self.position >= 0 else -self.position):
            raise LayerError(
                f"there is no position {self.position} in a length of {x[1]}",
                field="position",
                help=f"count from 0 up to, not including, {x[1]}, or back from the end with -1",
            )
        return x[:1]

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None
