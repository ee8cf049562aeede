"""How long a model takes to load, and to run."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from archspec.runtime.placement import Placement
from archspec.runtime.session import Array, Model, open_model


class Budget(NamedTuple):
    """How much to measure: so many `runs`, or else as many as `seconds` take, but `least` of them.
    `warm_up` runs before do not count.
    """

    runs: int | None = None
    seconds: float = 2.0
    least: int = 10
    warm_up: int = 3

    def is_spent(self, runs: int, seconds: float) -> bool:
        if self.runs is not None:
            return runs >= self.runs
        return runs >= self.least and seconds >= self.seconds


def load(path: Path, placement: Placement) -> tuple[float, Model]:
    """Open the model anew: the seconds, and the model. Raises ModelError and DeviceError."""
    gc.collect()
    started = time.perf_counter()
    model = open_model(path, placement)
    return time.perf_counter() - started, model


def runner(model: Model, feeds: Mapping[str, Array]) -> Callable[[], object]:
    """One run of the model. On the CPU its outputs are new arrays; on another device inputs and
    outputs stay in its memory. Raises InputError and DeviceError.
    """
    if model.placement.device == "cpu":
        return lambda: model.predict(feeds)
    return model.bound(feeds).run


def timed(run: Callable[[], object], budget: Budget) -> Iterator[float]:
    """The seconds of each run: first the warm-up's, then those that count, until it is spent."""
    for _ in range(budget.warm_up):
        yield seconds_of(run)
    started, runs = time.perf_counter(), 0
    while not budget.is_spent(runs, time.perf_counter() - started):
        yield seconds_of(run)
        runs += 1


def seconds_of(run: Callable[[], object]) -> float:
    """The seconds that one run takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
