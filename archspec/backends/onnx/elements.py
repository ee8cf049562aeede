"""What weights are stored as: float32, and the two halves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from archspec.metadata import Precision

Array = NDArray[Any]

# As many as stay in a processor's cache from one step of a conversion to the next.
_AT_A_TIME = 1 << 16


class Element(NamedTuple):
    """A floating type: numpy's word for it, ONNX's number, and its bytes.

    `convert` makes an array of float32 into one of the type, rounded to the nearest, to the even
    one of two; numpy has no bfloat16, so there it is the bits. `rounding` is the largest relative
    error of that between the smallest normal number and `largest`. `infinity` are the bits of the
    exponent, all set in what is no finite number.
    """

    word: str
    precision: Precision
    code: int
    size: int
    convert: Callable[[NDArray[np.float32]], Array]
    rounding: float
    largest: float
    infinity: int

    def pieces(self, array: Array, name: str) -> Iterator[Array]:
        """The array as contiguous little-endian elements of this type, piece by piece.

        Raises ValueError, with `name`, where a number is beyond the type, or where all that the
        array says is lost because its numbers are too small.
        """
        plain: NDArray[np.float32] = np.ascontiguousarray(array, "<f4")
        if self.word == "float32":
            yield plain
            return
        flat = plain.reshape(-1)
        nothing, lost = True, False
        for start in range(0, flat.size, _AT_A_TIME):
            piece = flat[start : start + _AT_A_TIME]
            bits = self.convert(piece).view("<u2")
            infinite = (bits & self.infinity) == self.infinity
            beyond = piece[infinite & np.isfinite(piece)] if infinite.any() else piece[:0]
            if beyond.size:
                raise ValueError(
                    f"`{name}` has {beyond[0]:g}, and {self.precision} ends at "
                    f"{self.largest:g}: {self._way_out}"
                )
            if nothing:
                nothing = not (bits & 0x7FFF).any()
                lost = lost or bool(np.count_nonzero(piece))
            yield bits
        if nothing and lost:
            raise ValueError(
                f"`{name}` has nothing larger than {np.abs(flat).max():g}, which "
                f"{self.precision} makes 0: {self._way_out}"
            )

    def holds(self, array: Array) -> bool:
        """Whether all of the array's numbers are such that the type but rounds them."""
        plain = np.asarray(array, np.float32)
        near = self.widened(self.convert(plain.reshape(-1)).view("<u2")).reshape(plain.shape)
        same = plain == near
        with np.errstate(invalid="ignore"):
            error = np.abs(near.astype(np.float64) - plain)
            return bool((same | (error <= self.rounding * np.abs(plain.astype(np.float64)))).all())

    def widened(self, bits: Array) -> NDArray[np.float32]:
        """The float32 numbers that stored elements are."""
        if self.word == "bfloat16":
            return (bits.astype(np.uint32) << 16).view(np.float32)
        return bits.view("<f2").astype(np.float32)

    @property
    def _way_out(self) -> str:
        if self.precision == "fp16":
            return "build with `--precision bf16`, which has float32's range"
        return "build with `--precision fp32`"


def _same(array: NDArray[np.float32]) -> Array:
    return array


def _to_float16(array: NDArray[np.float32]) -> Array:
    with np.errstate(over="ignore", under="ignore"):
        return array.astype("<f2")


def _to_bfloat16(array: NDArray[np.float32]) -> Array:
    """bfloat16 is the upper half of a float32, after rounding."""
    bits = array.view(np.uint32)
    # Just under half of the last place that stays, and one more where that is odd.
    rounded = bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))
    upper = (rounded >> 16).astype("<u2")
    not_a_number = np.isnan(array)
    if not_a_number.any():  # The sum may have carried into the sign.
        upper[not_a_number] = (bits[not_a_number] >> 16) | 0x0040
    return upper


FLOAT32 = Element("float32", "fp32", TensorProto.FLOAT, 4, _same, 0.0, 3.4028235e38, 0)
FLOAT16 = Element("float16", "fp16", TensorProto.FLOAT16, 2, _to_float16, 2**-11, 65504, 0x7C00)
BFLOAT16 = Element(
    "bfloat16", "bf16", TensorProto.BFLOAT16, 2, _to_bfloat16, 2**-8, 3.3895314e38, 0x7F80
)

HALVES: Mapping[str, Element] = {"fp16": FLOAT16, "bf16": BFLOAT16}
"""What `--precision` may ask for besides float32, and is written here."""
