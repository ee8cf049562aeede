"""Forward passes of a compiled module, to be timed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from numpy.typing import NDArray

from archspec.backends.torch.module import to_module
from archspec.graph import Graph

How = Literal["eager", "compiled"]


class NotCompiled(Exception):
    """`torch.compile` could not compile a module; its text says why, in one line."""


def threads() -> int:
    """The threads that PyTorch shares an operation between."""
    return torch.get_num_threads()


def forward(
    graph: Graph,
    weights: Mapping[str, NDArray[Any]],
    feeds: Mapping[str, NDArray[Any]],
    how: How,
    threads: int | None,
) -> Callable[[], object]:
    """A forward pass on these inputs, by the names of the graph's, in inference mode on the CPU.

    `compiled` is by `torch.compile`, which compiles now, for these shapes: it needs a C++ compiler,
    and raises NotCompiled where that fails.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    module: Any = to_module(graph, weights)
    inputs = [torch.from_numpy(feeds[name].copy()) for name in graph.inputs]
    if how == "compiled":
        module = torch.compile(module, dynamic=False)

    def run() -> object:
        with torch.inference_mode():
            return module(*inputs)

    if how == "compiled":
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run()
        except Exception as error:  # the compiler behind it raises what it likes
            raise NotCompiled(_first_line(error)) from error
    return run


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
