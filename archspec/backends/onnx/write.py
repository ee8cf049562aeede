"""A graph and its weights as an ONNX file.

The network is small and the weights are not. So the network is built as protobuf messages, and
the weights are written behind it array by array, each from where it lies in memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from onnx import GraphProto, ModelProto, TensorProto

from archspec.backends.onnx.external import (
    Place,
    check_unchanged,
    located,
    places_apart,
    places_in_files,
)
from archspec.backends.onnx.framing import field_header
from archspec.backends.onnx.model import Initializer, Skeleton, Weights
from archspec.backends.onnx.options import AS_IT_IS, Options
from archspec.backends.onnx.skeleton import build_model
from archspec.files import replace_file
from archspec.graph import Graph
from archspec.weights import Location
from archspec.weights.stored import Identity

INLINE_LIMIT = 2**31 - 1
"""Bytes of the largest protobuf message there can be. Larger models have their weights apart."""

# Bytes from which on a copy by the system is worth its calls.
_WORTH_A_CALL = 1 << 16


def write_model(
    graph: Graph,
    weights: Weights,
    path: str | os.PathLike[str],
    *,
    options: Options = AS_IT_IS,
    pointing: bool = False,
    inline_limit: int = INLINE_LIMIT,
) -> tuple[Path, ...]:
    """Compile `graph` to the ONNX file `path`, with `weights` by their state-dict names.

    Arrays are asked for one at a time, and let go before the next. A model that would be larger
    than `inline_limit` bytes has them in a file of their own beside it, `<path>.data`. With
    `pointing`, tensors whose bytes lie in a file of the same folder as they are to be stored stay
    there: the model says where, and they are neither copied nor read. Returns the other files that
    weights of the model lie in. On failure, whatever was there before is left as it was.

    Raises KeyError for a missing tensor; ValueError for one of another shape, one with a number
    beyond the precision asked for, and for weights that the model cannot point at; and OSError.
    """
    skeleton = build_model(graph, options)
    tensors = skeleton.initializers
    places = places_in_files(tensors, weights, path) if pointing else {}
    lead, headers = _parts(skeleton, places)
    inline = [tensor for tensor in tensors if tensor.name not in places]
    if len(lead) + sum(map(len, headers)) + _nbytes(inline) <= inline_limit:
        with replace_file(path) as file:
            file.write(lead)
            for tensor, header in zip(tensors, headers, strict=True):
                file.write(header)
                if tensor.name not in places:
                    _write_data(file, tensor, weights)
            check_unchanged(tensors, weights)
        return _files(path, places)
    data_path = f"{os.fspath(path)}.data"
    apart = places_apart(inline, weights, data_path)
    lead, headers = _parts(skeleton, {**places, **apart})
    # The data is renamed first, when the model is on the disk too and can only follow.
    with replace_file(path) as file, replace_file(data_path) as data:
        file.write(lead)
        file.writelines(headers)
        file.flush()
        for tensor in inline:
            data.seek(apart[tensor.name].offset)
            _write_data(data, tensor, weights)
        check_unchanged(tensors, weights)
    return _files(path, {**places, **apart})


def _files(path: str | os.PathLike[str], places: Mapping[str, Place]) -> tuple[Path, ...]:
    """The files beside `path` that these places are in."""
    return tuple(Path(path).parent / name for name in sorted({p.file for p in places.values()}))


def _parts(skeleton: Skeleton, places: Mapping[str, Place]) -> tuple[bytes, list[bytes]]:
    """The bytes of a model file that are not weights: what stands before the first initializer, and
    what stands before the data of each. One that is outside the file has no data there.

    The fields of a message may come in any order. So the graph goes last in the model and the
    initializers last in the graph, and each message's length is known from the tensors' shapes.
    """
    rest = ModelProto()
    rest.CopyFrom(skeleton.model)
    rest.ClearField("graph")
    body = skeleton.model.graph.SerializeToString()

    headers = []
    for initializer in skeleton.initializers:
        tensor, nbytes = initializer.message(), 0
        if initializer.name in places:
            message = places[initializer.name].put(tensor).SerializeToString()
        else:
            nbytes = initializer.nbytes
            raw_data = field_header(TensorProto.RAW_DATA_FIELD_NUMBER, nbytes)
            message = tensor.SerializeToString() + raw_data
        length = len(message) + nbytes
        headers.append(field_header(GraphProto.INITIALIZER_FIELD_NUMBER, length) + message)

    inline = [tensor for tensor in skeleton.initializers if tensor.name not in places]
    length = len(body) + sum(map(len, headers)) + _nbytes(inline)
    lead = rest.SerializeToString() + field_header(ModelProto.GRAPH_FIELD_NUMBER, length) + body
    return lead, headers


def _write_data(file: BinaryIO, tensor: Initializer, weights: Weights) -> None:
    there = located(tensor, weights)
    if there is None or not _copy(file, there):
        for piece in tensor.pieces(weights):
            file.write(piece.data)


def _copy(file: BinaryIO, there: Location) -> bool:
    """Have the system copy bytes from another file, where it can and it pays: in half the time, and
    without a place in memory. If not, nothing is written.
    """
    if there.length < _WORTH_A_CALL or not hasattr(os, "copy_file_range"):
        return False
    with suppress(OSError), open(there.path, "rb") as source:
        if Identity.of(os.fstat(source.fileno())) != there.identity:
            return False
        file.flush()
        start, copied = file.tell(), 0
        while copied < there.length:
            count = os.copy_file_range(
                source.fileno(),
                file.fileno(),
                there.length - copied,
                there.offset + copied,
                start + copied,
            )
            if count == 0:
                return False
            copied += count
        file.seek(start + copied)
        return True
    return False


def _nbytes(initializers: Sequence[Initializer]) -> int:
    return sum(initializer.nbytes for initializer in initializers)
