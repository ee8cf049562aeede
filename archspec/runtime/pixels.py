"""Pixels to the numbers that a network takes, without anything that reads pictures."""

from __future__ import annotations

from typing import Any

from archspec.preprocess import Preprocess
from archspec.runtime.errors import MissingPackageError

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error

FloatArray = np.ndarray[Any, np.dtype[np.float32]]


def scaled(planes: FloatArray, preprocess: Preprocess) -> FloatArray:
    """(value × scale − mean) / std, in float32, for planes in the order RGB, C × H × W or
    N × C × H × W; they come out in the order that the section says.
    """
    if preprocess.channels == "bgr":
        planes = planes[..., ::-1, :, :]
    mean, std = (
        np.asarray(values, dtype=np.float32).reshape(-1, 1, 1)
        for values in (preprocess.mean, preprocess.std)
    )
    with np.errstate(all="ignore"):  # what becomes of absurd figures shows in the scores
        return np.ascontiguousarray((planes * np.float32(preprocess.scale) - mean) / std)
