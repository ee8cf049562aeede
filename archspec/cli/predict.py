"""`archspec predict MODEL.onnx FOLDER -o out.parquet`: a folder of pictures labelled."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.device import add_device, placement
from archspec.cli.main import INTERRUPTED, OK, USAGE
from archspec.cli.numbers import whole
from archspec.cli.specs import fail
from archspec.terminal import printable

if TYPE_CHECKING:
    from archspec.predict.run import Engine, Outcome

SKIPPED = 1
"""Exit status: some pictures could not be used; the others are labelled."""

_DESCRIPTION = """\
Label the pictures of a folder, and of the folders within it, with a compiled network.

The result is a Parquet file with a row for each picture, sorted by path: path, error, classes,
labels and scores, or the raw outputs of a network that is no classifier. A picture that cannot be
used has its row too, with the reason in `error`.

Finished batches are kept in OUT.parquet.parts: after a kill, the same command goes on from there.
"""
_EPILOG = """\
exit status: 0 all is well, 1 some pictures were skipped, 2 usage, or a file that cannot be read or
written
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "predict",
        help="label a folder of pictures into a Parquet file",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", metavar="MODEL.onnx", help="written by `archspec build SPEC --export onnx`"
    )
    parser.add_argument("folder", metavar="FOLDER", help="where the pictures are")
    parser.add_argument("-o", "--output", metavar="OUT.parquet", type=Path, required=True)
    parser.add_argument(
        "--batch", metavar="N", type=_count, default=32, help="pictures at once (default: 32)"
    )
    parser.add_argument(
        "--top", metavar="K", type=_count, default=5, help="classes of each (default: 5)"
    )
    parser.add_argument(
        "--readers",
        metavar="N",
        type=_count,
        help="pictures that are read and decoded at a time (default: one a core)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="throw away what an earlier run has finished"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress and no summary")
    ray = parser.add_argument_group("Ray")
    ray.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: on a cluster, whose machines all see the folder and the model at these paths",
    )
    ray.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="of the cluster (default: $RAY_ADDRESS, or else one on this machine)",
    )
    ray.add_argument(
        "--workers",
        metavar="N",
        type=_count,
        help="processes that open the model (default: one a GPU, or one a core)",
    )
    add_device(parser, graphs=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Label the folder. Returns the exit status."""
    from archspec.runtime.errors import RuntimeFailure

    if options.engine != "ray" and (options.address or options.workers):
        fail("--address and --workers go with --engine ray")
        return USAGE
    if options.engine == "ray" and options.readers:
        fail("--readers goes with --engine local; on Ray, --threads is the cores of a worker")
        return USAGE
    try:
        outcome = _run(options)
    except RuntimeFailure as error:
        fail(printable(str(error)))
        return USAGE
    except KeyboardInterrupt:
        _note("stopped; what is finished is kept, and the same command goes on from there")
        return INTERRUPTED
    _report(outcome, options)
    return SKIPPED if outcome.skipped.count or outcome.walk.unread else OK


def _run(options: argparse.Namespace) -> Outcome:
    from archspec.predict.run import predict_folder
    from archspec.runtime.errors import MissingPackageError

    try:
        from tqdm import tqdm
    except ImportError as error:
        raise MissingPackageError("tqdm", error, extra="predict") from error

    hidden = options.quiet or not sys.stderr.isatty()
    bars: list[tqdm[Any]] = []

    def progress(done: int, total: int) -> None:
        if not bars:  # What an earlier run has done says nothing of the speed.
            bars.append(
                tqdm(total=total, initial=done, disable=hidden, unit=" pictures", leave=False)
            )
        bars[0].update(done - bars[0].n)

    try:
        return predict_folder(
            Path(options.model),
            Path(options.folder),
            options.output,
            batch=options.batch,
            top=options.top,
            # Every batch is filled up, so that a GPU meets one size.
            placement=placement(options, None if options.device == "cpu" else options.batch),
            engine=_engine(options),
            restart=options.restart,
            say=_note,
            progress=progress,
        )
    finally:
        for bar in bars:
            bar.close()


def _engine(options: argparse.Namespace) -> Engine:
    if options.engine == "ray":
        from archspec.predict.ray_engine import OnRay

        return OnRay(options.address, options.workers)
    from archspec.predict.local import Local

    return Local(options.readers)


def _report(outcome: Outcome, options: argparse.Namespace) -> None:
    skipped, walk = outcome.skipped, outcome.walk
    for path in walk.loops:
        _note(f"{_shown(path)}: a link back to a folder that it lies in, which was not followed")
    for path, why in walk.unread:
        fail(printable(f"{_shown(path)}: {why}"))
    for name, why in skipped.first:
        fail(printable(f"{name}: {why}"))
    if skipped.count > len(skipped.first):
        fail(f"… and {skipped.count - len(skipped.first)} more, in the column `error`")
    if not options.quiet:
        tail = f", {skipped.count} of them skipped" if skipped.count else ""
        print(f"{printable(str(options.output))}: {outcome.pictures} pictures{tail}")


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def _note(text: str) -> None:
    with suppress(OSError):  # Nobody listens any more: no reason to stop.
        print(f"archspec: {printable(text)}", file=sys.stderr, flush=True)


def _count(text: str) -> int:
    return whole(text, 1, 999_999_999)
