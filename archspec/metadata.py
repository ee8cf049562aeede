"""What travels with a network into the files that are made of it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from archspec.preprocess import Preprocess

METADATA_KEY = "archspec"
"""Where an ONNX file's `metadata_props` hold it, as JSON."""

Scores = Literal["logits", "probabilities"]
Level = Literal["none", "fold", "all"]
"""How far a network is optimised before it is written: see `archspec.passes`."""
Precision = Literal["fp32", "fp16", "bf16", "int8"]
"""What an ONNX file's layers compute in."""


class Sizes(BaseModel):
    """The numbers that a free size of the inputs may be: by their rest when divided by `period`, a
    run of numbers for each, `[rest, first, last]`, which has no end where the last is null. `words`
    say it for people.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", defer_build=True)

    words: str
    period: int = Field(ge=1)
    runs: tuple[tuple[int, int, int | None], ...]

    def admits(self, number: int) -> bool:
        """Whether the size may be this number."""
        return any(
            number % self.period == rest and first <= number and (last is None or number <= last)
            for rest, first, last in self.runs
        )


class Metadata(BaseModel):
    """What archspec writes into an ONNX file besides the network, under METADATA_KEY.

    `labels` are the class names in the order of the output. `sizes` has the free sizes, by their
    names in the file, that may not be any number. `optimize` and `precision` say how the file was
    built, and `seed` what its weights were drawn from, if they were. With `preprocessed_within` the
    graph itself does what `preprocess` says, and takes uint8 pictures, N × H × W × C; with `top_k`
    it makes that many scores and class indices. Keys of a later version are ignored; `preprocess`
    is not so lenient, for a step left out would change the predictions.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", defer_build=True)

    name: str
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] | None = None
    scores: Scores = "logits"
    sizes: dict[str, Sizes] = {}
    optimize: Level = "none"
    precision: Precision = "fp32"
    seed: int | None = None
    preprocessed_within: bool = False
    top_k: int | None = None
