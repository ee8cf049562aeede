"""The axes of a value by their numbers."""

from archspec.layers.base import LayerError, Shape, text_of


def axis_of(number: int, x: Shape, field: str) -> int:
    """The axis of this number, counted from 0, the channels; a negative one from the last back, as
    in Python. Raises LayerError, which blames `field`, where a value of shape `x` has no such axis.
    """
    if not -len(x) <= number < len(x):
        raise LayerError(
            f"there is no axis {number} in {text_of(x)}",
            code="AS303",
            field=field,
            help=f"count from 0, the channels, to {len(x) - 1}, or back from the last with -1",
        )
    return number + len(x) if number < 0 else number
