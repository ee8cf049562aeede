"""`archspec bench MODEL.onnx`: how fast does a compiled network run here, and where does it go?"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.device import add_device, placement
from archspec.cli.main import INTERRUPTED, OK, SPEC_ERROR, USAGE
from archspec.cli.numbers import whole
from archspec.cli.specs import SPEC_HELP, add_kinds, add_set, compile_spec, fail, show, vocabulary
from archspec.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archspec.bench.report import Report
    from archspec.graph import Graph
    from archspec.runtime.bench import Pass, Request, Rivals
    from archspec.runtime.session import Array, Model

BATCH_FAILED = 1
"""Exit status: a batch, PyTorch or --layers could not be run; the rest is measured and reported."""

_DESCRIPTION = """\
Measure a compiled network: how long it takes to load, what memory it needs, and for each batch size
the latency of its runs, in percentiles, and the samples a second.

With --layers, where the time goes: each layer's, from onnxruntime's own profile, beside its
multiply-accumulates, and how near that is to what this machine could do, which is measured as well.
With --torch, PyTorch on the same network, as it is and compiled by torch.compile, in turns with
onnxruntime.
"""
_EPILOG = """\
Ctrl-C ends it and prints what has been measured.

exit status: 0 all is measured, 1 a batch size, PyTorch or --layers could not be run (the rest is
measured), 2 usage, or a file that cannot be read, 130 ended by Ctrl-C
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "bench",
        help="measure a compiled network: latency, throughput, memory, layers",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL.onnx", type=Path)
    parser.add_argument(
        "--batch",
        metavar="N[,N]",
        type=_batches,
        help="samples at once (default: 1,8,32, or what the file fixes)",
    )
    much = parser.add_mutually_exclusive_group()
    much.add_argument("--runs", metavar="N", type=whole, help="of each batch size")
    much.add_argument(
        "--seconds",
        metavar="S",
        type=_seconds,
        default=2.0,
        help="as many runs of each batch size as these take, but 10 (default: 2)",
    )
    parser.add_argument(
        "--warm-up",
        metavar="N",
        type=partial(whole, least=0),
        default=3,
        help="runs before those, which do not count (default: 3)",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    layers = parser.add_argument_group("layers")
    layers.add_argument(
        "--layers", action="store_true", help="the time of each layer, at the first batch size"
    )
    layers.add_argument("--sort", choices=("time", "network"), default="time")
    shown = layers.add_mutually_exclusive_group()
    shown.add_argument(
        "--top", metavar="N", type=whole, default=20, help="layers that are shown (default: 20)"
    )
    shown.add_argument("--all", action="store_true", help="show every layer")
    torch = parser.add_argument_group("PyTorch")
    torch.add_argument("--torch", action="store_true", help="measure PyTorch on the same network")
    torch.add_argument(
        "--spec",
        metavar="SPEC",
        help=f"what PyTorch runs: {SPEC_HELP} (default: the zoo's network of the model's name)",
    )
    torch.add_argument("--weights", metavar="FILE", help="for PyTorch, as for `archspec build`")
    add_device(parser)
    add_set(parser)
    add_kinds(parser)
    parser.set_defaults(run=run, ignore=(), strict=False, color="auto")


def run(options: argparse.Namespace) -> int:
    """Measure, and print; the exit status."""
    wrong = _wrong(options)
    if wrong:
        fail(wrong)
        return USAGE
    # Here, so that the command line starts, and other commands run, without onnxruntime.
    from archspec.runtime.errors import RuntimeFailure

    try:
        return _run(options)
    except RuntimeFailure as error:
        fail(printable(str(error)))
        return USAGE


def _wrong(options: argparse.Namespace) -> str:
    """What of the options does not go together, or nothing."""
    if options.device != "cpu":
        for name in ("layers", "torch"):
            if getattr(options, name):
                return f"--{name} measures on the CPU: leave it out, or --device {options.device}"
    if (options.spec or options.weights) and not options.torch:
        return "--spec and --weights say what PyTorch runs: give --torch with them"
    not_sizes = [name for name, value in options.overrides if type(value) is not int]
    if not_sizes:
        return f"--set {not_sizes[0]}: the size of an input is a whole number"
    return ""


def _run(options: argparse.Namespace) -> int:
    from archspec.runtime.bench import Request
    from archspec.runtime.measure import Budget

    rivals = None
    where = placement(options)
    if options.torch:
        found = _rivals(options)
        if isinstance(found, int):
            return found
        rivals, threads = found
        where = type(where)(threads=threads)
    budget = Budget(options.runs, options.seconds, warm_up=options.warm_up)
    sizes = dict(options.overrides)
    return _measured(
        Request(options.model, where, options.batch, sizes, budget, options.layers, rivals),
        options,
    )


def _measured(request: Request, options: argparse.Namespace) -> int:
    """Measure, and print what was measured, be it interrupted or not."""
    from archspec.bench.report import document
    from archspec.bench.text import text
    from archspec.runtime.bench import measure
    from archspec.runtime.errors import RuntimeFailure

    report: Report | None = None
    failed: RuntimeFailure | None = None
    status = OK
    progress = _Progress()
    try:
        for grown in measure(request, progress.say):
            report = grown
    except KeyboardInterrupt:
        status = INTERRUPTED
    except RuntimeFailure as error:
        if report is None:
            raise
        failed = error  # What had been measured before is printed all the same.
    finally:
        progress.end()
    if report is None:
        return status
    if options.format == "json":
        print(json.dumps(document(report), indent=2, ensure_ascii=False))
    else:
        top = None if options.all else options.top
        print(text(report, top, options.sort == "time"))
    if status == INTERRUPTED:
        print("archspec: interrupted: this is what had been measured", file=sys.stderr)
        return status
    if failed is not None:
        fail(printable(str(failed)))
        return BATCH_FAILED
    failures = [batch.failure for batch in report.batches]
    failures += [rival.failure for rival in report.rivals]
    return OK if all(failure is None for failure in failures) else BATCH_FAILED


def _rivals(options: argparse.Namespace) -> tuple[Rivals, int] | int:
    """PyTorch on the spec, and the threads that it uses; the exit status where it can't be had."""
    from archspec.diagnostics import SpecError
    from archspec.runtime.bench import Rivals
    from archspec.runtime.session import open_model
    from archspec.weights import load

    try:
        from archspec.backends.torch import timing
    except ImportError as error:
        fail(f'--torch needs PyTorch ({error}): pip install "archspec-nn[torch]"')
        return USAGE
    model = open_model(options.model)
    spec = options.spec or _spec_of(model)
    if spec is None:
        fail("--torch: the zoo has no network of the model's name: give --spec")
        return USAGE
    kinds = vocabulary(options)
    compiled = None if kinds is None else compile_spec(spec, options, kinds)
    if compiled is None:
        return USAGE
    if not compiled.ok:
        show(compiled.diagnostics, options.color)
        return SPEC_ERROR
    graph = compiled.graph
    different = _different(graph, model)
    if different:
        fail(f"{options.model} is not made of {spec}: {different}")
        return USAGE
    seed = (model.metadata.seed if model.metadata else None) or 0
    threads = options.threads or timing.threads()
    try:
        weights = load(graph, options.weights, seed)
    except SpecError as error:
        show(error.diagnostics, options.color)
        return SPEC_ERROR
    except OSError as error:
        fail(f"cannot read {options.weights}: {error.strerror or error}")
        return USAGE

    def make(how: timing.How, feeds: Mapping[str, Array]) -> Pass:
        from archspec.runtime.errors import InputError

        try:
            return timing.forward(graph, weights, feeds, how, threads)
        except timing.NotCompiled as error:
            raise InputError(f"torch.compile failed: {error}") from error

    makers: dict[str, Callable[[Mapping[str, Array]], Pass]] = {
        "eager": partial(make, "eager"),
        "compiled": partial(make, "compiled"),
    }
    return Rivals(makers), threads


def _spec_of(model: Model) -> str | None:
    """The file of the zoo's network that the model is called after."""
    from archspec.zoo import find

    found = find(model.metadata.name) if model.metadata else None
    return None if found is None else str(found)


def _different(graph: Graph, model: Model) -> str:
    """In which input, or in its name, a network and a model differ, or nothing."""
    takes = {tensor.name: tensor.shape[1:] for tensor in model.inputs}
    if set(takes) != set(graph.inputs):
        return f"its inputs are {', '.join(takes)}, and the spec's {', '.join(graph.inputs)}"
    for name, type_ in graph.inputs.items():
        shape = takes[name]
        pairs = zip(shape, type_.shape, strict=False)
        fits = len(shape) == len(type_.shape) and all(
            size == other for size, other in pairs if isinstance(size, int) and type(other) is int
        )
        if not fits:
            sizes = " × ".join(map(str, type_.shape))
            return f"`{name}` is {' × '.join(map(str, shape))} there, and {sizes} in the spec"
    if model.metadata and model.metadata.name != graph.name:
        return f"it is called `{model.metadata.name}`, and the spec `{graph.name}`"
    return ""


class _Progress:
    """A line on standard error that says what is being done, where that is a terminal."""

    def __init__(self) -> None:
        self._shows = sys.stderr is not None and sys.stderr.isatty()

    def say(self, what: str) -> None:
        if self._shows:
            print(f"\r\x1b[K{printable(what)} …", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _batches(text: str) -> tuple[int, ...]:
    numbers = tuple(whole(part.strip()) for part in text.split(","))
    return tuple(dict.fromkeys(numbers))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, and not {text!r}")
    return seconds
