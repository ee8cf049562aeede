"""Reading safetensors: eight bytes of header length, a header in JSON, raw little-endian values.

https://github.com/huggingface/safetensors#format, as strictly as its own reader: the tensors fill
the rest of the file without a gap.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple, TypeGuard

from archspec.layers.base import Shape
from archspec.weights.stored import (
    DAMAGED,
    RANK_LIMIT,
    File,
    Layout,
    Stored,
    Unreadable,
    contiguous_strides,
    item_size,
    stored_at,
)
from archspec.weights.words import quoted

HEADER_LIMIT = 100_000_000
"""The longest header, in bytes, that the format allows."""

DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "C64": "complex64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
"""The element types, from safetensors' words to numpy's."""


class _Entry(NamedTuple):
    """A tensor, as the header says; it lies from `begin` to `end`, bytes after the header."""

    dtype: str
    shape: Shape
    begin: int
    end: int


def read_safetensors(file: File) -> dict[str, Stored]:
    """The tensors of a safetensors file, in the order of its header. Raises Unreadable."""
    start = 8 + _header_length(file)
    size = len(file.data) - start
    entries = {
        name: _entry(name, fields, size) for name, fields in _header(file.data[8:start]).items()
    }
    _check_filled(entries, size)
    return {
        name: stored_at(
            file,
            Layout(entry.dtype, start + entry.begin, entry.shape, contiguous_strides(entry.shape)),
        )
        for name, entry in entries.items()
    }


def _header_length(file: File) -> int:
    """The header's length in bytes, as the file says it. Raises Unreadable if it cannot be."""
    length = int.from_bytes(file.data[:8], "little")
    if length > HEADER_LIMIT:
        raise Unreadable(
            f"the safetensors header would be {length:,} bytes; {HEADER_LIMIT:,} are allowed",
            DAMAGED,
        )
    if length > len(file.data) - 8:
        raise Unreadable(
            f"the safetensors header would be {length:,} bytes, more than the file has", DAMAGED
        )
    return length


def _header(text: bytes) -> dict[str, dict[str, Any]]:
    """The entries of the tensors, by name, each one an object."""
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        # ValueError is a syntax error, bad UTF-8, and a number of thousands of digits.
        raise Unreadable("the safetensors header is not JSON", DAMAGED) from None
    if not isinstance(header, dict):
        raise Unreadable("the safetensors header is not a JSON object", DAMAGED)
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if not isinstance(entry, dict):
            raise Unreadable(f"{quoted(name)} has no entry in the safetensors header", DAMAGED)
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Unreadable("a name occurs twice in the safetensors header", DAMAGED)
    return result


def _entry(name: str, fields: dict[str, Any], size: int) -> _Entry:
    """The tensor that the fields speak of, where `size` bytes follow the header."""
    dtype, shape = _dtype(name, fields.get("dtype")), _shape(name, fields.get("shape"))
    offsets = fields.get("data_offsets")
    if not _are_counts(offsets) or len(offsets) != 2:
        raise Unreadable(f"{quoted(name)} has no valid place in the safetensors header", DAMAGED)
    begin, end = offsets
    if end > size:
        raise Unreadable(f"{quoted(name)} would end past the end of the file", DAMAGED)
    needed = math.prod(shape) * item_size(dtype)
    if end - begin != needed:
        raise Unreadable(
            f"{quoted(name)} has {end - begin:,} bytes; its shape and type take {needed:,}",
            DAMAGED,
        )
    return _Entry(dtype, shape, begin, end)


def _dtype(name: str, word: Any) -> str:
    dtype = DTYPES.get(word) if isinstance(word, str) else None
    if dtype is None:
        raise Unreadable(
            f"{quoted(name)} has the element type {quoted(word)}, which archspec cannot read",
            f"Save it as one of {', '.join(DTYPES)}.",
        )
    return dtype


def _shape(name: str, sizes: Any) -> Shape:
    if not _are_counts(sizes) or len(sizes) > RANK_LIMIT:
        raise Unreadable(f"{quoted(name)} has no valid shape in the safetensors header", DAMAGED)
    return tuple(sizes)


def _check_filled(entries: dict[str, _Entry], size: int) -> None:
    """Raises Unreadable unless the tensors follow one another up to the end of the file."""
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            fault = "overlaps another tensor" if entry.begin < position else "follows a gap"
            raise Unreadable(f"{quoted(name)} {fault} in the safetensors file", DAMAGED)
        position = entry.end
    if position != size:
        raise Unreadable(
            f"{size - position:,} bytes at the end of the safetensors file are no tensor's",
            DAMAGED,
        )


def _are_counts(values: Any) -> TypeGuard[list[int]]:
    """Whether these are a list of integers from 0; JSON's true is an int to Python."""
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
