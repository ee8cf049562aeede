"""`archspec verify`: is the network in PyTorch and in ONNX what its spec says?"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.device import add_device, placement
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
from archspec.exports.request import LEVELS, PRECISIONS

if TYPE_CHECKING:
    from archspec.pipeline import Compiled
    from archspec.verification import Report

DISAGREE = 1
"""Exit status: something differs, or the spec has errors."""

_DESCRIPTION = """\
Hold a network in PyTorch and in ONNX against its spec: shapes, tensors and counts without running,
then the outputs of onnxruntime against PyTorch's on the same inputs. Where they differ, the first
layer that does is found, and shown with its place in the spec.

Without MODEL.onnx a model is built for it, in a temporary folder, with weights that are drawn so
that values keep their size. With one, PyTorch's module gets the weights of --weights, of --seed, of
the seed that the model names, or the model's own, the first of these that there is.
"""
_EPILOG = """\
exit status: 0 all agrees, 1 something differs or the spec has errors, 2 usage, or a file that
cannot be used
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "verify",
        help="prove that PyTorch and ONNX compute what the spec says",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    parser.add_argument("model", metavar="MODEL.onnx", nargs="?", help="a file built from it")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--weights", metavar="FILE", help="what the model was built with")
    weights.add_argument(
        "--seed", type=_seed, metavar="N", help="of weights and inputs (default: 0)"
    )
    parser.add_argument(
        "--batch",
        metavar="N[,N]",
        type=_batches,
        default=(1, 2, 5),
        help="the numbers of samples to compare on (default: 1,2,5)",
    )
    parser.add_argument(
        "--images", metavar="FOLDER", help="compare on these pictures too, or on arrays"
    )
    parser.add_argument(
        "--rtol",
        metavar="R",
        type=_tolerance,
        help="how far a number may be off, over the largest (default: 1e-4 in float32, 5e-3 in "
        "fp16, 4e-2 in bf16; 0.5 of the root mean square in int8), besides rounding",
    )
    built = parser.add_argument_group("how to build a model where none is given")
    built.add_argument("--optimize", choices=LEVELS)
    built.add_argument("--precision", choices=PRECISIONS, default="fp32")
    built.add_argument("--calibrate", metavar="DATA", help="samples for int8")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    parser.add_argument("-o", "--output", metavar="REPORT", help="write the report to a file")
    add_device(parser, graphs=False)
    add_set(parser)
    add_kinds(parser)
    add_judgement(parser)
    add_colour(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify the network; the exit status."""
    kinds = vocabulary(options)
    compiled = None if kinds is None else compile_spec(options.spec, options, kinds)
    if compiled is None:
        return USAGE
    show(compiled.diagnostics, options.color)
    if not compiled.ok:
        return SPEC_ERROR
    try:
        report = _report(compiled, options)
        if options.output is not None:
            _write(report, options)
    except SpecError as error:
        show(error.diagnostics, options.color)
        return SPEC_ERROR
    except MemoryError:
        fail("there is not memory enough to compare the network: give a smaller --batch")
        return USAGE
    except OSError as error:
        named = error.filename if error.filename is not None else options.output or options.model
        fail(f"cannot use {os.fspath(named or options.spec)}: {error.strerror or error}")
        return USAGE
    except _failures() as error:
        fail(str(error))
        return USAGE
    # Here, as standard output that cannot be written is for `main` to tell.
    if options.output is None:
        print(_rendered(report, options), end="")
    else:
        print(f"wrote {options.output}: {'agrees' if report.agrees else report.failure}")
    return OK if report.agrees else DISAGREE


def _report(compiled: Compiled, options: argparse.Namespace) -> Report:
    # Here, so that other commands start without PyTorch and onnxruntime.
    _check_installed()
    from archspec.exports import Request
    from archspec.verification import Options, SpecFile, verify

    if options.model is not None:
        given = [name for name in ("optimize", "calibrate") if getattr(options, name) is not None]
        given += ["precision"] if options.precision != "fp32" else []
        if given:
            raise ValueError(f"`--{given[0]}` says how to build a model, and one is given")
    request = Request(
        optimize=options.optimize,
        precision=options.precision,
        calibrate=None if options.calibrate is None else Path(options.calibrate),
    )
    data = b"" if compiled.path == "-" else Path(compiled.path).read_bytes()
    settings = tuple(f"{name}={value}" for name, value in options.overrides)
    return verify(
        SpecFile(options.spec, data, settings),
        compiled.graph,
        None if options.model is None else Path(options.model),
        Options(
            weights=options.weights,
            seed=options.seed,
            batches=options.batch,
            relative=options.rtol,
            request=request,
            images=None if options.images is None else Path(options.images),
            placement=placement(options),
        ),
    )


def _check_installed() -> None:
    """Raise ImportError, with what to install, where there is no PyTorch or no onnxruntime."""
    from archspec.exports.torch import torch_backend

    torch_backend()
    import archspec.runtime.session  # noqa: F401


def _failures() -> tuple[type[Exception], ...]:
    """What can go wrong that is told in one line."""
    from archspec.backends.onnx.read import UnreadableModel
    from archspec.runtime.errors import RuntimeFailure

    failures: list[type[Exception]] = [RuntimeFailure, UnreadableModel, ImportError, ValueError]
    return tuple(failures)


def _rendered(report: Report, options: argparse.Namespace) -> str:
    from archspec.verification import render

    words = {"text": render.text, "json": render.as_json, "markdown": render.markdown}
    return words[options.format](report)


def _write(report: Report, options: argparse.Namespace) -> None:
    from archspec.files import replace_file

    with replace_file(options.output) as file:
        file.write(_rendered(report, options).encode())


def _batches(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9]\d{0,5}(,[1-9]\d{0,5})*", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"expected numbers from 1 on, as in 1,2,5, and not {text!r}"
        )
    return tuple(map(int, text.split(",")))


def _seed(text: str) -> int:
    if not re.fullmatch(r"\d+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, and not {text!r}")
    return int(text)


def _tolerance(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number from 0 on, and not {text!r}")
    return number
