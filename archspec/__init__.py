"""archspec: a compiler for convolutional-network architectures.

A network is one YAML file. `load` reads it into a typed Graph, with every shape and every parameter
known; `to_torch` and `to_onnx` compile that. Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from archspec._installation import refuse_the_other_archspec

refuse_the_other_archspec()

if TYPE_CHECKING:
    import torch  # noqa: TID251  # a return type, and nothing at run time

    from archspec.diagnostics import Diagnostic, SpecError
    from archspec.graph import Graph
    from archspec.kinds import Kind

__version__ = "0.4.0"

__all__ = ["Diagnostic", "Graph", "SpecError", "load", "to_onnx", "to_torch"]

_HOMES = {
    "Diagnostic": "archspec.diagnostics",
    "SpecError": "archspec.diagnostics",
    "Graph": "archspec.graph",
}


def __getattr__(name: str) -> Any:
    """The package's classes, imported when they are asked for: the command line starts faster."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'archspec' has no attribute {name!r}")


Weights = str | os.PathLike[str] | Mapping[str, Any] | None
"""A file of weights, arrays by name, or None for an initialisation."""


def load(path: str | os.PathLike[str], /, *, kinds: Iterable[Kind] = (), **vars: Any) -> Graph:
    """The network of the spec at `path`, or of that name in the zoo, with `vars` for its variables.

    `kinds` are kinds of layer beside archspec's own (see archspec.kinds), which installed packages
    may offer too. Raises SpecError, whose `diagnostics` say all that is wrong, OSError where the
    file can't be read, and archspec.kinds.KindError where one of the `kinds` is none.
    """
    from archspec.kinds import Vocabulary
    from archspec.pipeline import compile_file
    from archspec.zoo import resolve

    variables = {name: _frozen(value) for name, value in vars.items()}
    compiled = compile_file(resolve(os.fspath(path)), variables, Vocabulary(kinds))
    if not compiled.ok:
        from archspec.diagnostics import SpecError

        raise SpecError(list(compiled.diagnostics))
    return compiled.graph


def to_torch(graph: Graph, weights: Weights = None, seed: int = 0) -> torch.nn.Module:
    """The network as a PyTorch module, in evaluation mode.

    `weights` is a file (.safetensors, .pth) or a mapping of state-dict names to arrays; without
    it, the tensors are initialised from `seed`, the same as in `to_onnx`. Raises SpecError where
    the weights do not fit, OSError where their file can't be read, and ImportError without PyTorch.
    """
    from archspec.exports.torch import torch_backend
    from archspec.weights import load as load_weights

    module: torch.nn.Module = torch_backend().to_module(graph, load_weights(graph, weights, seed))
    return module


def to_onnx(
    graph: Graph,
    path: str | os.PathLike[str],
    weights: Weights = None,
    seed: int = 0,
    **options: Any,
) -> None:
    """Write the network as an ONNX file, with a free batch dimension.

    `weights` and `seed` as for `to_torch`. `options` are those of `archspec build`, the fields of
    archspec.exports.Request: `optimize="all"`, `precision="fp16"`, `with_softmax=True` and so on;
    without any, the file has every layer and every tensor of the graph by its name. It is written
    beside `path` and renamed into place.

    Raises SpecError where the weights do not fit, OSError where a file can't be read or written,
    ValueError where options do not go together or not with the network, and, for int8,
    ImportError without onnxruntime.
    """
    from pathlib import Path

    from archspec.exports import EXPORTS, Request

    EXPORTS["onnx"].run(graph, weights, Path(path), Request(**options), seed)


def _frozen(value: Any) -> Any:
    """A value as the YAML reader would give it."""
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    # A number of NumPy's is no int or float of Python's.
    return value.item() if hasattr(value, "item") else value
