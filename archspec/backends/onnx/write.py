"""A graph and its weights as an ONNX file.

The network is small and the weights are not. So the network is built as protobuf messages, and
the weights are written behind it array by array, each from where it lies in memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto

from archspec.backends.onnx.framing import field_header
from archspec.backends.onnx.skeleton import Initializer, Skeleton, build_model
from archspec.files import replace_file
from archspec.graph import Graph

INLINE_LIMIT = 2**31 - 1
"""Bytes of the largest protobuf message there can be. Larger models have their weights apart."""

# A page on most systems: what starts at one can be mapped into memory instead of read.
_ALIGNMENT = 4096

Weights = Mapping[str, NDArray[Any]]
"""Arrays by state-dict name, of any element type that numpy can turn into float32."""


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
