"""The types of layers' fields: numbers and lists an axis, and every way of writing padding.

Each checks what the author wrote and says what it would have taken; what is returned is hashable.
Where pydantic cannot tell what a check admits, the type has it as JSON Schema beside.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from archspec.layers.base import LayerError

LARGEST = 2**40
"""Beyond this a size is a slip of the pen; staying far below 2**63 keeps every product exact."""

FLOAT32_LARGEST = 3e38
FLOAT32_SMALLEST = 1e-37
"""Beyond these a number is infinite, or nothing, as float32: what networks compute in."""

INT32_LARGEST = 2**31 - 1
"""Frameworks count a window's rows, and neighbours, in 32 bits."""


def is_number(value: Any) -> bool:
    """Whether a plain value is a number that float32 can hold."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return value == 0 or FLOAT32_SMALLEST <= abs(value) <= FLOAT32_LARGEST


def wrong(
    expected: str, values: tuple[Any, ...], *types: type, help: str = ""
) -> PydanticCustomError:
    """The error of a field that is not what is expected: of its range, where all its `values`, of
    which there is one or more, are of these types; else of its type. `help` is the way out, where
    it is another than to write what is expected.
    """
    are_of_type = values and all([type(value) in types for value in values])
    context = {"expected": expected, "help": help}
    return PydanticCustomError("range" if are_of_type else "field", "{expected}", context)


def other_word(words: Iterable[str], instead: str) -> PydanticCustomError:
    """The error of a field that holds a word other than these; `instead` is what else it takes."""
    expected = ", ".join(f"'{word}'" for word in words)
    context = {"expected": f"{expected} or {instead}"}
    return PydanticCustomError("literal_error", "{expected}", context)


def entries(value: Any) -> tuple[Any, ...]:
    """The entries of a list; of anything else, itself alone."""
    return value if isinstance(value, tuple) else (value,)


def _real(words: str, admits: Callable[[float], bool]) -> PlainValidator:
    def check(value: Any) -> float:
        if is_number(value) and admits(value):
            return float(value)
        raise wrong(words, (value,), int, float)

    return PlainValidator(check)


def numbers(least: float, most: float = FLOAT32_LARGEST) -> dict[str, Any]:
    """The JSON Schema of numbers within bounds."""
    return {"type": "number", "minimum": least, "maximum": most}


Real = Annotated[
    float,
    _real("a number that float32 can hold", lambda _: True),
    WithJsonSchema(numbers(-FLOAT32_LARGEST)),
]
PositiveReal = Annotated[
    float,
    _real("a number above 0 that float32 can hold", lambda x: x > 0),
    WithJsonSchema(numbers(FLOAT32_SMALLEST)),
]
NonNegativeReal = Annotated[
    float,
    _real("a number of at least 0 that float32 can hold", lambda x: x >= 0),
    WithJsonSchema(numbers(0)),
]
Fraction = Annotated[
    float,
    _real("a number from 0 to 1", lambda x: 0 <= x <= 1),
    WithJsonSchema(numbers(0, 1)),
]


def given(field: str) -> dict[str, Any]:
    """The JSON Schema of fields among which this one is, and is not null."""
    return {"required": [field], "properties": {field: {"not": {"type": "null"}}}}


PerAxis = int | tuple[int, ...]
"""A number for every spatial axis, or one number an axis."""


def _is_int(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= LARGEST


def _per_axis(value: Any, least: int, words: str) -> PerAxis:
    if _is_int(value, least):
        return int(value)
    if isinstance(value, tuple) and value and all(_is_int(item, least) for item in value):
        return value
    raise wrong(f"{words}, or a list of one an axis", entries(value), int)


def _positive_per_axis(value: Any) -> PerAxis:
    sizes = _per_axis(value, 1, "an integer of at least 1")
    if max(entries(sizes)) > INT32_LARGEST:
        raise wrong(f"at most {INT32_LARGEST}", entries(value), int)
    return sizes


def one_or_list(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of what this one admits, or a list of it."""
    return schema | {"type": [schema["type"], "array"], "items": schema, "minItems": 1}


def integers(least: int, most: int = LARGEST) -> dict[str, Any]:
    """The JSON Schema of integers within bounds."""
    return {"type": "integer", "minimum": least, "maximum": most}


PositivePerAxis = Annotated[
    PerAxis,
    PlainValidator(_positive_per_axis),
    WithJsonSchema(one_or_list(integers(1, INT32_LARGEST))),
]


def _non_negative_per_axis(value: Any) -> PerAxis:
    return _per_axis(value, 0, "an integer of at least 0")


NonNegativePerAxis = Annotated[
    PerAxis,
    PlainValidator(_non_negative_per_axis),
    WithJsonSchema(one_or_list(integers(0))),
]

Positive = Annotated[int, Field(ge=1, le=LARGEST)]
"""A count: of channels, of features, of groups."""

