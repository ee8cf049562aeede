"""What travels with a network into the files that are made of it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from archspec.preprocess import Preprocess

METADATA_KEY = "archspec"
"""Where an ONNX file's `metadata_props` hold it, as JSON."""

Scores = Literal["logits", "probabilities"]


class Metadata(BaseModel):
    """What archspec writes into an ONNX file besides the network, under METADATA_KEY.

    `labels` are the class names in the order of the output. Keys of a later version are ignored;
    `preprocess` is not so lenient, for a step left out would change the predictions.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", defer_build=True)

    name: str
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] | None = None
    scores: Scores = "logits"
