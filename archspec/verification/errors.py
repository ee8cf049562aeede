"""How far two arrays are apart, and how far they may be."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archspec.metadata import Precision
from archspec.verification.report import Error

Array = NDArray[Any]


class Tolerance(NamedTuple):
    """How far a value may be from the exact one: `relative` times its largest number (in int8: the
    root of its mean square), and `rounding` times the error that PyTorch's own rounding makes.
    """

    relative: float
    rounding: float


TOLERANCES: dict[Precision, Tolerance] = {
    "fp32": Tolerance(1e-4, 20),
    "fp16": Tolerance(5e-3, 5),
    "bf16": Tolerance(4e-2, 5),
    "int8": Tolerance(0.5, 0),
}
"""By precision. Where PyTorch's rounding has grown on the way, so may another's, and what should be
nothing may be the rounding of ones, times what a normalisation makes of it. In half precision the
rounding is that of every value and weight to this precision. In int8 no bound on a single number is
useful: there the noise may have a quarter of the signal's power.
"""

_SMALLEST_SCALE = 0.1
"""The largest number of a value is taken for this at least."""


def error_of(
    found: Array, exact: Array, rounded: Array, precision: Precision, relative: float | None
) -> Error:
    """The error of `found`; `rounded` is what PyTorch makes in the precision, and `relative` what
    may be wrong, if it is not the precision's own.
    """
    tolerance = TOLERANCES[precision]
    relative = tolerance.relative if relative is None else relative
    if found.shape != exact.shape:
        worst = (0,) * exact.ndim
        return Error(math.inf, math.inf, 0.0, -math.inf, math.inf, 0.0, worst)
    found, exact = found.astype(np.float64), exact.astype(np.float64)
    with np.errstate(all="ignore"):
        off = np.abs(found - exact)
        off[_are_alike(found, exact)] = 0.0
        off[np.isnan(off)] = math.inf
        sane = np.where(np.isfinite(exact), exact, 0.0)
        scale = float(np.abs(sane).max(initial=0.0))
        strayed = np.abs(rounded.astype(np.float64) - exact)
        rounding = float(strayed[np.isfinite(strayed)].max(initial=0.0))
        noise, signal = float((off**2).sum()), float((sane**2).sum())
        absolute = float(off.max(initial=0.0))
        largest = scale
        if precision == "int8":
            measured = math.sqrt(noise / max(1, off.size))
            scale = math.sqrt(signal / max(1, off.size))
        else:
            measured = absolute
            scale = max(scale, _SMALLEST_SCALE)
        cosine = _cosine(np.where(np.isfinite(found), found, 0.0), sane)
    index = np.unravel_index(int(off.argmax()), off.shape) if off.size else ()
    return Error(
        absolute,
        absolute / largest if largest else (0.0 if not absolute else math.inf),
        cosine,
        _decibels(signal, noise),
        measured,
        relative * scale + tolerance.rounding * rounding,
        tuple(int(each) for each in index),
    )


def _are_alike(one: Array, other: Array) -> Any:
    """Where both are the same, infinities and what is no number included."""
    return (one == other) | (np.isnan(one) & np.isnan(other))


def _cosine(one: Array, other: Array) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not lengths:
        return 1.0 if np.array_equal(one, other) else 0.0
    return float(np.vdot(one, other) / lengths)


def _decibels(signal: float, noise: float) -> float:
    if not noise:
        return math.inf
    return 10 * math.log10(signal / noise) if signal and math.isfinite(noise) else -math.inf
