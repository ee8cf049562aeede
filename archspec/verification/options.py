"""What is asked of a verification."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from archspec.exports import Request
from archspec.runtime.placement import Placement


class SpecFile(NamedTuple):
    """The spec as it was given: what it is called, its bytes, and the settings beside it."""

    path: str
    data: bytes
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """How to verify.

    `weights` and `seed` say what PyTorch's module gets; `seed` also draws the inputs, and, where
    there is neither model nor weights, weights that keep the values lively. `relative` is how far
    an output may be off, over its largest number, if not what its precision allows. `request` says
    how a model is built where none is given. `images` is a folder of pictures to compare on, too,
    and `placement` where onnxruntime runs the model.
    """

    weights: str | None = None
    seed: int | None = None
    batches: tuple[int, ...] = (1, 2, 5)
    relative: float | None = None
    request: Request = field(default_factory=Request)
    images: Path | None = None
    image_samples: int = 64
    placement: Placement = field(default_factory=Placement)
