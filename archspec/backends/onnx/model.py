"""A graph as an ONNX file.

The network is small and the weights are not. So the network is built as protobuf messages, and
the weights are written behind it array by array, each from where it lies in memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, StringStringEntryProto, TensorProto, helper

from archspec.backends.lowering import lower
from archspec.backends.onnx.emitter import (
    OLDEST_OPSET,
    Emitter,
    Names,
    Namespace,
    value_info,
)
from archspec.backends.onnx.framing import field_header
from archspec.backends.onnx.lowerings import LOWERINGS
from archspec.backends.onnx.sizes import RunTimeSizes
from archspec.files import replace_file
from archspec.graph import Graph
from archspec.layers.base import Shape, product
from archspec.metadata import METADATA_KEY

INLINE_LIMIT = 2**31 - 1
"""Bytes of the largest protobuf message there can be. Larger models have their weights apart."""

# A page on most systems: what starts at one can be mapped into memory instead of read.
_ALIGNMENT = 4096

Weights = Mapping[str, NDArray[Any]]
"""Arrays by state-dict name, of any element type that numpy can turn into float32."""


class Initializer(NamedTuple):
    """A stored tensor: its key among the weights, its name in the model, its shape; float32.

    The names differ only where a graph input or output has the tensor's.
    """

    key: str
    name: str
    shape: Shape

    @property
    def nbytes(self) -> int:
        return 4 * product(self.shape)

    def message(self) -> TensorProto:
        """The tensor without its data."""
        return TensorProto(dims=self.shape, data_type=TensorProto.FLOAT, name=self.name)


class Skeleton(NamedTuple):
    """A model, complete but for the initializers that hold the weights."""

    model: ModelProto
    initializers: tuple[Initializer, ...]


def write_model(
    graph: Graph,
    weights: Weights,
    path: str | os.PathLike[str],
    *,
    inline_limit: int = INLINE_LIMIT,
) -> None:
    """Compile `graph` to the ONNX file `path`, with `weights` by their state-dict names.

    Arrays are asked for one at a time, in the order of `graph.tensors()`, and let go before the
    next. A model that would be larger than `inline_limit` bytes has them in a file of their own
    beside it, `<path>.data`. On failure, whatever was there before is left as it was.

    Raises KeyError for a missing tensor, ValueError for one of another shape, and OSError.
    """
    skeleton = build_model(graph)
    lead, headers = _inline_parts(skeleton)
    data = sum(initializer.nbytes for initializer in skeleton.initializers)
    if len(lead) + sum(map(len, headers)) + data > inline_limit:
        _write_external(skeleton, weights, path)
        return
    with replace_file(path) as file:
        file.write(lead)
        for initializer, header in zip(skeleton.initializers, headers, strict=True):
            file.write(header)
            file.write(_array(weights, initializer).data)


def build_model(graph: Graph) -> Skeleton:
    """The ONNX model of `graph`, but for its weights.

    Its values are named as the graph's, its operations as the layers. What a layer needs beside
    its own is called `<layer>/…` (values, operations) and `<layer>.…` (constants). Where two things
    would have one name, the inputs and outputs of the graph keep theirs, then the stored tensors.
    """
    space = Namespace([*graph.inputs, *graph.outputs])
    initializers = tuple(
        Initializer(key, space.claim(key), tensor.shape) for key, tensor in graph.tensors()
    )
    values = {name: name for name in (*graph.inputs, *graph.outputs)}
    for node in graph.nodes:
        if node.name not in values:
            values[node.name] = space.claim(node.name)
    tensors = {tensor.key: tensor.name for tensor in initializers}
    names = Names(space, values, tensors, RunTimeSizes(graph.inputs))

    body = GraphProto(
        name=graph.name,
        input=[value_info(name, type_) for name, type_ in graph.inputs.items()],
        output=[value_info(name, type_) for name, type_ in graph.outputs.items()],
    )
    opset = OLDEST_OPSET
    for node in graph.nodes:
        emitter = Emitter(node, names)
        lower(node, graph, "onnx", LOWERINGS, emitter, partial(_unfinished, emitter))
        body.node.extend(emitter.operations)
        body.initializer.extend(emitter.constants)
        # The outputs' types are stated already.
        body.value_info.extend(v for v in emitter.values if v.name not in graph.outputs)
        opset = max(opset, emitter.opset)
    return Skeleton(_model(graph, body, opset), initializers)


def _unfinished(emit: Emitter, _: None) -> str:
    """Why the operations of a kind from outside make no layer; empty where they do."""
    made = {value for operation in emit.operations for value in operation.output}
    is_made = emit.names.values[emit.node.name] in made
    return "" if is_made else "it ends without the emitter's `result`"


def _model(graph: Graph, body: GraphProto, opset: int) -> ModelProto:
    opsets = [helper.make_opsetid("", opset)]
    metadata = json.dumps({"name": graph.name, **graph.metadata}, ensure_ascii=False)
    return ModelProto(
        # The oldest that goes with the opset, so that older runtimes take the file too.
        ir_version=helper.find_min_ir_version_for(opsets),
        opset_import=opsets,
        producer_name="archspec",
        doc_string=graph.metadata.get("description") or "",
        metadata_props=[StringStringEntryProto(key=METADATA_KEY, value=metadata)],
        graph=body,
    )


def _inline_parts(skeleton: Skeleton) -> tuple[bytes, list[bytes]]:
    """The bytes of a model file that are not weights: what stands before the first initializer, and
    what stands before the data of each.

    The fields of a message may come in any order. So the graph goes last in the model and the
    initializers last in the graph, and each message's length is known from the tensors' shapes.
    """
    rest = ModelProto()
    rest.CopyFrom(skeleton.model)
    rest.ClearField("graph")
    body = skeleton.model.graph.SerializeToString()

    headers = []
    for initializer in skeleton.initializers:
        raw_data = field_header(TensorProto.RAW_DATA_FIELD_NUMBER, initializer.nbytes)
        tensor = initializer.message().SerializeToString() + raw_data
        length = len(tensor) + initializer.nbytes
        headers.append(field_header(GraphProto.INITIALIZER_FIELD_NUMBER, length) + tensor)

    data = sum(initializer.nbytes for initializer in skeleton.initializers)
    length = len(body) + sum(map(len, headers)) + data
    lead = rest.SerializeToString() + field_header(ModelProto.GRAPH_FIELD_NUMBER, length) + body
    return lead, headers


def _write_external(skeleton: Skeleton, weights: Weights, path: str | os.PathLike[str]) -> None:
    """Write the model to `path` and the weights to `<path>.data`, each from a page's start."""
    data_path = f"{os.fspath(path)}.data"
    model = ModelProto()
    model.CopyFrom(skeleton.model)
    offsets = []
    offset = 0
    for initializer in skeleton.initializers:
        tensor = initializer.message()
        tensor.data_location = TensorProto.EXTERNAL
        place = {
            "location": os.path.basename(data_path),
            "offset": offset,
            "length": initializer.nbytes,
        }
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        model.graph.initializer.append(tensor)
        offsets.append(offset)
        offset += -(-initializer.nbytes // _ALIGNMENT) * _ALIGNMENT

    # The data is renamed first, when the model is on the disk too and can only follow.
    with replace_file(path) as file, replace_file(data_path) as data:
        file.write(model.SerializeToString())
        file.flush()
        for initializer, start in zip(skeleton.initializers, offsets, strict=True):
            data.seek(start)
            data.write(_array(weights, initializer).data)


def _array(weights: Weights, initializer: Initializer) -> NDArray[np.float32]:
    """The tensor's elements, as they are stored. Raises KeyError and ValueError."""
    array = weights[initializer.key]
    if array.shape != initializer.shape:
        raise ValueError(
            f"{initializer.key} has the shape {list(array.shape)}, "
            f"but the network needs {list(initializer.shape)}"
        )
    return np.ascontiguousarray(array, dtype="<f4")
