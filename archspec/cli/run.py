"""`archspec run MODEL.onnx INPUT…`: what does the network see in these pictures?"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.device import add_device, placement, tell
from archspec.cli.main import OK, USAGE
from archspec.cli.specs import fail
from archspec.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archspec.runtime.classify import ClassScore, OutputSummary
    from archspec.runtime.session import Array, Model

INPUT_FAILED = 1
"""Exit status: some input could not be used; the others are done and reported."""

_DESCRIPTION = """\
Run a compiled network on pictures or arrays, and print the likeliest classes.

How a picture becomes the network's input, and what the classes are called, is read from the ONNX
file, where `archspec build` put them from the spec's `preprocess` and `labels`. Pictures are turned
as their EXIF orientation says; transparent pixels lie over white.

Arrays are taken as they are, preprocessed already: .npy for a model of one input, C × H × W or
N × C × H × W; .npz, with the arrays by the names of the inputs, for one of several. A model that
was built --with-preprocess takes pixels: H × W × C or N × H × W × C, 0 to 255, as uint8.
"""
_EPILOG = """\
exit status: 0 all is well, 1 an input could not be used (the others are done), 2 usage, or a file
that cannot be read or written
"""


@dataclass(frozen=True)
class _Result:
    """What became of one sample, or, where the outputs are no classes, of one input file.

    `sample` counts from 0 within a batch; it is None where the input is a single sample.
    """

    input: str
    sample: int | None = None
    top: tuple[ClassScore, ...] = ()
    outputs: tuple[OutputSummary, ...] = ()


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "run",
        help="classify pictures with a compiled network",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", metavar="MODEL.onnx", help="written by `archspec build SPEC --export onnx`"
    )
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="a picture, .npy or .npz")
    parser.add_argument(
        "--top", metavar="K", type=_count, default=5, help="how many classes to print (default: 5)"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE.npz",
        type=_npz_path,
        help="save the raw outputs by name, the inputs one after another along the batch",
    )
    add_device(parser, graphs=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the model on each input. Returns the exit status."""
    # Here, so that the command line starts, and other commands run, without onnxruntime.
    from archspec.runtime.errors import RuntimeFailure

    try:
        return _run(args)
    except RuntimeFailure as error:
        fail(printable(str(error)))
        return USAGE


def _run(args: argparse.Namespace) -> int:
    from archspec.runtime.errors import InputError
    from archspec.runtime.inputs import read_feeds
    from archspec.runtime.outputs import check_folder, save_outputs
    from archspec.runtime.session import open_model

    if args.output:
        check_folder(args.output)
    model = open_model(Path(args.model), placement(args))
    tell(model)
    results: list[_Result] = []
    raw: list[Mapping[str, Array]] = []
    status = OK
    for name in args.inputs:
        try:
            outputs = model.predict(read_feeds(Path(name), model))
            news = _results(name, outputs, model, args.top)
        except InputError as error:
            fail(printable(f"{name}: {error}"))
            status = INPUT_FAILED
            continue
        if args.format == "text":
            for result in news:
                print(_text(result), flush=True)
        results += news
        if args.output:
            raw.append(outputs)
    if args.format == "json":
        print(json.dumps(_document(model, results), indent=2))
    if raw:
        save_outputs(args.output, raw)
    return status


def _results(name: str, outputs: Mapping[str, Array], model: Model, top: int) -> Sequence[_Result]:
    from archspec.runtime.classify import classify, is_classification, summarise

    if not is_classification(outputs, model):
        return [_Result(name, outputs=tuple(summarise(*item) for item in outputs.items()))]
    rankings = classify(outputs, model, top)
    if len(rankings) == 1:
        return [_Result(name, top=rankings[0])]
    return [_Result(name, sample, top=ranking) for sample, ranking in enumerate(rankings)]


def _text(result: _Result) -> str:
    sample = "" if result.sample is None else f" [{result.sample}]"
    rows = _class_rows(result.top) if result.top else _output_rows(result.outputs)
    return "\n".join([printable(result.input) + sample, *rows])


def _class_rows(top: Sequence[ClassScore]) -> list[str]:
    """Rank, label, index and probability, or score; without labels, the other three."""
    rows = [
        (str(rank), printable(entry.label or ""), str(entry.index), _score(entry))
        for rank, entry in enumerate(top, start=1)
    ]
    if any(entry.label for entry in top):
        return _aligned(rows, "><>>")
    return _aligned([(rank, index, score) for rank, _, index, score in rows], ">>>")


def _score(entry: ClassScore) -> str:
    return f"{entry.score:.1%}" if entry.is_probability else f"{entry.score:.4f}"


def _output_rows(outputs: Sequence[OutputSummary]) -> list[str]:
    rows = [
        (
            printable(output.name),
            " × ".join(map(str, output.shape)),
            *(f"{figure:.6g}" for figure in (output.minimum, output.mean, output.maximum)),
        )
        for output in outputs
    ]
    return _aligned([("output", "shape", "min", "mean", "max"), *rows], "<<>>>")


def _aligned(rows: Sequence[tuple[str, ...]], alignments: str) -> list[str]:
    """Lines of the rows' cells, each column as wide as its widest, to the `<` left or `>` right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            f"{cell:{alignment}{width}}"
            for cell, alignment, width in zip(row, alignments, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _document(model: Model, results: Sequence[_Result]) -> dict[str, Any]:
    return {
        "model": model.path,
        "name": model.metadata.name if model.metadata else None,
        "results": [_entry(result) for result in results],
    }


def _entry(result: _Result) -> dict[str, Any]:
    entry: dict[str, Any] = {"input": result.input}
    if result.sample is not None:
        entry["sample"] = result.sample
    if result.top:
        entry["top"] = [
            {"index": item.index, "label": item.label, "score": item.score} for item in result.top
        ]
    else:
        entry["outputs"] = [
            {
                "name": output.name,
                "shape": list(output.shape),
                "min": _json_number(output.minimum),
                "mean": _json_number(output.mean),
                "max": _json_number(output.maximum),
            }
            for output in result.outputs
        ]
    return entry


def _json_number(value: float) -> float | None:
    """JSON knows neither infinity nor not-a-number."""
    return value if math.isfinite(value) else None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, and not {text!r}")
    return int(text[:9])


def _npz_path(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".npz":
        raise argparse.ArgumentTypeError(f"expected a file name ending in .npz, and not {text!r}")
    return path
