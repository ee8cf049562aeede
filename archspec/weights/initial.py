"""Seeded initial values: what a tensor holds before any training.

A tensor's values depend on the seed, its own name and its size, and on nothing else: adding a layer
changes no other layer's values. They are made from the raw words of Philox 4×64 (Salmon et al.
2011, "Parallel Random Numbers: As Easy as 1, 2, 3"), which is fixed for all time, by arithmetic
that is exact but for one rounding: the bytes are the same under every numpy, on every machine.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from archspec.layers.base import Tensor

_CHUNK = 1 << 16
"""Elements made at a time: few enough that the words in between stay in the processor's cache."""


def initial(name: str, tensor: Tensor, seed: int) -> NDArray[np.float32]:
    """The initial values of the tensor called `name`, of the tensor's shape.

    Every element is `tensor.constant`, or is drawn uniformly from [-bound, bound), in steps of
    bound / 2^23, where the tensor has a bound.
    """
    if tensor.bound is None:
        return np.full(tensor.shape, tensor.constant, np.float32)
    return _uniform(_generator(name, seed), tensor.size, tensor.bound).reshape(tensor.shape)


def _generator(name: str, seed: int) -> np.random.Philox:
    digest = hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
    return np.random.Philox(key=int.from_bytes(digest[:16], "little"))


def _uniform(generator: np.random.Philox, size: int, bound: float) -> NDArray[np.float32]:
    # Half a word's upper 24 bits, signed, are an integer in [-2^23, 2^23): exact as a float32.
    step = np.float32(bound) * np.float32(2.0**-23)
    values = np.empty(size, np.float32)
    for start in range(0, size, _CHUNK):
        chunk = values[start : start + _CHUNK]
        words = generator.random_raw((len(chunk) + 1) // 2)
        # Little-endian words, so that the lower half comes first on every machine.
        halves = words.astype("<u8", copy=False).view("<i4")[: len(chunk)]
        chunk[...] = halves >> 8
        chunk *= step
    return values
