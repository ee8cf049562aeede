"""What is verified: a network, its weights, and the ONNX file that is said to be the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.backends.onnx import Options, read
from archspec.backends.onnx.model import Skeleton
from archspec.backends.onnx.skeleton import build_model
from archspec.graph import Graph
from archspec.metadata import Metadata
from archspec.passes import Network, optimize
from archspec.runtime.session import Model
from archspec.weights import Weights, load

Floats = NDArray[np.float32]


class VerificationError(ValueError):
    """What was asked for cannot be verified; the message says what to give instead."""


@dataclass(frozen=True)
class Subject:
    """A network with weights, and an ONNX file, read and opened.

    `own_weights` is whether the weights are those of the file itself.
    """

    graph: Graph
    weights: Weights
    path: Path
    proto: Any
    model: Model
    metadata: Metadata
    own_weights: bool

    @cached_property
    def network(self) -> Network:
        """The network, optimised as far as the file says that it was."""
        return optimize(self.graph, self.weights, self.metadata.optimize)

    @cached_property
    def skeleton(self) -> Skeleton:
        """The file as it would be written, but for 8-bit integers."""
        said = self.metadata
        options = Options(
            precision="fp32" if said.precision == "int8" else said.precision,
            fold_constants=said.optimize == "all",
            preprocess=said.preprocessed_within,
            softmax=self.adds_softmax,
            top_k=said.top_k,
        )
        return build_model(self.network.graph, options)

    @cached_property
    def shapes(self) -> dict[str, read.Dimensions]:
        """The shapes of the file's values, as it states them and as onnx infers every size of them.

        Raises UnreadableModel where onnx finds a contradiction.
        """
        return {
            **read.stated(self.proto.graph.value_info),
            **{
                name: sizes
                for name, sizes in read.inferred(self.proto).items()
                if all(size is not None and not str(size).startswith("unk__") for size in sizes)
            },
        }

    @property
    def adds_softmax(self) -> bool:
        """Whether the file makes probabilities of what are none in the spec."""
        return (
            self.metadata.scores == "probabilities"
            and self.graph.metadata.get("scores") != "probabilities"
        )

    @cached_property
    def values(self) -> dict[str, str]:
        """The values of the network that the file makes too: the layer's name to the file's.

        A value whose name an end of the model has taken over is called `<name>/…` there.
        """
        made = read.made_values(self.proto)
        stored = {tensor.name for tensor in self.proto.graph.initializer}
        found = {}
        for node in self.graph.nodes:
            called = node.name
            while called in stored:  # A tensor of that name comes first.
                called += "_"
            if called in made:
                found[node.name] = called
        for name in self.graph.outputs:
            within = [f"{name}/{end}" for end in ("logits", "all") if f"{name}/{end}" in made]
            if within and (self.adds_softmax or self.metadata.top_k is not None):
                found[name] = within[0]
            elif self.adds_softmax:
                found.pop(name, None)
        if self.metadata.precision == "int8":
            outputs = self.graph.outputs
            return {
                name: called if name in outputs else read.rounded_value(self.proto, called)
                for name, called in found.items()
            }
        return found


def weights_of(
    graph: Graph, proto: Any, path: Path, metadata: Metadata, given: str | None, seed: int | None
) -> tuple[Weights, str]:
    """The weights that the file is to be held against, and where they come from.

    In this order: a file that was given, a seed that was, the seed that the model names, and the
    model's own where it has all of them. Raises VerificationError, SpecError and OSError.
    """
    if given is not None:
        return load(graph, given), f"the file {given}"
    if seed is None:
        seed = metadata.seed
    if seed is not None:
        return load(graph, None, seed), f"drawn from the seed {seed}"
    own = read.initializers(proto, path)
    names = [name for name, _ in graph.tensors()]
    missing = [name for name in names if name not in own]
    if missing or metadata.optimize != "none":
        raise VerificationError(
            f"{path} was optimised, so the spec's weights are not all in it"
            + (f" ({missing[0]} is not)" if missing else "")
            + ": give those that it was built with, `--weights FILE` or `--seed N`"
        )
    return load(graph, {name: own[name] for name in names}), OWN


OWN = "the model's own"


def plain_metadata(graph: Graph, metadata: Metadata | None) -> Metadata:
    """What a file says of itself; of one that archspec did not write, what holds of any."""
    return metadata or Metadata(name=graph.name)


def digest(data: bytes) -> str:
    """The SHA-256 of something, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, read piece by piece. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def with_ends(subject: Subject, outputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The network's outputs as the file's: probabilities, or the largest scores alone, where the
    file makes these.
    """
    made = dict(outputs)
    if subject.adds_softmax:
        made = {name: _softmax(array) for name, array in made.items()}
    if subject.metadata.top_k is not None:
        (scores,) = made.values()
        made = {subject.model.outputs[0]: -np.sort(-scores, axis=1)[:, : subject.metadata.top_k]}
    return made


def scores_of(
    subject: Subject, outputs: Mapping[str, NDArray[Any]], classes: NDArray[np.int64]
) -> NDArray[Any]:
    """What each of the classes, N × K, scores by the network's outputs; no number for none."""
    (scores,) = outputs.values()
    if subject.adds_softmax:
        scores = _softmax(scores)
    is_one = (classes >= 0) & (classes < scores.shape[1])
    found = np.take_along_axis(scores, np.where(is_one, classes, 0), axis=1)
    return np.where(is_one, found, np.nan)


def _softmax(array: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(array - array.max(axis=1, keepdims=True))
    scores: NDArray[Any] = powers / powers.sum(axis=1, keepdims=True)
    return scores
