"""An ONNX file read again: what it states, which other files it is made of, and its weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import (
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    external_data_helper,
    helper,
    numpy_helper,
    shape_inference,
)

from archspec.backends.onnx.emitter import value_info
from archspec.graph import Graph
from archspec.layers.base import Shape, product

BATCH = "batch"
"""What a free batch is called."""

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
"""What weights are stored as."""


def version() -> str:
    """onnx's version."""
    return str(onnx.__version__)


class UnreadableModel(Exception):
    """A file that is no ONNX model, or not all of one. Its text says why, and what to do."""


def read_model(path: Path) -> ModelProto:
    """The model at `path`, without the weights that lie in other files. Raises UnreadableModel."""
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise UnreadableModel(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # protobuf's errors have no base of their own
        raise UnreadableModel(
            f"{path} is no ONNX model, or it was cut short; build it again"
        ) from error
    if not model.graph.node and not model.graph.initializer:
        raise UnreadableModel(f"{path} holds no network; build it again")
    return model


def external_files(path: Path) -> list[Path]:
    """The other files that hold weights of the model at `path`. Raises OSError and ValueError."""
    try:
        model = read_model(path)
    except UnreadableModel as error:
        raise ValueError(str(error)) from error
    return [path.parent / name for name in sorted(locations(model))]


def locations(model: ModelProto) -> set[str]:
    """The names of the files that hold a model's weights, as it says them."""
    return {
        external_data_helper.ExternalDataInfo(tensor).location
        for tensor in model.graph.initializer
        if external_data_helper.uses_external_data(tensor)
    }


@dataclass(frozen=True)
class Initializers(Mapping[str, NDArray[np.float32]]):
    """A model's stored tensors of floating-point numbers by name, each read when it is asked for,
    as float32. `folder` is the model's.

    Asked for one that lies in a file which is not there, or too short, it raises UnreadableModel.
    """

    tensors: Mapping[str, TensorProto]
    folder: Path

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        tensor = self.tensors[name]
        if external_data_helper.uses_external_data(tensor):
            tensor = self._loaded(tensor)
        return np.asarray(numpy_helper.to_array(tensor)).astype(np.float32, copy=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def _loaded(self, tensor: TensorProto) -> TensorProto:
        loaded = TensorProto()
        loaded.CopyFrom(tensor)
        place = external_data_helper.ExternalDataInfo(tensor).location
        try:
            external_data_helper.load_external_data_for_tensor(loaded, os.fspath(self.folder))
        except Exception as error:  # OSError, ValueError or onnx's own, by version
            raise UnreadableModel(
                f"the weights in {self.folder / place} are missing or cut short; keep that file "
                "beside the model"
            ) from error
        loaded.data_location = TensorProto.DEFAULT
        return loaded


def initializers(model: ModelProto, path: Path) -> Initializers:
    """The weights of the model that was read from `path`."""
    tensors = model.graph.initializer
    floats = {tensor.name: tensor for tensor in tensors if tensor.data_type in FLOATS}
    return Initializers(floats, path.parent)


Dimensions = tuple[int | str | None, ...]
"""Sizes with the batch first: numbers, names, or nothing where a size is not known."""


def stated(values: Iterable[ValueInfoProto]) -> dict[str, Dimensions]:
    """The shapes that a model states of these values."""
    return {
        value.name: tuple(_dimension(size) for size in value.type.tensor_type.shape.dim)
        for value in values
        if value.type.tensor_type.HasField("shape")
    }


def expected(graph: Graph) -> dict[str, Dimensions]:
    """The shapes that a model of the graph states of the graph's values."""
    types = {**graph.inputs, **{node.name: node.output for node in graph.nodes}}
    return stated(value_info(name, type_) for name, type_ in types.items())


def inferred(model: ModelProto) -> dict[str, Dimensions]:
    """The shapes that onnx infers of a model's values, from its inputs and constants alone.

    Raises UnreadableModel where it finds a contradiction.
    """
    bare = _without_weights(model)
    del bare.graph.value_info[:]
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        whole = shape_inference.infer_shapes(bare, check_type=True, data_prop=True)
    except Exception as error:  # of several classes, by version
        text = " ".join(str(error).split())
        raise UnreadableModel(f"onnx finds the model inconsistent: {text[:300]}") from error
    return stated((*whole.graph.input, *whole.graph.value_info, *whole.graph.output))


def _without_weights(model: ModelProto) -> ModelProto:
    """The model with its weights' shapes, and not their numbers."""
    bare = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    body = model.graph
    bare.graph.name = body.name or "network"
    bare.graph.node.extend(body.node)
    bare.graph.input.extend(body.input)
    bare.graph.output.extend(body.output)
    for tensor in body.initializer:
        # Few numbers may be the scales of a Resize, from which shapes follow.
        if tensor.data_type in FLOATS and product(tuple(tensor.dims)) > 16:
            bare.graph.initializer.add(
                dims=tensor.dims, data_type=tensor.data_type, name=tensor.name
            )
        else:
            bare.graph.initializer.append(tensor)
    return bare


def macs(model: ModelProto, shapes: Mapping[str, Dimensions]) -> int | None:
    """Multiply-accumulates for one sample, by the shapes of what its operations take and make; None
    where these are not all numbers.
    """
    known: dict[str, Dimensions] = {
        tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer
    }
    for node in model.graph.node:  # A quantised weight is read through a DequantizeLinear.
        if node.op_type == "DequantizeLinear" and node.input[0] in known:
            known[node.output[0]] = known[node.input[0]]
    for name, sizes in shapes.items():
        known.setdefault(name, sizes)
    count = 0
    for node in model.graph.node:
        if node.op_type not in _MACS:
            continue
        made, taken, weight = (
            known.get(name, (None,)) for name in (node.output[0], *node.input[:2])
        )
        one = [_one_sample(sizes) for sizes in (made, taken, weight)]
        if any(type(size) is not int for sizes in one for size in sizes):
            return None
        count += _MACS[node.op_type](*one)
    return count


def _one_sample(sizes: Dimensions) -> Any:
    return (1, *sizes[1:]) if sizes and sizes[0] == BATCH else sizes


_MACS: Mapping[str, Callable[[Shape, Shape, Shape], int]] = {
    "Conv": lambda made, taken, weight: product(made) * product(weight[1:]),
    "ConvTranspose": lambda made, taken, weight: product(taken) * product(weight[1:]),
    "Gemm": lambda made, taken, weight: product(made) * taken[-1],
    "MatMul": lambda made, taken, weight: product(made) * taken[-1],
}
"""By the shapes of the output, the input and the weight. https://onnx.ai/onnx/operators."""


def uses_bfloat16(model: ModelProto) -> bool:
    """Whether weights of a model are bfloat16."""
    return any(each.data_type == TensorProto.BFLOAT16 for each in model.graph.initializer)


def made_values(model: ModelProto) -> frozenset[str]:
    """The values that a model's operations make."""
    return frozenset(name for node in model.graph.node for name in node.output)


def prepared_pictures(model: ModelProto, name: str) -> str:
    """The value that a model makes of the pictures that its input `name` takes.

    Raises UnreadableModel where it makes none.
    """
    made = made_values(model)
    for word in ("shifted_values", "scaled_values", "values"):
        if f"{name}/{word}" in made:
            return f"{name}/{word}"
    raise UnreadableModel(
        f"the model says that it prepares pictures, and nothing in it does so for {name}; "
        "build it again"
    )


def exposed(model: ModelProto, names: Iterable[str]) -> bytes:
    """The model with these values for its outputs."""
    shown = ModelProto()
    shown.CopyFrom(model)
    infos = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
    del shown.graph.output[:]
    shown.graph.output.extend(infos.get(name, ValueInfoProto(name=name)) for name in names)
    return bytes(shown.SerializeToString())


def operations_of(model: ModelProto, layer: str) -> list[NodeProto]:
    """The operations that a layer became, by their names."""
    return [
        node for node in model.graph.node if node.name == layer or node.name.startswith(f"{layer}/")
    ]


def differences(layer: str, found: ModelProto, expected: ModelProto) -> list[str]:
    """How the operations of a layer in a model differ from those that it should become."""
    theirs = {node.name: node for node in operations_of(found, layer)}
    told = []
    for node in operations_of(expected, layer):
        other = theirs.get(node.name)
        if other is None:
            continue
        if other.op_type != node.op_type:
            told.append(f"`{node.name}` is {other.op_type} in the model, and {node.op_type} here")
            continue
        attributes, wanted = _attributes(other), _attributes(node)
        told += [
            f"`{node.name}`: {node.op_type} has {key} {attributes.get(key, 'unset')} in the model, "
            f"and {wanted.get(key, 'unset')} by the spec"
            for key in sorted({*attributes, *wanted})
            if attributes.get(key) != wanted.get(key)
        ]
    return told


def _attributes(node: NodeProto) -> dict[str, Any]:
    found = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value
        for name, value in found.items()
        if isinstance(value, (int, float, bytes, list))
    }


def _dimension(size: Any) -> int | str | None:
    if size.HasField("dim_value"):
        return int(size.dim_value)
    return str(size.dim_param) if size.HasField("dim_param") else None
