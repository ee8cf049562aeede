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
    """One class and its probability; `index` counts from 0.

    It is the network's own score where that cannot be made a probability: of a model that makes
    the likeliest classes only, and these without a softmax.
    """

    index: int
    label: str | None
    score: float
    is_probability: bool = True


@dataclass(frozen=True)
class OutputSummary:
    """Figures of one output, over the whole batch; `shape` includes the batch."""

    name: str
    shape: tuple[int, ...]
    minimum: float
    mean: float
    maximum: float


def is_classification(outputs: Mapping[str, Array], model: Model) -> bool:
    """Whether the outputs are one vector of two or more class scores for each sample, or the
    likeliest classes and their scores.
    """
    arrays = list(outputs.values())
    if len(arrays) == 2 and model.metadata is not None and model.metadata.top_k is not None:
        return True
    return (
        len(arrays) == 1
        and arrays[0].ndim == 2
        and arrays[0].shape[1] > 1
        and bool(np.issubdtype(arrays[0].dtype, np.inexact))
    )


def classify(
    outputs: Mapping[str, Array], model: Model, top: int
) -> tuple[tuple[ClassScore, ...], ...]:
    """The `top` likeliest classes of each sample, the likeliest first; fewer where the model makes
    fewer.

    `outputs` is what `is_classification` says yes to, N × classes. Scores are taken through a
    softmax, unless the metadata says that they are probabilities. Raises InputError for scores that
    are not finite, and ModelError for labels that are not as many as the classes.
    """
    scores, *chosen = outputs.values()
    metadata = model.metadata
    labels = metadata.labels if metadata else None
    if not np.isfinite(scores).all():
        raise InputError(
            "the model's scores are not finite numbers; check the range of the input's values "
            "and the model's weights"
        )
    are_probabilities = metadata is not None and metadata.scores == "probabilities"
    if chosen:
        return _chosen(scores, chosen[0], labels, are_probabilities, model, top)
    if labels is not None and len(labels) != scores.shape[1]:
        raise _mislabelled(model, labels, f"{scores.shape[1]} classes")
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


def _chosen(
    scores: Array,
    classes: Array,
    labels: tuple[str, ...] | None,
    are_probabilities: bool,
    model: Model,
    top: int,
) -> tuple[tuple[ClassScore, ...], ...]:
    """The classes that the model itself chose, the likeliest first. Raises ModelError."""
    if labels is not None and classes.max(initial=0) >= len(labels):
        raise _mislabelled(model, labels, f"a class with the index {classes.max()}")
    return tuple(
        tuple(
            ClassScore(
                int(index), labels[index] if labels else None, float(score), are_probabilities
            )
            for score, index in zip(*rows, strict=True)
        )[:top]
        for rows in zip(scores, classes, strict=True)
    )


def _mislabelled(model: Model, labels: tuple[str, ...], classes: str) -> ModelError:
    return ModelError(
        f"{model.path}: its metadata lists {len(labels)} labels for {classes}; mend the spec's "
        "`labels` and build again"
    )
