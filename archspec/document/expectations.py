"""The file's own `expect`: figures and bounds that its network must meet."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_BOUND = re.compile(r"(<=|>=|<|>|==)?\s*([0-9][0-9_,]*(?:\.[0-9]+)?)\s*([KMGBT]?)")
_SCALES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}
_OPERATORS: dict[str, Callable[[int, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}


class Bound(NamedTuple):
    """A figure to meet exactly (`==`), or a bound on it."""

    relation: str
    limit: float

    def admits(self, figure: int) -> bool:
        return _OPERATORS[self.relation](figure, self.limit)

    def __str__(self) -> str:
        limit = int(self.limit) if self.limit == int(self.limit) else self.limit
        return f"{limit:,}" if self.relation == "==" else f"{self.relation} {limit:,}"


def _bound(value: Any) -> Bound:
    if type(value) is int and value >= 0:
        return Bound("==", value)
    if isinstance(value, str) and len(value) <= 40:
        found = _BOUND.fullmatch(value.strip())
        if found:
            relation, number, scale = found.groups()
            limit = float(number.replace(",", "").replace("_", "")) * _SCALES[scale]
            return Bound(relation or "==", limit)
    expected = 'a figure (61706), or a bound ("<= 5M")'
    raise PydanticCustomError("field", "{expected}", {"expected": expected})


_FIGURE = {
    "type": ["integer", "string"],
    "minimum": 0,
    "pattern": rf"^\s*(?:{_BOUND.pattern})\s*$",
    "patternErrorMessage": 'A figure (61706), or a bound ("<= 5M").',
    "maxLength": 40,
}

Figure = Annotated[Bound, PlainValidator(_bound), WithJsonSchema(_FIGURE)]


class Expectations(BaseModel):
    """What a spec says of its own totals. `output` is a shape, or shapes by the outputs' names.

    Fields:
        params: Learnable parameters: a figure, or a bound such as `<= 5M`.
        macs: Multiply-accumulates for one sample, those of convolutions and fully connected layers
            and attention: a figure, or a bound.
        weight_bytes: Bytes of the stored weights: a figure, or a bound.
        activation_bytes: Most bytes of values that are needed at a time, for one sample: a figure,
            or a bound.
        output: The output's shape without the batch, or shapes by the outputs' names.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    params: Figure | None = None
    macs: Figure | None = None
    weight_bytes: Figure | None = None
    activation_bytes: Figure | None = None
    output: Any = None

    def figures(self) -> dict[str, Bound]:
        """The figures and bounds that are given, by the name of the total they are about."""
        names = ("params", "macs", "weight_bytes", "activation_bytes")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}
