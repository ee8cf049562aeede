"""Torchvision's own figures, and the weights and images that they were computed from.

`tests/data/torchvision/` holds what torchvision 0.29.1 says of its networks: its modules were run
in float32 on a CPU, with every tensor of the state dict made by `fill` and the images by `images`.
The two functions are the rule of the project's shared golden figures (`fill.py`), restated: a
network of the same names and shapes must give the same logits, without torchvision installed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

FOLDER = Path(__file__).parent / "data" / "torchvision"


@dataclass(frozen=True)
class Golden:
    """What torchvision says of a network. `tensors` are shapes by state-dict name, without the
    batch counters; `logits` are the first eight of each of the two images.
    """

    params: int
    macs: int
    input: tuple[int, ...]
    tensors: Mapping[str, tuple[int, ...]]
    logits: Array


def networks() -> tuple[str, ...]:
    """The names of all networks that there are figures of."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def read(network: str) -> Golden:
    """The figures of the torchvision network of this name."""
    said = json.loads((FOLDER / f"{network}.json").read_text("utf-8"))
    tensors = {
        name: tuple(shape)
        for name, shape in said["state_dict"].items()
        if not name.endswith(".num_batches_tracked")
    }
    logits = np.array(said["logits"], np.float32)
    return Golden(said["params"], said["macs"], tuple(said["input"]), tensors, logits)


def fill(name: str, shape: tuple[int, ...]) -> Array:
    """The values of the state-dict entry `name`: a function of its name and shape alone."""
    noise = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    match name.rpartition(".")[2]:
        case "running_var":
            values = 1 + 0.1 * np.abs(noise)
        case "running_mean" | "bias":
            values = 0.1 * noise
        case _ if len(shape) >= 2:
            values = noise * np.sqrt(2 / np.prod(shape[1:]))
        case _:  # the scale of a normalisation layer
            values = 1 + 0.1 * noise
    return np.asarray(values, np.float32)


def images(shape: tuple[int, ...]) -> Array:
    """The batch, N × C × H × W, that the logits were computed from."""
    return np.random.RandomState(0).standard_normal(shape).astype(np.float32)
