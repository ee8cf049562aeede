"""What an ONNX model takes and makes, known before it is written."""

from __future__ import annotations

from typing import NamedTuple

from onnx import TensorProto, ValueInfoProto

from archspec.backends.onnx.options import AS_IT_IS, Options
from archspec.backends.onnx.skeleton import build_model
from archspec.graph import Graph


class Tensor(NamedTuple):
    """An input or output: its element type in ONNX's word (`FLOAT`, `UINT8`), and its sizes, the
    batch first; a free one is its name.
    """

    name: str
    element: str
    sizes: tuple[int | str, ...]


class Interface(NamedTuple):
    """The inputs and the outputs, in their order."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def interface(graph: Graph, options: Options = AS_IT_IS) -> Interface:
    """What the model of `graph` takes and makes. Raises ValueError as `write_model` does."""
    body = build_model(graph, options).model.graph
    return Interface(tuple(map(_tensor, body.input)), tuple(map(_tensor, body.output)))


def _tensor(value: ValueInfoProto) -> Tensor:
    type_ = value.type.tensor_type
    sizes = tuple(size.dim_param or size.dim_value for size in type_.shape.dim)
    return Tensor(value.name, TensorProto.DataType.Name(type_.elem_type), sizes)
