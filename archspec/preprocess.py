"""How a picture becomes a network's input, as data: the `preprocess` section of a spec.

The same model reads the section in a spec's front end and in an ONNX file's metadata. What it asks
for is applied to pixels by `archspec.runtime.images`; here nothing but pydantic is imported.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeGuard

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

Channels = Literal["rgb", "bgr", "gray"]
Interpolation = Literal["nearest", "bilinear", "bicubic"]

CHANNEL_COUNT: dict[Channels, int] = {"rgb": 3, "bgr": 3, "gray": 1}

MAX_SIDE = 16_384
"""Pixels. A larger picture is no network's input, and would fill the memory."""

FLOAT32_LIMIT = 3e38
"""Beyond it a number is infinite as float32, in which pixels are counted."""


def _error(expected: str, help: str = "", is_of_type: bool = False) -> PydanticCustomError:
    """The error of a value that is not what is `expected`, though it may be of the right type;
    `help` is the way out. The front end says it its own way.
    """
    context = {"expected": expected, "help": help, "is_of_type": is_of_type}
    return PydanticCustomError("preprocess", "must be {expected}", context)


def _is_side(value: object) -> TypeGuard[int]:
    return type(value) is int and 1 <= value <= MAX_SIDE


def _size(value: object) -> int | tuple[int, int]:
    """One side in pixels, or a height and a width, as a number or a sequence of two."""
    if _is_side(value):
        return value
    match value:
        case [height, width] if _is_side(height) and _is_side(width):
            return height, width
    raise _error(
        f"a number of pixels from 1 to {MAX_SIDE}, or a height and a width as in [224, 224]"
    )


def _is_number(value: object) -> TypeGuard[int | float]:
    return (type(value) is int or type(value) is float) and abs(value) < FLOAT32_LIMIT


def _per_channel(value: object) -> float | tuple[float, ...]:
    """A number for every channel, or one a channel."""
    if _is_number(value):
        return float(value)
    if isinstance(value, (tuple, list)):
        numbers = tuple(float(number) for number in value if _is_number(number))
        if 0 < len(numbers) == len(value):
            return numbers
    raise _error("a number, or a list of one number a channel")


# Checked whole before pydantic tries the union: one mistake is then one error, at the field's own
# place, and a sequence may be the tuple of our YAML reader as well as the list of a JSON reader.
_SIDE = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE}
_SIDES = _SIDE | {"type": ["integer", "array"], "items": _SIDE, "minItems": 2, "maxItems": 2}
Size = Annotated[int | tuple[int, int], BeforeValidator(_size), WithJsonSchema(_SIDES)]


def _per_channel_schema(**least: float) -> WithJsonSchema:
    number = {"type": "number", "exclusiveMaximum": FLOAT32_LIMIT, **least}
    return WithJsonSchema(number | {"type": ["number", "array"], "items": number, "minItems": 1})


PerChannel = Annotated[
    float | tuple[float, ...],
    BeforeValidator(_per_channel),
    _per_channel_schema(exclusiveMinimum=-FLOAT32_LIMIT),
]
Divisor = Annotated[PerChannel, _per_channel_schema(exclusiveMinimum=0)]
"""A `PerChannel` above 0."""

_ONE: JsonDict = {"maxItems": 1}
_THREE: JsonDict = {"minItems": 3, "maxItems": 3}
"""How many a list has, by the number of channels."""


class Preprocess(BaseModel):
    """The steps from a picture to an array, in the order in which they are applied.

    The picture is decoded, converted to `channels`, resized, cropped around its centre; then each
    value, 0 to 255, becomes (value × scale − mean) / std, as float32 C × H × W.

    Sizes are pixels. `resize` as one number is the shorter side, and the longer one follows,
    rounded down; a pair is the height and the width, whatever the aspect was. `crop` as one number
    is a square. `mean` and `std` are one number, or one a channel in the order of `channels`.

    Reads Python values and, with `model_validate_json`, JSON; `model_dump(mode="json")` is what
    travels in an ONNX file.

    Fields:
        channels: The order of the channels, or one channel of brightness.
        resize: Pixels of the shorter side, or `[height, width]`, that the picture is brought to.
        crop: Pixels of the side of a square, or `[height, width]`, that is cut out around the
            centre.
        interpolation: How pixels are made in resizing.
        scale: What values, 0 to 255, are multiplied by first.
        mean: What is subtracted then: a number, or one a channel.
        std: What it is divided by at last: a number, or one a channel.
    """

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        defer_build=True,
        json_schema_extra={
            "if": {"required": ["channels"], "properties": {"channels": {"const": "gray"}}},
            "then": {"properties": {"mean": _ONE, "std": _ONE}},
            "else": {"properties": {"mean": _THREE, "std": _THREE}},
        },
    )

    channels: Channels = "rgb"
    resize: Size | None = None
    crop: Size | None = None
    interpolation: Interpolation = "bilinear"
    scale: float = Field(default=1.0, gt=0, lt=FLOAT32_LIMIT)
    mean: PerChannel = 0.0
    std: Divisor = 1.0

    @field_validator("crop")
    @classmethod
    def _crop_fits(cls, crop: Size | None, info: ValidationInfo) -> Size | None:
        resize = info.data.get("resize")
        if crop is None or resize is None:
            return crop
        # A shorter side says nothing of the longer one, so only the smaller of a crop's sides
        # can be known not to fit.
        fits = (
            min(both_sides(crop)) <= resize
            if isinstance(resize, int)
            else crop_fits(both_sides(resize), both_sides(crop))
        )
        if not fits:
            picture = (
                f"whose shorter side is {resize}"
                if isinstance(resize, int)
                else f"{resize[0]} × {resize[1]}"
            )
            expected = f"no larger than the resized picture, {picture}"
            raise _error(expected, "make `resize` larger, or `crop` smaller", is_of_type=True)
        return crop

    @field_validator("mean", "std")
    @classmethod
    def _one_a_channel(cls, value: PerChannel, info: ValidationInfo) -> PerChannel:
        channels: Channels | None = info.data.get("channels")
        if isinstance(value, tuple) and channels and len(value) != CHANNEL_COUNT[channels]:
            number = CHANNEL_COUNT[channels]
            several = f"list {number}, as there are in `channels: {channels}`"
            help = f"{several}, or write one number for all" if number > 1 else "write one number"
            expected = f"one number, or one a channel ({channels}: {number} in all)"
            raise _error(expected, help, is_of_type=True)
        return value

    @field_validator("std")
    @classmethod
    def _std_is_positive(cls, std: PerChannel) -> PerChannel:
        if min(std if isinstance(std, tuple) else (std,)) <= 0:
            help = "values are divided by it: 1 leaves them as they are"
            raise _error("above 0", help, is_of_type=True)
        return std


def both_sides(size: Size) -> tuple[int, int]:
    """Height and width, of which one number means both."""
    return (size, size) if isinstance(size, int) else size


def crop_fits(picture: tuple[int, int], crop: tuple[int, int]) -> bool:
    """Whether a crop lies within a picture; both are a height and a width."""
    return crop[0] <= picture[0] and crop[1] <= picture[1]
