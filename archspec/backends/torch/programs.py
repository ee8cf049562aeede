"""A network as a program that runs without its Python: TorchScript, and torch.export's."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import fx
from torch.export import Dim

from archspec.backends.torch.files import saved
from archspec.backends.torch.module import to_module
from archspec.files import replace_file
from archspec.graph import Graph
from archspec.layers.sizes import is_number

Path = str | os.PathLike[str]

_SMALL = 16
"""Sizes up to this are not traced with: somewhere in the network they may come to 1."""


def write_torchscript(graph: Graph, weights: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write a TorchScript file, which `torch.jit.load` reads, in C++ too. Any batch size runs, and
    any of the symbolic sizes that the graph's symbols admit.

    PyTorch has deprecated TorchScript since 2.9, in favour of `torch.export`; it still reads and
    runs. Raises ValueError for what TorchScript cannot say, and OSError.
    """
    module = to_module(graph, weights)
    with warnings.catch_warnings():
        # That it is deprecated, and what its compiler cannot type and does not need.
        warnings.simplefilter("ignore")
        program = _scripted(module, graph)
        with replace_file(path) as file, saved(file) as target:
            torch.jit.save(program, target)


def _scripted(module: fx.GraphModule, graph: Graph) -> Any:
    try:
        # Compiled from its code: nothing in it depends on one size of the input.
        return torch.jit.script(module)
    except Exception as error:  # the compiler raises what it likes
        raise _failed("TorchScript cannot say this network", error, graph) from error


def write_program(graph: Graph, weights: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write a program of `torch.export`, which `torch.export.load(path).module()` gives back to be
    called. The batch size is free, and so are symbolic sizes; the program says of itself which it
    takes, which may leave out the smallest that the graph's symbols admit.

    Raises ValueError where PyTorch cannot export the network with these sizes free, and OSError.
    """
    module = to_module(graph, weights)
    sizes = _examples(graph)
    batch = Dim("batch", min=1)
    examples, dynamic = [], []
    for type_ in graph.inputs.values():
        shape = [size if is_number(size) else sizes[str(size)] for size in type_.shape]
        examples.append(torch.zeros(2, *shape))
        axes = enumerate(type_.shape, 1)
        free = {axis: Dim.DYNAMIC for axis, size in axes if not is_number(size)}
        dynamic.append({0: batch, **free})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                module, tuple(examples), dynamic_shapes=tuple(dynamic), strict=False
            )
    except Exception as error:  # the tracer raises what it likes
        raise _failed("torch.export cannot take this network", error, graph) from error
    with replace_file(path) as file, saved(file) as target:
        torch.export.save(program, target)


def _examples(graph: Graph) -> dict[str, int]:
    """For each symbolic size a number to trace with: not 1, which would be taken for a constant."""
    if graph.symbols is None:
        return {}
    numbers = dict(graph.symbols.smallest() or {})
    for name, runs in graph.symbols.numbers.items():
        larger = range(numbers[name], numbers[name] + 64 * runs.period)
        tried = ({**numbers, name: size} for size in larger if size > _SMALL)
        numbers = next((each for each in tried if graph.symbols.admits(each)), numbers)
    return numbers


def _failed(what: str, error: Exception, graph: Graph) -> ValueError:
    """One line for what PyTorch says in many, with the layer if it says which."""
    said = str(error)
    lines = [line.strip() for line in said.splitlines() if line.strip(" -=~^<>")]
    named = [node.name for node in graph.nodes if node.name.replace(".", "_") in said]
    layer = f"{max(named, key=len)}: " if named else ""
    reason = lines[0] if lines else type(error).__name__
    return ValueError(f"{layer}{what}: {reason.rstrip(':')}")