Position = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
"""Counted from 0; a negative one from the end, as in Python."""


def per_axis(value: PerAxis, axes: int, field: str) -> tuple[int, ...]:
    """One number for each of `axes` spatial axes. Raises LayerError where the list is as long as
    another input's.
    """
    if isinstance(value, int):
        return (value,) * axes
    if len(value) != axes:
        raise wrong_length(field, len(value), axes)
    return value


def wrong_length(field: str, length: int, axes: int) -> LayerError:
    """The error of a list with another number of entries than the input has spatial axes."""
    return LayerError(
        f"`{field}` lists {count(length, 'axis', 'axes')}, but the input has {axes}",
        code="AS303",
        field=field,
        help=f"write one number for every axis, or a list of {axes}",
    )


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 channel`, `3 channels`: a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


Side = tuple[int, int]
"""Rows added before and after along one axis."""


class Padding(NamedTuple):
    """Padding as written: how it was said, and the figures of the sayings that have any.

    `explicit`: rows on each side of an axis, in `sides`. `total`: rows in all, the larger half
    before, in `totals`. Where `alike`, the one entry is for every axis. `same`: kernel - 1 rows in
    all, split as a total is. `same_upper`, `same_lower`: just enough for ceil(n / stride), the odd
    row after, or before.
    """

    way: Literal["explicit", "total", "same", "same_upper", "same_lower"]
    sides: tuple[Side, ...] = ()
    totals: tuple[int, ...] = ()
    alike: bool = False


_WORDS: dict[str, Padding] = {
    "valid": Padding("explicit", sides=((0, 0),), alike=True),
    "same": Padding("same"),
    "same_upper": Padding("same_upper"),
    "same_lower": Padding("same_lower"),
}


def _padding(*words: str) -> PlainValidator:
    """Padding as rows, or as one of these words."""
    rows = (
        "rows on each side (`1`, `[1, 2]`), before and after an axis (`[[1, 0], [1, 0]]`), "
        "in all (`{total: 3}`)"
    )

    def check(value: Any) -> Padding:
        if isinstance(value, Padding):
            return value
        if _is_int(value, 0):
            return Padding("explicit", sides=((value, value),), alike=True)
        if isinstance(value, str) and value in words:
            return _WORDS[value]
        if isinstance(value, str) and words and value.isidentifier():
            raise other_word(words, "rows: `1`, `[1, 2]`")
        if isinstance(value, tuple) and value:
            sides = tuple(_side(entry) for entry in value)
            if all(side is not None for side in sides):
                return Padding("explicit", sides=tuple(side for side in sides if side is not None))
        if isinstance(value, dict) and set(value) == {"total"}:
            totals = _per_axis(value["total"], 0, "`total` as an integer of at least 0")
            if isinstance(totals, int):
                return Padding("total", totals=(totals,), alike=True)
            return Padding("total", totals=totals)
        if all(type(entry) is int for entry in entries(value)):
            raise wrong("at least 0, and at most as large as a size", entries(value), int)
        raise wrong(f"{rows}, or {', '.join(words)}" if words else rows, entries(value), int)

    return PlainValidator(check)


def _side(entry: Any) -> Side | None:
    """One axis's entry in a list: a number for both sides, or before and after."""
    if _is_int(entry, 0):
        return (entry, entry)
    if isinstance(entry, tuple) and len(entry) == 2 and all(_is_int(item, 0) for item in entry):
        return (entry[0], entry[1])
    return None


def _padding_schema(*words: str) -> WithJsonSchema:
    """What `_padding` admits."""
    rows, count = integers(0), one_or_list(integers(0))
    side = rows | {"type": ["integer", "array"], "items": rows, "minItems": 2, "maxItems": 2}
    in_rows = rows | {
        "type": ["integer", "array", "object"],
        "items": side,
        "minItems": 1,
        "properties": {"total": count},
        "required": ["total"],
        "additionalProperties": False,
    }
    examples = [0, 1, [1, 2]]
    if not words:
        return WithJsonSchema(in_rows | {"examples": examples})
    return WithJsonSchema({"anyOf": [{"enum": list(words)}, in_rows], "examples": examples})


_WINDOW_WORDS = ("same", "same_upper", "same_lower", "valid")

PaddingField = Annotated[Padding, _padding(*_WINDOW_WORDS), _padding_schema(*_WINDOW_WORDS)]

TransposedPaddingField = Annotated[
    Padding, _padding(*_WINDOW_WORDS[1:]), _padding_schema(*_WINDOW_WORDS[1:])
]
"""Of a transposed convolution: the lecture's `same` says nothing of one."""

RowsField = Annotated[Padding, _padding(), _padding_schema()]
"""Padding without a window, which the words are about."""

NO_PADDING = _WORDS["valid"]
