"""What a model's outputs say: the likeliest classes, or figures where they are no classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archspec.runtime.errors import InputError, MissingPackageError, ModelError
from archspec.runtime.session import Array, Model

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error


@dataclass(frozen=True)
class ClassScore:
    """One class and its probability; `index` counts from 0."""

    index: int
    label: str | None
    score: float


@dataclass(frozen=True)
class OutputSummary:
    """Figures of one output, over the whole batch; `shape` includes the batch."""

    name: str
    shape: tuple[int, ...]
    minimum: float
    mean: float
    maximum: float


def is_classification(outputs: Mapping[str, Array]) -> bool:
    """Whether the outputs are one vector of two or more class scores for each sample."""
    if len(outputs) != 1:
        return False
    (scores,) = outputs.values()
    return (
        scores.ndim == 2 and scores.shape[1] > 1 and bool(np.issubdtype(scores.dtype, np.inexact))
    )


def classify(
    outputs: Mapping[str, Array], model: Model, top: int
) -> tuple[tuple[ClassScore, ...], ...]:
    """The `top` likeliest classes of each sample, the likeliest first.

    `outputs` is what `is_classification` says yes to, N × classes. Scores are taken through a
    softmax, unless the metadata says that they are probabilities. Raises InputError for scores that
    are not finite, and ModelError for labels that are not as many as the classes.
    """
    (scores,) = outputs.values()
    metadata = model.metadata
    labels = metadata.labels if metadata else None
    if labels is not None and len(labels) != scores.shape[1]:
        raise ModelError(
            f"{model.path}: its metadata lists {len(labels)} labels for "
            f"{scores.shape[1]} classes; mend the spec's `labels` and build again"
        )
    if not np.isfinite(scores).all():
        raise InputError(
            "the model's scores are not finite numbers; check the range of the input's values "
            "and the model's weights"
        )
    are_probabilities = metadata is not None and metadata.scores == "probabilities"
    rows = scores if are_probabilities else softmax(scores)
    return tuple(_likeliest(row, labels, top) for row in rows)


def softmax(logits: Array) -> Array:
    """exp(x) / Σ exp(x) along the last axis, in float64 and without overflow."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def summarise(name: str, values: Array) -> OutputSummary:
    """Figures of one output; not-a-number where there are no elements, or one of them is that."""
    if values.size == 0:
        return OutputSummary(name, values.shape, np.nan, np.nan, np.nan)
    numbers = values.astype(np.float64)
    return OutputSummary(
        name, values.shape, float(numbers.min()), float(numbers.mean()), float(numbers.max())
    )


def _likeliest(row: Array, labels: tuple[str, ...] | None, top: int) -> tuple[ClassScore, ...]:
    # Stable, so that of equal scores the lower index comes first on every machine.
    order = np.argsort(-row, kind="stable")[:top]
    return tuple(
        ClassScore(int(index), labels[index] if labels else None, float(row[index]))
        for index in order
    )
