"""The form of `tests/data/golden/NAME.json`: what a network is, and what it gives.

Numpy alone is needed to read one, fill the weights, make the inputs and compare an output; see
`tests/data/golden/README.md` for the fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests import golden

Array = NDArray[np.float32]
Shape = tuple[int, ...]

FOLDER = Path(__file__).parent.parent / "data" / "golden"

IMAGES = 2
"""Images a batch: one could be right by chance where a batch is handled wrong."""


@dataclass(frozen=True)
class Expected:
    """An output: its shape with the batch, its largest magnitude, and, of each image, the values
    at the places `at` of the flattened image, their mean and their standard deviation.
    """

    shape: Shape
    largest: float
    at: tuple[int, ...]
    values: Array
    mean: Array
    std: Array

    def distance(self, found: Array) -> float:
        """The largest deviation, as a share of the largest value."""
        if found.shape != self.shape:
            return float("inf")
        flat = found.reshape(len(found), -1)
        pairs = (
            (flat[:, self.at], self.values),
            (flat.mean(1, dtype=np.float64), self.mean),
            (flat.std(1, dtype=np.float64), self.std),
        )
        return max(float(np.abs(ours - theirs).max()) for ours, theirs in pairs) / self.largest


@dataclass(frozen=True)
class Input:
    """A batch of normal noise: its shape, the seed, and the factor."""

    shape: Shape
    seed: int = 0
    scale: float = 1.0

    def batch(self) -> Array:
        noise = np.random.RandomState(self.seed).standard_normal(self.shape).astype(np.float32)
        return noise * np.float32(self.scale)


@dataclass(frozen=True)
class Case:
    """One run: MACs are those of one image."""

    inputs: Mapping[str, Input]
    macs: int
    outputs: Mapping[str, Expected]


@dataclass(frozen=True)
class Golden:
    """What the reference says of a network. `tensors` are shapes by state-dict name, without the
    batch counters; `scale` are factors on the filled values of some.
    """

    params: int
    min_size: tuple[int, ...] | None
    scale: Mapping[str, float]
    cases: tuple[Case, ...]
    tensors: Mapping[str, Shape]

    def weights(self) -> dict[str, Array]:
        return fill(self.tensors, self.scale)


def fill(tensors: Mapping[str, Shape], scale: Mapping[str, float]) -> dict[str, Array]:
    """The values of every tensor: `tests.golden.fill`'s, some with a factor."""
    return {
        name: golden.fill(name, shape) * np.float32(scale.get(name, 1))
        for name, shape in tensors.items()
    }


def read(network: str) -> Golden:
    """The figures of `tests/data/golden/`'s network of this name."""
    said = json.loads((FOLDER / f"{network}.json").read_text("utf-8"))
    return Golden(
        params=said["params"],
        min_size=tuple(said["min_size"]) if "min_size" in said else None,
        scale=said.get("scale", {}),
        cases=tuple(_case(case) for case in said["cases"]),
        tensors={
            name: tuple(shape)
            for name, shape in said["state_dict"].items()
            if not name.endswith(".num_batches_tracked")
        },
    )


def _case(said: Mapping[str, Any]) -> Case:
    inputs = {
        name: Input(tuple(it["shape"]), it["seed"], it["scale"])
        for name, it in said["inputs"].items()
    }
    outputs = {
        name: Expected(
            shape=tuple(it["shape"]),
            largest=it["largest"],
            at=tuple(it["at"]),
            values=np.array(it["values"], np.float32),
            mean=np.array(it["mean"], np.float32),
            std=np.array(it["std"], np.float32),
        )
        for name, it in said["outputs"].items()
    }
    return Case(inputs, said["macs"], outputs)
