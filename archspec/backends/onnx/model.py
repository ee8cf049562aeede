"""An ONNX model before it is written: its messages, and where each of its weights comes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray
from onnx import ModelProto, TensorProto

from archspec.backends.onnx.elements import FLOAT32, Element
from archspec.layers.base import Shape, product
from archspec.metadata import METADATA_KEY

Array = NDArray[Any]

Weights = Mapping[str, NDArray[Any]]
"""Arrays by state-dict name, of any element type that numpy can turn into float32."""


class Weight(NamedTuple):
    """A tensor of the network, as the weights have it."""

    key: str
    shape: Shape

    def read(self, weights: Weights) -> Array:
        """The tensor's values. Raises KeyError if it is missing."""
        return weights[self.key]


class Given(NamedTuple):
    """A constant of the network."""

    array: Array

    def read(self, weights: Weights) -> Array:
        return self.array


class Made(NamedTuple):
    """What a function makes of other tensors, when they are written and not before."""

    function: Callable[..., Array]
    operands: tuple[Source, ...]

    def read(self, weights: Weights) -> Array:
        return self.function(*(operand.read(weights) for operand in self.operands))


Source = Weight | Given | Made


class Initializer(NamedTuple):
    """A stored tensor: its name in the model, its shape, its values, and what they are stored as.

    Its name is the weight's, but for one that is another's already, or that is worked out.
    """

    name: str
    shape: Shape
    source: Source
    element: Element = FLOAT32

    @property
    def key(self) -> str | None:
        """The weight that it holds as it is; None if it is worked out from others."""
        return self.source.key if isinstance(self.source, Weight) else None

    @property
    def nbytes(self) -> int:
        return self.element.size * product(self.shape)

    def message(self) -> TensorProto:
        """The tensor without its data."""
        return TensorProto(dims=self.shape, data_type=self.element.code, name=self.name)

    def pieces(self, weights: Weights) -> Iterator[Array]:
        """The tensor's elements, as they are stored. Raises KeyError and ValueError."""
        array = self.source.read(weights)
        if array.shape != self.shape:
            raise ValueError(
                f"{self.name} has the shape {list(array.shape)}, "
                f"but the network needs {list(self.shape)}"
            )
        return self.element.pieces(array, self.name)


class Skeleton(NamedTuple):
    """A model, complete but for the initializers that hold the weights.

    `ends` are the values, constants among them, that were put before and behind the network
    (`ends.py`): they keep their type, whatever the network computes in.
    """

    model: ModelProto
    initializers: tuple[Initializer, ...]
    ends: frozenset[str] = frozenset()


def add_metadata(model: ModelProto, **fields: Any) -> None:
    """Say more of the network under archspec's key: `fields` of archspec.metadata.Metadata."""
    (entry,) = (entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    entry.value = json.dumps({**json.loads(entry.value), **fields}, ensure_ascii=False)
