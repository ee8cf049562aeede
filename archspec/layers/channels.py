"""Channels that a layer divides into equal parts."""

from archspec.layers.base import LayerError
from archspec.layers.fields import count

_FARTHEST = 4096
"""How far from the number that was written a divisor is looked for."""


def check_divides(parts: int, channels: int, field: str, part: str) -> None:
    """Raise LayerError where `channels` cannot be divided into so many parts.

    `field` is the layer's field that has the number, and `part` the noun for one of them.
    """
    if channels % parts:
        near = nearest_divisor(channels, parts)
        more = (channels // parts + 1) * parts
        raise LayerError(
            f"{channels} incoming channels cannot be divided into {count(parts, part)}",
            code="AS302",
            field=field,
            help=f"{field} must divide the incoming channels: {near} is the nearest that does; "
            f"or let {more} channels come in",
        )


def nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of `number` that is nearest to `wanted`, the smaller of two; 1 where they all
    are far from it.
    """
    if wanted >= number:
        return number
    for distance in range(_FARTHEST):
        for divisor in (wanted - distance, wanted + distance):
            if divisor > 0 and number % divisor == 0:
                return divisor
    return 1
