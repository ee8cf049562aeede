"""An ONNX file read again: what it states, which other files it is made of, and its weights."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
from archspec.backends.onnx.macs import COUNTED
from archspec.backends.onnx.macs import macs as macs_of
from archspec.graph import Graph
from archspec.layers.base import product

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
        if node.op_type not in COUNTED:
            continue
        made, taken, weight = (
            _one_sample(known.get(name, (None,))) for name in (node.output[0], *node.input[:2])
        )
        if any(type(size) is not int for size in (*made, *taken, *weight)):
            return None
        count += macs_of(node.op_type, (taken, weight), (made,))
    return count


def _one_sample(sizes: Dimensions) -> Any:
    return (1, *sizes[1:]) if sizes and sizes[0] == BATCH else sizes


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


def differences(
    operations: Iterable[NodeProto], found: ModelProto, expected: ModelProto
) -> list[str]:
    """How operations of `expected` differ from those of their names in `found`, if it has such."""
    theirs = {node.name: node for node in found.graph.node if node.name}
    told = []
    for node in operations:
        other = theirs.get(node.name)
        if other is None:
            continue
        if (other.op_type, other.domain) != (node.op_type, node.domain):
            told.append(f"`{node.name}` is {other.op_type} in the model, and {node.op_type} here")
            continue
        attributes, wanted = _attributes(other, found), _attributes(node, expected)
        # What has no default, and is not written, follows from the shapes.
        told += [
            f"`{node.name}`: {node.op_type} has {key} {attributes[key]} in the model, "
            f"and {wanted[key]} by the spec"
            for key in sorted({*attributes} & {*wanted})
            if attributes[key] != wanted[key]
        ]
    return told


def constant_differences(found: ModelProto, expected: ModelProto) -> list[str]:
    """How constants of `expected` differ from those of their names in `found`, if it has such."""
    theirs = {tensor.name: tensor for tensor in found.graph.initializer}
    told = []
    for tensor in expected.graph.initializer:
        other = theirs.get(tensor.name)
        if other is None or external_data_helper.uses_external_data(other):
            continue
        values, wanted = numpy_helper.to_array(other), numpy_helper.to_array(tensor)
        is_float = tensor.data_type in FLOATS
        if not np.array_equal(values, wanted, equal_nan=is_float and values.dtype.kind == "f"):
            told.append(
                f"the constant {tensor.name} is {_few(values)} in the model, "
                f"and {_few(wanted)} by the spec"
            )
    return told


_ROUNDING = ("QuantizeLinear", "DequantizeLinear")
_DIGITS = "0123456789"
_ROUNDED = re.compile(r"(_(Quantize|Dequantize)Linear_(In|Out)put|_quantized)$")
"""What onnxruntime's quantizer adds to the name of a value or tensor that it rounds."""


def rewired(found: ModelProto, expected: ModelProto) -> list[str]:
    """How the operations of a quantised model take other values than those of `expected`, which is
    the same before it was quantised, and which operations it has besides.
    """
    theirs = {node.name: node for node in found.graph.node}
    makers = _makers(found)
    named = {name for node in expected.graph.node for name in (*node.input, *node.output)}
    told = []
    for node in expected.graph.node:
        if node.name not in theirs:  # It is what rounding its input does, as a relu.
            continue
        taken = [_exact_name(name, makers) for name in theirs[node.name].input]
        # A bias that two layers share becomes two, one for the scale of each: `bias` and `bias0`.
        plain = [name if name in named else name.rstrip(_DIGITS) for name in taken]
        if plain != list(node.input):
            told.append(
                f"`{node.name}` takes {', '.join(taken)} in the model, "
                f"and {', '.join(node.input)} by the spec"
            )
    known = {node.name for node in expected.graph.node}
    told += [
        f"the model has the operation `{node.name}`, {node.op_type}, and the spec has not"
        for node in found.graph.node
        if node.name not in known and node.op_type not in _ROUNDING
    ]
    return told


def rounded_value(model: ModelProto, name: str) -> str:
    """What the other operations of a quantised model take for the value `name`: it stands for what
    rounding makes of it, too, where that cuts off what a relu would.
    """
    makers = _makers(model)
    for node in model.graph.node:
        maker = makers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if maker is not None and maker.op_type == "QuantizeLinear" and maker.input[0] == name:
            return str(node.output[0])
    return name


def _makers(model: ModelProto) -> dict[str, NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def _exact_name(name: str, makers: Mapping[str, NodeProto]) -> str:
    """The name, before it was rounded, of a value or tensor in a quantised model."""
    while name in makers and makers[name].op_type in _ROUNDING:
        name = makers[name].input[0]
    return _ROUNDED.sub("", name)


def _few(values: NDArray[Any]) -> str:
    shown = ", ".join(f"{each:.6g}" for each in values.reshape(-1)[:4].tolist())
    return f"[{shown}{', …' if values.size > 4 else ''}]" if values.ndim else shown


def _attributes(node: NodeProto, model: ModelProto) -> dict[str, Any]:
    """An operation's attributes by name, with the defaults of those that it does not write."""
    opset = next((each.version for each in model.opset_import if each.domain == node.domain), 1)
    found = {}
    try:
        known = onnx.defs.get_schema(node.op_type, opset, node.domain).attributes
    except onnx.defs.SchemaError:  # of a domain that is not onnx's
        known = {}
    for name, each in known.items():
        if each.default_value.type:
            found[name] = helper.get_attribute_value(each.default_value)
    found |= {each.name: helper.get_attribute_value(each) for each in node.attribute}
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value
        for name, value in found.items()
        if isinstance(value, (int, float, bytes, list))
    }


class Quantised(NamedTuple):
    """The numbers that integers stand for, and how far neighbours are apart, of the same rank."""

    numbers: NDArray[np.float64]
    step: NDArray[np.float64]


def quantised_name(name: str) -> str:
    """What onnxruntime's quantizer calls the integers of a tensor."""
    return f"{name}_quantized"


def quantised(model: ModelProto, name: str, path: Path) -> Quantised | None:
    """What the integers of the tensor `name` in the model read from `path` stand for, if it has
    such. Raises UnreadableModel.
    """
    readers = [
        node
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] == quantised_name(name)
    ]
    if not readers:
        return None
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    if any(each not in tensors for each in readers[0].input):
        return None
    stored = Initializers(tensors, path.parent)
    integers, step, *zero = (stored[each].astype(np.float64) for each in readers[0].input)
    axis = _attributes(readers[0], model)["axis"]
    along = [-1 if at == axis % integers.ndim else 1 for at in range(integers.ndim)]
    step = step.reshape(along if step.size > 1 else [1] * integers.ndim)
    numbers = integers - (zero[0].reshape(step.shape) if zero else 0)
    return Quantised(numbers * step, np.abs(step))


def _dimension(size: Any) -> int | str | None:
    if size.HasField("dim_value"):
        return int(size.dim_value)
    return str(size.dim_param) if size.HasField("dim_param") else None
