"""What a file has to say word for word: its operations, its constants, and what it says of itself.

Inputs show only what they reach: a clip at another bound, or a slope that is a little off, may
change nothing that is compared on a few samples.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from archspec.backends.onnx import read
from archspec.backends.onnx.model import Initializer
from archspec.metadata import Metadata
from archspec.verification.report import Check
from archspec.verification.subject import Subject

_DESCRIPTION = ("preprocess", "labels", "sizes")
"""The fields of the metadata that the spec alone decides."""


def description(subject: Subject) -> Check:
    """Whether what the file says of classes, pictures and sizes is what the spec says."""
    said = subject.metadata
    if subject.model.metadata is None:
        return Check("what it says of itself", "—", "—", "nothing")
    wanted = Metadata.model_validate_json(
        json.dumps({"name": subject.graph.name, **subject.graph.metadata})
    )
    difference = next(filter(None, (_unlike(said, wanted, field) for field in _DESCRIPTION)), "")
    if not difference and wanted.scores == "probabilities" != said.scores:
        difference = "the model states that its scores are logits, and they are probabilities"
    verdict = "differs" if difference else "equal"
    return Check("what it says of itself", "—", "—", verdict, difference)


def _unlike(said: Metadata, wanted: Metadata, field: str) -> str:
    """How a field of the metadata differs, for the first of its labels or parts that does."""
    found, expected = getattr(said, field), getattr(wanted, field)
    if found == expected:
        return ""
    if not found or not expected:
        one, other = ("the spec", "the model") if not found else ("the model", "the spec")
        return f"{one} has `{field}`, and {other} has none"
    told = f"the `{field}` of the model differ from the spec's"
    if isinstance(expected, tuple) and len(found) != len(expected):
        return f"{told}: {len(found):,} and not {len(expected):,}"
    for name, one, other in _parts(found, expected):
        if one != other:
            return f"{told}: {name} is {_plain(one)} in the model, and {_plain(other)} by the spec"
    return told


def _parts(found: Any, wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    """What the two consist of, side by side."""
    if isinstance(wanted, tuple):
        for at, pair in enumerate(zip(found, wanted, strict=True)):
            yield f"number {at}", *pair
    elif isinstance(wanted, dict):
        for name in {**found, **wanted}:
            yield name, *(getattr(each.get(name), "words", None) for each in (found, wanted))
    else:
        for name in type(wanted).model_fields:
            yield name, getattr(found, name), getattr(wanted, name)


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def operations(subject: Subject) -> Check:
    """Whether the operations and the constants of the file are those that the network becomes."""
    expected, found = subject.skeleton.model, subject.proto
    number = len(expected.graph.node)
    is_rounded = subject.metadata.precision == "int8"
    if is_rounded and _is_changed_before(expected):
        return Check("operations", f"{number:,}", "—", "—")
    differing = [
        *read.differences(expected.graph.node, found, expected),
        *read.constant_differences(found, expected),
        # Eight bits are so noisy that outputs do not show which values are taken.
        *(read.rewired(found, expected) if is_rounded else ()),
    ]
    verdict = f"{len(differing):,} differ" if differing else "equal"
    return Check("operations", f"{number:,}", "—", verdict, differing[0] if differing else "")


def quantised_differences(subject: Subject, tensors: Iterable[Initializer]) -> Iterator[str]:
    """What to say of each of the weights that the file's 8-bit integers do not round.

    Biases are not compared: they make up for what rounding the weights shifts. Nor is anything
    where batch norms were left, which onnxruntime folds before it rounds.
    """
    if _is_changed_before(subject.skeleton.model):
        return
    for tensor in tensors:
        stored = read.quantised(subject.proto, tensor.name, subject.path)
        if stored is None or len(tensor.shape) < 2 or stored.numbers.shape != tensor.shape:
            continue
        wanted = np.asarray(tensor.source.read(subject.network.weights), np.float64)
        steps = np.abs(stored.numbers - wanted) / stored.step
        off = float(steps.max(initial=0.0))
        if not off <= _ROUNDED:
            yield (
                f"{tensor.name} has other values in the model: its integers are off by up to "
                f"{off:.3g} steps, and rounding makes half of one"
            )


def _is_changed_before(model: Any) -> bool:
    """Whether onnxruntime changes a model before it rounds it."""
    return any(node.op_type == "BatchNormalization" for node in model.graph.node)


_ROUNDED = 0.51
"""Steps that a rounded number may be off: a half, and the rounding of float32."""
