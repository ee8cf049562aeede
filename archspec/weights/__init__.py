"""Weights: a network's named arrays, drawn from a seed, read from a file, or given by a program."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archspec.diagnostics import Diagnostic, Source, Span, SpecError
from archspec.graph import Graph
from archspec.weights.files import read_file
from archspec.weights.given import read_mapping
from archspec.weights.initial import initial
from archspec.weights.match import check
from archspec.weights.save import save_safetensors
from archspec.weights.stored import Location, Stored, Unreadable, as_float32
from archspec.weights.unwrap import without_prefix

__all__ = ["Location", "Stored", "Weights", "initial", "load", "save_safetensors"]


@dataclass(frozen=True, slots=True, eq=False)
class Weights(Mapping[str, NDArray[np.float32]]):
    """A network's tensors by name, each one made or read when it is asked for, and not kept.

    Arrays are float32, contiguous and aligned. They may be read-only views of a file or of the
    arrays that were given: copy before writing.
    """

    _stored: Mapping[str, Stored]

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return as_float32(self._stored[name].read())

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def location(self, name: str, dtype: str | None = "float32") -> Location | None:
        """Where in a file the very bytes of the array lie, of this element type, or of any where
        that is None; None if they lie in none.
        """
        stored = self._stored[name]
        return stored.location if dtype in (stored.dtype, None) else None

    def replaced(self, names: Iterable[str], made: Mapping[str, Stored]) -> Weights:
        """The tensors of these names, in this order: those in `made` as they are there, and the
        rest as they are here. Nothing is read. Raises KeyError for a name that neither has.
        """
        return Weights({name: made.get(name) or self._stored[name] for name in names})


def load(
    graph: Graph,
    weights: str | os.PathLike[str] | Mapping[str, ArrayLike] | None,
    seed: int = 0,
) -> Weights:
    """One array for each of the graph's tensors, in their order.

    `weights` is a file (safetensors, or a PyTorch checkpoint), a mapping of names to arrays, or
    None for initial values drawn from `seed`. float16, bfloat16 and float64 become float32.

    Raises SpecError, with all that is wrong, if the weights are not the graph's or the file is
    malformed; OSError if the file is missing or cannot be read.
    """
    if weights is None:
        return Weights(
            {
                name: Stored(tensor.shape, "float32", partial(initial, name, tensor, seed))
                for name, tensor in graph.tensors()
            }
        )
    if isinstance(weights, Mapping):
        source = Source("<weights>", "", Path())
        stored = read_mapping(weights)
    else:
        source = Source(os.fspath(weights), "", Path(weights).parent)
        stored = _read(source)
    names = [name for name, _ in graph.tensors()]
    unwrapped = without_prefix(stored, names)
    faults = check(graph, unwrapped, source)
    if faults:
        raise SpecError(faults)
    return Weights({name: unwrapped[name] for name in names})


def _read(source: Source) -> dict[str, Stored]:
    try:
        return read_file(source.path)
    except Unreadable as error:
        message = f"`{source.path}` cannot be read as weights: {error.message}"
        place = Span(1, 1, 1, 1, source)
        raise SpecError([Diagnostic("AS601", message, place, error.help)]) from error
