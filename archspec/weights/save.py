"""Writing safetensors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from archspec.files import replace_file
from archspec.weights.safetensors import DTYPES
from archspec.weights.stored import Array

PYTORCH_METADATA: Mapping[str, str] = MappingProxyType({"format": "pt"})
"""What PyTorch's own readers of safetensors want to find."""

_WORDS = {numpy_word: word for word, numpy_word in DTYPES.items()}


def save_safetensors(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    metadata: Mapping[str, str] = PYTORCH_METADATA,
) -> None:
    """Write the arrays to a safetensors file, beside the target and then renamed into place.

    Each array is asked for twice, and one is held at a time. Wider elements go first, so that
    each tensor is aligned. Raises TypeError for an element type that the format does not have.
    """
    types = {name: (array.dtype, array.shape) for name, array in arrays.items()}
    order = sorted(types, key=lambda name: -types[name][0].itemsize)
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name in order:
        dtype, shape = types[name]
        if dtype.name not in _WORDS:
            raise TypeError(f"safetensors cannot hold {name!r}, which is {dtype.name}")
        end = position + int(np.prod(shape, dtype=object)) * dtype.itemsize
        entries[name] = {
            "dtype": _WORDS[dtype.name],
            "shape": list(shape),
            "data_offsets": [position, end],
        }
        position = end
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with replace_file(path) as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for name in order:
            file.write(_raw(arrays[name]))


def _raw(array: Array) -> memoryview:
    """The array's elements, little-endian and in order, without a copy where they already are."""
    ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    octets: NDArray[np.uint8] = ordered.reshape(-1).view(np.uint8)
    return octets.data
