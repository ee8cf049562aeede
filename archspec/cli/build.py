"""`archspec build`: a spec compiled to an ONNX file or a PyTorch module."""

from __future__ import annotations

import argparse
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from archspec.analysis.cost import cost
from archspec.cli.main import OK, SPEC_ERROR, USAGE
from archspec.cli.specs import (
    SPEC_HELP,
    add_colour,
    add_judgement,
    add_kinds,
    add_set,
    compile_spec,
    fail,
    show,
    vocabulary,
)
from archspec.diagnostics import SpecError
from archspec.graph import Graph
from archspec.room import free_memory, free_on_disk

_SUFFIX = {"onnx": ".onnx", "torch": ".pt"}


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "build",
        help="compile a network to an ONNX file or a PyTorch module",
        description="Compile a network, with weights from a file or freshly initialised.",
    )
    parser.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    parser.add_argument("--export", choices=tuple(_SUFFIX), required=True)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="what to write (default: the network's name)"
    )
    parser.add_argument(
        "--weights", metavar="FILE", help="a .safetensors file, or a .pth file's state dict"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the initialisation, where there are no weights"
    )
    add_set(parser)
    add_kinds(parser)
    add_judgement(parser)
    add_colour(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Build the spec; the exit status."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        # As Ctrl-C does, so that no half-written file stays behind.
        with suppress(ValueError):  # not in the main thread: whoever runs that one sees to it
            signal.signal(number, signal.default_int_handler)
    kinds = vocabulary(options)
    compiled = None if kinds is None else compile_spec(options.spec, options, kinds)
    if compiled is None:
        return USAGE
    show(compiled.diagnostics, options.color)
    if not compiled.ok:
        return SPEC_ERROR
    graph = compiled.graph
    output = Path(options.output or _file_name(graph.name) + _SUFFIX[options.export])
    for read in (compiled.path, options.weights):
        both = read is not None and os.path.exists(output) and os.path.exists(read)
        if both and os.path.samefile(output, read):
            fail(f"{output} is what the network is read from: choose another --output")
            return USAGE
    too_large = _too_large(graph, output, options)
    if too_large:
        fail(too_large)
        return USAGE
    try:
        export = {"onnx": _export_onnx, "torch": _export_torch}[options.export]
        export(graph, output, options.weights, options.seed)
    except SpecError as error:
        show(error.diagnostics, options.color)
        return SPEC_ERROR
    except (ImportError, ValueError) as error:
        fail(str(error))
        return USAGE
    except MemoryError:
        size = cost(graph).weight_bytes
        fail(f"there is not memory enough for the network: its weights are {size:,} bytes")
        return USAGE
    except OSError as error:
        named = error.filename if error.filename is not None else output
        fail(f"cannot use {os.fspath(named)}: {error.strerror or error}")
        return USAGE
    print(f"wrote {output} ({output.stat().st_size:,} bytes)")
    return OK


def _too_large(graph: Graph, output: Path, options: argparse.Namespace) -> str:
    """Why this machine has no room for the network, or nothing."""
    needed, free = cost(graph).weight_bytes, free_on_disk(output)
    if needed > free:
        return f"{output} would take {needed:,} bytes for its weights, and {free:,} are free there"
    # A module holds all tensors, and makes one at a time; a file is written tensor by tensor, and
    # what is read from another stays there.
    largest = max([4 * tensor.size for _, tensor in graph.tensors()], default=0)
    held = {"torch": needed + largest, "onnx": 0 if options.weights else largest}[options.export]
    free = free_memory()
    if held > free:
        return (
            f"the network would take {held:,} bytes of memory for its weights, and {free:,} are "
            "free on this machine"
        )
    return ""


def _file_name(name: str) -> str:
    """A network's name as a file's: it is free text, and must not lead elsewhere."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".-") or "network"


def _export_onnx(graph: Graph, output: Path, weights: str | None, seed: int) -> None:
    from archspec import to_onnx

    to_onnx(graph, output, weights, seed)


def _export_torch(graph: Graph, output: Path, weights: str | None, seed: int) -> None:
    """Write the module itself: `torch.load(path, weights_only=False)` gives it back."""
    from archspec import to_torch
    from archspec.files import replace_file

    module = to_torch(graph, weights, seed)
    from archspec.backends.torch import save_module

    try:
        with replace_file(output) as file:
            save_module(module, file)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # pickle, and torch.package, raise what they like
        if not graph.outside:
            raise
        words = ", ".join(f"`{layer.kind}`" for layer in graph.outside)
        message = f"the module cannot be saved with what {words} made of it: {error}"
        raise ValueError(f"{message}; functions must have a name in their file") from error
