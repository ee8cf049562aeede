"""A case of a kind of layer, and the shapes that most of them are tried on."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.layers import LAYERS
from archspec.layers.base import Layer, Shape


class Case(NamedTuple):
    """A layer by its word and fields, and the shapes of its inputs."""

    kind: str
    fields: dict[str, Any]
    shapes: tuple[Shape, ...]

    @property
    def layer(self) -> Layer:
        return LAYERS[self.kind].model_validate(self.fields)

    @property
    def id(self) -> str:
        fields = ",".join(f"{key}={value}" for key, value in self.fields.items())
        return f"{self.kind}({fields}){'+'.join(map(str, self.shapes))}".replace(" ", "")


IMAGES: tuple[Shape, ...] = ((6, 13), (6, 12, 9), (6, 7, 6, 8))
FLAT: Shape = (10,)
