"""A tensor as some weights hold it: its shape and type are known, its values come when read."""

from __future__ import annotations

import errno
import math
import mmap
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archspec.layers.base import Shape

Array = NDArray[Any]

RANK_LIMIT = 32
"""No tensor has more axes; numpy before 2.0 ends there as well."""

NUMPY_CODES = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    "bfloat16": "u2",
    "complex128": "c16",
    "complex64": "c8",
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint64": "u8",
    "uint32": "u4",
    "uint16": "u2",
    "uint8": "u1",
    "bool": "?",
}
"""The element types that files hold, by numpy's and PyTorch's common word. numpy has no bfloat16:
its bits are read as they are and widened.
"""

FLOATING = ("float32", "float16", "bfloat16", "float64")
"""The element types that can be a network's weights."""


DAMAGED = "Fetch or save the file again: it is damaged, perhaps cut short."
"""The way out where a file contradicts itself."""


class Unreadable(Exception):
    """Weights that cannot be read: `message` says why, `help` what to do."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class Identity(NamedTuple):
    """Which file it is, whatever name it has, and what it was last: another that takes its place
    has another, and so has the same one, written anew.
    """

    device: int
    number: int
    size: int
    modified: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class File(NamedTuple):
    """A whole file, mapped into memory: nothing is read before it is looked at."""

    path: str
    data: mmap.mmap
    identity: Identity


class Layout(NamedTuple):
    """How a tensor lies in a file: its first element's place in bytes, its strides in elements.

    `byte_order` is `<`, little-endian, or `>`.
    """

    dtype: str
    offset: int
    shape: Shape
    strides: tuple[int, ...]
    byte_order: str = "<"


class Location(NamedTuple):
    """Where in a file a tensor's values lie: raw, contiguous, little-endian. Both in bytes.

    Since they were found, another file may have taken the place of the one that `identity` says.
    """

    path: str
    offset: int
    length: int
    identity: Identity


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A tensor that some weights hold.

    `dtype` is a key of NUMPY_CODES, or a word for what cannot be used; `read` gives the values, of
    that shape, with bfloat16 widened to float32. They may be a view: unaligned, strided, read-only.
    """

    shape: Shape
    dtype: str
    read: Callable[[], Array]
    location: Location | None = None


def open_file(path: str) -> File:
    """Map the file at `path`. Raises OSError where it cannot be read, Unreadable if it is empty."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        # Opening a pipe would wait for ever, and neither pipe nor folder can be mapped.
        raise OSError(errno.EINVAL, "not a regular file", path)
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size == 0:
            raise Unreadable("the weights file is empty")
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return File(path, data, Identity.of(status))


def item_size(dtype: str) -> int:
    """Bytes for each element."""
    return np.dtype(NUMPY_CODES[dtype]).itemsize


def contiguous_strides(shape: Shape) -> tuple[int, ...]:
    """The steps, in elements, from one index to the next along each axis, last axis fastest."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def stored_at(file: File, layout: Layout) -> Stored:
    """The tensor that lies so in the file. The caller has made sure that it is all within it."""
    length = math.prod(layout.shape) * item_size(layout.dtype)
    return Stored(
        shape=layout.shape,
        dtype=layout.dtype,
        read=partial(_view, file.data, layout),
        location=(
            Location(file.path, layout.offset, length, file.identity) if _is_raw(layout) else None
        ),
    )


def as_float32(array: Array) -> NDArray[np.float32]:
    """The array as aligned, contiguous, native float32: itself where it is, otherwise a copy.

    Values beyond float32's range become infinite, as in PyTorch.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.require(array, np.float32, ["C_CONTIGUOUS", "ALIGNED"])


def _is_raw(layout: Layout) -> bool:
    """Whether the tensor has bytes, and they are those of a contiguous, little-endian array."""
    steps = zip(layout.shape, layout.strides, contiguous_strides(layout.shape), strict=True)
    return (
        layout.byte_order == "<"
        and 0 not in layout.shape
        # An axis of one element has no step.
        and all(size == 1 or given == contiguous for size, given, contiguous in steps)
    )


def _view(data: mmap.mmap, layout: Layout) -> Array:
    is_bfloat16 = layout.dtype == "bfloat16"
    code = np.dtype(layout.byte_order + NUMPY_CODES[layout.dtype])
    if 0 in layout.shape:
        return np.empty(layout.shape, np.float32 if is_bfloat16 else code)
    # An axis of one element has no step, and a forged file may give it one that no integer holds.
    strides = tuple(
        step * code.itemsize if size > 1 else 0
        for size, step in zip(layout.shape, layout.strides, strict=True)
    )
    view: Array = np.ndarray(layout.shape, code, data, layout.offset, strides)
    return _widened(view) if is_bfloat16 else view


def _widened(bits: Array) -> NDArray[np.float32]:
    """bfloat16 is the upper half of a float32."""
    words = bits.astype(np.uint32)
    words <<= 16
    return words.view(np.float32)
