"""`archspec build`: a spec compiled to what others run."""

from __future__ import annotations

import argparse
import os
import signal
import sys
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
from archspec.exports import EXPORTS, Export, Request, RequestError
from archspec.exports.request import LEVELS, PRECISIONS, Written
from archspec.graph import Graph
from archspec.room import free_memory, free_on_disk
from archspec.runtime.errors import RuntimeFailure
from archspec.terminal import printable

_EXPORTS = """\
what can be written:
  onnx         an ONNX file, which onnxruntime runs (`archspec run`, `archspec bench`)
  torch        the PyTorch module: torch.load(FILE, weights_only=False)
  torchscript  torch.jit.load(FILE)
  program      torch.export.load(FILE)
  python       PyTorch source as a person writes it, which needs no archspec
  weights      the weights alone, as safetensors
  triton       a model repository for Triton Inference Server, a folder
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "build",
        help="compile a network to ONNX, PyTorch, or what serves them",
        description="Compile a network, with weights from a file or freshly initialised.",
        epilog=_EXPORTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    parser.add_argument("--export", choices=tuple(EXPORTS), required=True)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="what to write (default: the network's name)"
    )
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--weights", metavar="FILE", help="a .safetensors file, or a .pth file's state dict"
    )
    weights.add_argument(
        "--weights-from",
        metavar="FILE",
        help="a .safetensors file beside the output: the ONNX file points into it, copying nothing",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the initialisation, where there are no weights"
    )
    parser.add_argument(
        "--optimize",
        choices=LEVELS,
        help="fold: batch norms and scales go into the layers before them; all: what does nothing "
        "goes, and constants are worked out (default: none; all where --precision is reduced)",
    )
    _add_onnx_options(parser)
    _add_triton_options(parser)
    add_set(parser)
    add_kinds(parser)
    add_judgement(parser)
    add_colour(parser)
    parser.set_defaults(run=run)


def _add_onnx_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for onnx and triton")
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="of weights and arithmetic; places that overflow stay float32 (default: fp32)",
    )
    group.add_argument(
        "--reduced-io", action="store_true", help="inputs and outputs of that precision too"
    )
    group.add_argument(
        "--calibrate",
        metavar="DATA",
        type=Path,
        help="for int8: a folder of pictures, or a .npy or .npz file of samples",
    )
    group.add_argument(
        "--calibrate-samples", metavar="N", type=int, dest="calibration_samples", help="at most N"
    )
    group.add_argument(
        "--external-data",
        action="store_true",
        help="put the weights in a file of their own, FILE.data: large networks load faster",
    )
    group.add_argument(
        "--with-preprocess",
        action="store_true",
        help="take uint8 pictures, N × H × W × C, and do what `preprocess` says in the graph",
    )
    group.add_argument("--with-softmax", action="store_true", help="make probabilities")
    group.add_argument(
        "--with-top-k", metavar="K", type=int, help="make the K likeliest classes and their scores"
    )


def _add_triton_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for triton")
    group.add_argument(
        "--max-batch",
        metavar="N",
        type=int,
        default=32,
        help="samples computed at once, at most (default: 32)",
    )
    group.add_argument(
        "--instances",
        metavar="N",
        type=int,
        default=1,
        help="copies of the model a device (default: 1)",
    )
    group.add_argument(
        "--serve-on",
        choices=("auto", "gpu", "cpu"),
        default="auto",
        help="what computes (default: auto)",
    )


def run(options: argparse.Namespace) -> int:
    """Build the spec; the exit status."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        # As Ctrl-C does, so that no half-written file stays behind.
        with suppress(ValueError):  # not in the main thread: whoever runs that one sees to it
            signal.signal(number, signal.default_int_handler)
    export = EXPORTS[options.export]
    try:
        request = _request(options)
        export.check(request)
    except RequestError as error:
        fail(str(error))
        return USAGE
    kinds = vocabulary(options)
    compiled = None if kinds is None else compile_spec(options.spec, options, kinds)
    if compiled is None:
        return USAGE
    show(compiled.diagnostics, options.color)
    if not compiled.ok:
        return SPEC_ERROR
    graph = compiled.graph
    output = Path(options.output or _file_name(graph.name) + export.suffix)
    weights = options.weights_from or options.weights
    for read in (compiled.path, weights, request.calibrate, *options.kinds):
        lost = _overwritten(output, read) if read is not None else None
        if lost is not None:
            fail(f"{lost} is what the network is read from: choose another --output")
            return USAGE
    too_large = _too_large(graph, output, export, request, is_given=weights is not None)
    if too_large:
        fail(too_large)
        return USAGE
    try:
        written = export.run(graph, weights, output, request, options.seed)
    except SpecError as error:
        show(error.diagnostics, options.color)
        return SPEC_ERROR
    except (ImportError, ValueError, RuntimeFailure) as error:
        fail(printable(str(error)))
        return USAGE
    except MemoryError:
        size = cost(graph).weight_bytes
        fail(f"there is not memory enough for the network: its weights are {size:,} bytes")
        return USAGE
    except OSError as error:
        named = error.filename if error.filename is not None else output
        fail(f"cannot use {os.fspath(named)}: {error.strerror or error}")
        return USAGE
    _tell(written, request, weights)
    return OK


