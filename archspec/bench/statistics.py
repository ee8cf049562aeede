"""What a run of times comes to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

PERCENTILES = (50, 90, 95, 99)


class Latency(NamedTuple):
    """The seconds that one run takes, over `runs` of them."""

    runs: int
    mean: float
    least: float
    p50: float
    p90: float
    p95: float
    p99: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Of at least one time."""
        found = sorted(seconds)
        p50, p90, p95, p99 = (percentile(found, percent) for percent in PERCENTILES)
        mean = math.fsum(found) / len(found)
        return cls(len(found), mean, found[0], p50, p90, p95, p99, found[-1])


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the numbers lie, between two of them on the line that
    joins these: definition 7 of Hyndman & Fan 1996, Sample Quantiles in Statistical Packages, which
    is numpy's.
    """
    place = (len(ascending) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])
