"""What a verification found, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from archspec.metadata import Level, Precision


class Check(NamedTuple):
    """Something that is known without running: what the spec says of it, PyTorch, and ONNX.

    A dash stands for what cannot be compared. `difference` is the first one; empty if all agree.
    """

    what: str
    spec: str
    torch: str
    onnx: str
    difference: str = ""

    @property
    def agrees(self) -> bool:
        return not self.difference


class Error(NamedTuple):
    """How far an array is from what it should be, and how far it may be.

    `absolute` is the largest error of a number, `relative` that over the largest number. `cosine`
    is of the angle between the two, `sqnr` the signal over the noise in decibels, infinite where
    nothing differs. `measured` is what is held against the `tolerance`: the largest error, or, in
    int8, the root of the mean square. `place` is where the largest error is.
    """

    absolute: float
    relative: float
    cosine: float
    sqnr: float
    measured: float
    tolerance: float
    place: tuple[int, ...]

    @property
    def agrees(self) -> bool:
        return self.measured <= self.tolerance


class Comparison(NamedTuple):
    """An output of onnxruntime held against PyTorch's, for one batch or for pictures.

    `classes` counts samples that have the same likeliest class in both, where that makes sense.
    """

    inputs: str
    output: str
    samples: int
    error: Error
    classes: int | None


class InputValue(NamedTuple):
    """A value that a layer takes, and whether it is the same in both."""

    name: str
    agrees: bool
    absolute: float


@dataclass(frozen=True)
class Divergence:
    """The first layer whose value is not what it should be, though its inputs are.

    `line` and `column` are in the spec's `file`. `folded` are layers before it that the model has
    no value of, and that may be to blame as well. `torch` and `onnx` are some numbers of the value
    next to the worst, which is at `error.place`; `reasons` is what the model's operations and
    weights of that layer have that the spec's have not. `runs` counts those of the search.
    """

    layer: str
    kind: str
    file: str
    line: int
    column: int
    folded: tuple[str, ...]
    shape: tuple[int, ...]
    error: Error
    torch: tuple[float, ...]
    onnx: tuple[float, ...]
    inputs: tuple[InputValue, ...]
    reasons: tuple[str, ...]
    runs: int


@dataclass(frozen=True)
class ModelFile:
    """What the ONNX file is: `digest` is its SHA-256; a file that was built here has no `path`."""

    path: str | None
    digest: str
    bytes: int
    name: str
    optimize: Level
    precision: Precision


@dataclass(frozen=True)
class Report:
    """A verification. `digest` is the SHA-256 of the spec's own file; `settings` what was given
    with it; `weights` says where the weights came from. `notes` tell what limits the proof.
    """

    network: str
    spec: str
    digest: str
    settings: tuple[str, ...]
    weights: str
    seed: int
    model: ModelFile
    versions: dict[str, str]
    checks: tuple[Check, ...]
    comparisons: tuple[Comparison, ...]
    divergence: Divergence | None
    notes: tuple[str, ...]
    failure: str

    @property
    def agrees(self) -> bool:
        """Whether nothing was found that differs."""
        return not self.failure