def _request(options: argparse.Namespace) -> Request:
    """What is asked for. Raises RequestError."""
    return Request(
        optimize=options.optimize,
        precision=options.precision,
        reduced_io=options.reduced_io,
        calibrate=options.calibrate,
        calibration_samples=options.calibration_samples,
        with_preprocess=options.with_preprocess,
        with_softmax=options.with_softmax,
        with_top_k=options.with_top_k,
        pointing=options.weights_from is not None,
        external_data=options.external_data,
        max_batch=options.max_batch,
        instances=options.instances,
        serve_on=options.serve_on,
    )


def _overwritten(output: Path, read: str | Path) -> str | None:
    """The file of what is read that would be lost with writing the output, or the weights that may
    go beside it.
    """
    for written in (str(output), f"{output}.data"):
        if os.path.exists(written) and os.path.exists(read) and os.path.samefile(written, read):
            return written
    return None


def _too_large(
    graph: Graph, output: Path, export: Export, request: Request, *, is_given: bool
) -> str:
    """Why this machine has no room for the network, or nothing."""
    needed, free = cost(graph).weight_bytes, free_on_disk(output)
    if request.precision in ("fp16", "bf16"):
        needed //= 2
    if export.stores and not request.pointing and needed > free:
        return f"{output} would take {needed:,} bytes for its weights, and {free:,} are free there"
    # A module holds all tensors, and makes one at a time; a file is written tensor by tensor, and
    # what is read from another stays there.
    largest = max([4 * tensor.size for _, tensor in graph.tensors()], default=0)
    held = {"nothing": 0, "a tensor": 0 if is_given else largest, "all": needed + largest}
    # Where samples are run, the network is in memory.
    taken = held["all" if request.precision == "int8" else export.holds]
    free = free_memory()
    if taken > free:
        return (
            f"the network would take {taken:,} bytes of memory for its weights, and {free:,} are "
            "free on this machine"
        )
    return ""


def _file_name(name: str) -> str:
    """A network's name as a file's: it is free text, and must not lead elsewhere."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".-") or "network"


def _tell(written: Written, request: Request, weights: str | None) -> None:
    """Say what is written, and what it does not do without."""
    for note in written.notes:
        print(f"archspec: warning: {printable(note)}", file=sys.stderr)
    beside = " and ".join(path.name for path in written.beside)
    needs = f"; {beside} must stay beside it" if beside else ""
    print(f"wrote {written.path} ({_bytes(written.path):,} bytes{needs})")
    if request.pointing and not beside:
        name = os.path.basename(weights or "")
        print(f"no weight is in it as {name} has it, so it needs no other file")


def _bytes(path: Path) -> int:
    """The bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())
