"""The measurements, one function each; README.md says what they mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from statistics import linear_regression, median

from benchmarks.lines import Line
from benchmarks.pairs import Spread, alternate
from benchmarks.processes import Usage, answer, python

SAME = 1e-4
"""Outputs that differ by less, relative to the largest, are the same but for rounding."""

_CHECK = ("-m", "archspec", "check")
_FLOOR = ("-c", "from pydantic import BaseModel; import yaml")

_CHAIN = ("conv: {out_channels: 8, kernel_size: 3, padding: 1, bias: false}", "batch_norm", "relu")
_DEPTHS = (2_500, 5_000, 10_000)

Pairs = list[tuple[Usage, Usage]]


class Setup:
    """How often to measure, and a folder for what is written meanwhile.

    `torchvision` is an interpreter that has it, and `networks` those to compare on onnxruntime.
    """

    def __init__(
        self,
        runs: int,
        folder: Path,
        torchvision: str | None = None,
        networks: tuple[str, ...] = (),
    ) -> None:
        self.runs = runs
        self.folder = folder
        self.torchvision = torchvision
        self.networks = networks

    @cached_property
    def weights(self) -> str:
        """The file of weights for ResNet-152 that both sides are given."""
        path = str(self.folder / "weights.safetensors")
        python("-m", "benchmarks.peers.weights", path)
        return path


def check(setup: Setup) -> Iterator[Line]:
    """Checking resnet152 as a whole process, against torchinfo's summary of it."""
    pairs = alternate(
        lambda: python(*_CHECK, "resnet152"),
        lambda: python("-m", "benchmarks.peers.summary"),
        setup.runs,
    )
    yield faster("check resnet152, against torchinfo", pairs, 25)
    yield processor(pairs)
    yield memory(pairs, 0.1)


def floor(setup: Setup) -> Iterator[Line]:
    """The same, against importing what any such tool imports."""
    pairs = alternate(lambda: python(*_CHECK, "resnet152"), lambda: python(*_FLOOR), 3 * setup.runs)
    ratio = Spread.of(ours.wall / peer.wall for ours, peer in pairs)
    what = "check resnet152, against importing pydantic and yaml"
    yield Line(what, *walls(pairs), ratio.text(".2f"), "at most 1.5 × as long", ratio.middle <= 1.5)
    yield processor(pairs)


def rate(setup: Setup) -> Iterator[Line]:
    """Checks a second within a process that runs already."""
    seconds = answer("-m", "benchmarks.in_process", str(20 * setup.runs))
    for what, goal in (("check", 100), ("load", None)):
        each = Spread.of(1 / second for second in seconds[what])
        met = None if goal is None else each.middle >= goal
        words = "" if goal is None else f"at least {goal}"
        done = {"check": "checks of resnet152 a second, in process", "load": "  without the report"}
        yield Line(done[what], each.text(".0f"), goal=words, met=met)


def forward(setup: Setup) -> Iterator[Line]:
    """A forward pass of the compiled module, against the hand-written one."""
    for batch, runs in ((1, 6 * setup.runs), (8, setup.runs)):
        found = answer("-m", "benchmarks.forward", setup.weights, str(batch), str(runs))
        demand_the_same("modules", found["difference"])
        ours, peer = (median(column) for column in zip(*found["pairs"], strict=True))
        ratio = Spread.of(ours / peer for ours, peer in found["pairs"])
        yield Line(
            f"forward pass of resnet152, batch {batch}, against a hand-written module",
            f"{1e3 * ours:.0f} ms",
            f"{1e3 * peer:.0f} ms",
            ratio.text(".3f"),
            "1.00 ± 0.02",
            abs(ratio.middle - 1) <= 0.02,
        )


def chain(setup: Setup) -> Iterator[Line]:
    """Checking chains of layers that are each written out, and how the time grows with them."""
    paths = {depth: _chain(setup.folder, depth) for depth in (1, *_DEPTHS)}
    seconds: dict[int, list[float]] = {depth: [] for depth in paths}
    for run in range(1 + setup.runs):
        for depth, path in paths.items():
            wall = python(*_CHECK, path).wall
            if run:  # The first is to warm up.
                seconds[depth].append(wall)
    for depth in _DEPTHS:
        found = Spread.of(seconds[depth])
        goal = "less than 1.5 s" if depth == max(_DEPTHS) else ""
        met = found.middle < 1.5 if goal else None
        yield Line(
            f"check of a chain of {depth:,} layers", f"{found.text('.2f')} s", "", "", goal, met
        )
    start = median(seconds[1])
    x = [math.log(depth) for depth in _DEPTHS]
    y = [math.log(median(seconds[depth]) - start) for depth in _DEPTHS]
    exponent = linear_regression(x, y).slope
    growth = f"layers to the power {exponent:.2f}"
    yield Line("  growth, less the time for 1 layer", growth, goal="1, linear", met=exponent <= 1.1)


MEASUREMENTS: dict[str, Callable[[Setup], Iterator[Line]]] = {
    "check": check,
    "floor": floor,
    "rate": rate,
    "forward": forward,
    "chain": chain,
}
"""By the names that the command line takes."""


def _chain(folder: Path, depth: int) -> str:
    steps = "\n".join(f"  - {_CHAIN[index % len(_CHAIN)]}" for index in range(depth))
    path = folder / f"chain{depth}.yaml"
    path.write_text(f"archspec: 1\nname: chain\ninput: [8, 32, 32]\nlayers:\n{steps}\n")
    return str(path)


def demand_the_same(what: str, difference: float, limit: float = SAME) -> None:
    if not difference < limit:
        raise RuntimeError(f"the two {what} differ by {difference}, so their times mean nothing")


def walls(pairs: Pairs) -> tuple[str, str]:
    ours, peer = (median(usage.wall for usage in column) for column in zip(*pairs, strict=True))
    return f"{ours:.3f} s", f"{peer:.3f} s"


def faster(what: str, pairs: Pairs, goal: int) -> Line:
    ratio = Spread.of(peer.wall / ours.wall for ours, peer in pairs)
    words = f"at least {goal} × faster"
    return Line(what, *walls(pairs), ratio.text(".1f"), words, ratio.middle >= goal)


def processor(pairs: Pairs) -> Line:
    ours, peer = (median(usage.cpu for usage in column) for column in zip(*pairs, strict=True))
    ratio = Spread.of(ours.cpu / peer.cpu for ours, peer in pairs)
    return Line("  processor time", f"{ours:.3f} s", f"{peer:.3f} s", ratio.text(".2f"))


def memory(pairs: Pairs, goal: float | None = None) -> Line:
    ours, peer = (median(usage.memory for usage in column) for column in zip(*pairs, strict=True))
    ratio = Spread.of(ours.memory / peer.memory for ours, peer in pairs)
    return Line(
        "  peak memory",
        f"{ours / 1e6:.0f} MB",
        f"{peer / 1e6:.0f} MB",
        ratio.text(".3f"),
        "" if goal is None else f"at most {goal}",
        None if goal is None else ratio.middle <= goal,
    )
