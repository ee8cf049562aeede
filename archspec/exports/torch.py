"""A network as what PyTorch reads: a module, a program, a source file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from archspec.files import replace_file
from archspec.graph import Graph
from archspec.passes import Network


def torch_backend() -> ModuleType:
    """The PyTorch backend. Raises ImportError, with what to install, where there is no PyTorch."""
    try:
        import archspec.backends.torch as backend
    except ModuleNotFoundError as error:
        if error.name not in (
            "torch",
            None,
        ):  # Something that PyTorch needs, and its name says what.
            raise
        raise ImportError('PyTorch is not installed: pip install "archspec-nn[torch]"') from error
    return backend


def write_module(network: Network, path: Path) -> None:
    """Write the module itself: `torch.load(path, weights_only=False)` gives it back."""
    backend = torch_backend()
    module = backend.to_module(*network)

    def save() -> None:
        with replace_file(path) as file:
            backend.save_module(module, file)

    _blaming_outside(network.graph, "the module cannot be saved", save)


def write_torchscript(network: Network, path: Path) -> None:
    """Write a TorchScript file, which `torch.jit.load` reads, in C++ too."""
    backend = torch_backend()
    save = _writing(backend.write_torchscript, network, path)
    _blaming_outside(network.graph, "the module cannot be made TorchScript", save)


def write_program(network: Network, path: Path) -> None:
    """Write a program of `torch.export`, which `torch.export.load` reads."""
    backend = torch_backend()
    save = _writing(backend.write_program, network, path)
    _blaming_outside(network.graph, "the module cannot be made a program", save)


def write_python(network: Network, path: Path) -> None:
    """Write the network as a person would in PyTorch; its weights are a file of their own."""
    torch_backend()
    from archspec.backends.python import write_python as write

    write(network.graph, path)


def _writing(write: Callable[..., None], network: Network, path: Path) -> Callable[[], None]:
    return lambda: write(network.graph, network.weights, path)


def _blaming_outside(graph: Graph, what: str, save: Callable[[], Any]) -> None:
    """Save; where that fails for what kinds from outside made, raise ValueError naming them."""
    try:
        save()
    except (OSError, MemoryError, ValueError):  # These say what is wrong.
        raise
    except Exception as error:  # pickle, and torch.package, raise what they like
        if not graph.outside:
            raise
        words = ", ".join(f"`{layer.kind}`" for layer in graph.outside)
        message = f"{what} with what {words} made of it: {error}"
        raise ValueError(f"{message}; functions must have a name in their file") from error
