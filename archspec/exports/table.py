"""Every export: a word, a function, and what may be asked of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from archspec.exports.request import Request, RequestError, Written
from archspec.graph import Graph
from archspec.passes import Network, optimize
from archspec.weights import load

Given = str | os.PathLike[str] | Mapping[str, Any] | None
"""A file of weights, arrays by name, or None for an initialisation."""

_ONNX = frozenset(
    {
        "precision",
        "reduced_io",
        "calibrate",
        "calibration_samples",
        "with_preprocess",
        "with_softmax",
        "with_top_k",
        "external_data",
    }
)


class Export(NamedTuple):
    """One way of writing a network.

    `suffix` is that of the file's default name; a folder has none. `takes` are the fields of a
    Request that may be asked for besides `optimize`. `holds` says what of the weights is in memory
    at a time, `stores` whether they are written.
    """

    suffix: str
    write: Callable[[Network, Path, Request], Written]
    takes: frozenset[str] = frozenset()
    holds: Literal["nothing", "a tensor", "all"] = "all"
    stores: bool = True

    def check(self, request: Request) -> None:
        """Raise RequestError for what this export does not have."""
        for name in sorted(request.given() - self.takes - {"optimize"}):
            able = [word for word, other in EXPORTS.items() if name in other.takes]
            option = {"pointing": "weights_from"}.get(name, name).replace("_", "-")
            raise RequestError(f"`--{option}` is for `--export {'` and `'.join(able)}`")

    def run(
        self, graph: Graph, weights: Given, path: Path, request: Request, seed: int = 0
    ) -> Written:
        """Write the network to `path`, optimised as is asked, with weights of a file or a mapping,
        or drawn from `seed`. Returns what is written.

        Raises RequestError for what this export does not have, SpecError where the weights do not
        fit, ValueError for what the network does not admit, OSError, and ImportError or
        RuntimeFailure where a package is missing.
        """
        self.check(request)
        built: dict[str, Any] = {"optimize": request.level}
        if weights is None and self.stores:
            built["seed"] = seed
        graph = replace(graph, metadata={**graph.metadata, **built})
        network = optimize(graph, load(graph, weights, seed), request.level)
        written = self.write(network, path, request)
        if weights is not None and not self.stores:
            note = "the weights fit and are not in it: `--export weights` writes them"
            return written._replace(notes=(*written.notes, note))
        return written


def _onnx(network: Network, path: Path, request: Request) -> Written:
    from archspec.exports.onnx import write_onnx

    return write_onnx(network, path, request)


def _triton(network: Network, path: Path, request: Request) -> Written:
    from archspec.exports.triton import write_triton

    return write_triton(network, path, request)


def _torch(network: Network, path: Path, request: Request) -> Written:
    from archspec.exports.torch import write_module

    write_module(network, path)
    return Written(path)


def _torchscript(network: Network, path: Path, request: Request) -> Written:
    from archspec.exports.torch import write_torchscript

    write_torchscript(network, path)
    return Written(path)


def _program(network: Network, path: Path, request: Request) -> Written:
    from archspec.exports.torch import write_program

    write_program(network, path)
    return Written(path)


def _python(network: Network, path: Path, request: Request) -> Written:
    from archspec.exports.torch import write_python

    write_python(network, path)
    return Written(path)


def _weights(network: Network, path: Path, request: Request) -> Written:
    from archspec.weights import save_safetensors

    save_safetensors(path, network.weights)
    return Written(path)


EXPORTS: Mapping[str, Export] = {
    "onnx": Export(".onnx", _onnx, _ONNX | {"pointing"}, holds="a tensor"),
    "torch": Export(".pt", _torch),
    "torchscript": Export(".torchscript.pt", _torchscript),
    "program": Export(".pt2", _program),
    "python": Export(".py", _python, holds="nothing", stores=False),
    "weights": Export(".safetensors", _weights, holds="a tensor"),
    "triton": Export("", _triton, _ONNX | {"max_batch", "instances", "serve_on"}, holds="a tensor"),
}
"""By the words of `--export`."""
