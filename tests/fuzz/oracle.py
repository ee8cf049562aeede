"""What must hold of any input at all. `judge` raises an error where it does not.

Compiling it never raises; it ends within limits of time and memory; it opens no file but those
beside the spec and the zoo's, and starts nothing. Every diagnostic has a known code, lies within
its text, and can be shown in every format, in characters that a terminal prints. A spec is right
where it has no error, and then all its reports can be made. To lay out its text changes no value.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import archspec
from archspec import zoo
from archspec.cli.check import FOUND
from archspec.diagnostics import CODES, Diagnostic, Severity, Sink, Source, Span
from archspec.diagnostics.render import json as render_json
from archspec.diagnostics.render import text as render_text
from archspec.document.expectations import Expectations
from archspec.document.model import Sections
from archspec.fixing import mended
from archspec.formatting.formatter import format_source
from archspec.kinds import Vocabulary
from archspec.layers import LAYERS
from archspec.pipeline import Compiled, compile_bytes
from archspec.preprocess import Preprocess
from archspec.reports import json as report_json
from archspec.reports import text as report_text
from archspec.source import parse, plain

MOST_SECONDS = 2.0
"""Of the processor, for one input."""
MOST_GROWTH = 300
"""MB by which one input may make the process grow."""
MOST_STEPS = 3_000
"""Steps of a network of which all reports are made: they take as long as the network is long."""


class Finding(AssertionError):
    """Something that must hold and does not."""


BESIDE = {
    "library.yaml": (
        "archspec: 1\nvars: {slope: 0.1}\nblocks:\n  unit:\n    args: {channels: ~, act: relu}\n"
        "    layers: [conv: {out_channels: $channels, kernel_size: 3}, $act]\n"
        "  helper: {layers: [leaky_relu: $slope]}\n"
    ),
    "base.yaml": (
        "archspec: 1\nname: base\nvars: {width: 4}\ninput: [3, 8, 8]\n"
        "layers: [conv: {out_channels: $width, kernel_size: 3}, flatten, fc: 2]\n"
    ),
    "labels.txt": "cat\ndog\n",
    "circle.yaml": "archspec: 1\nextends: circle.yaml\n",
    "broken.yaml": "archspec: 1\nlayers: [relu\n",
}
"""Files beside the spec, which it may name."""


def furnish(folder: Path) -> str:
    """Write the files that lie beside every input; the path that inputs are said to have."""
    for name, text in BESIDE.items():
        (folder / name).write_text(text)
    return str(folder / "input.yaml")


def judge(path: str, data: bytes, *, thoroughly: bool = False) -> Compiled:
    """What becomes of the input. Raises Finding, or whatever archspec raises."""
    before, start = _megabytes(), time.process_time()
    with watched(Path(path).parent):
        compiled = compile_bytes(path, data, {}, _VOCABULARY)
        _judge_diagnostics(compiled)
        if thoroughly:
            _judge_formats(compiled)
            _judge_reports(compiled)
        seconds, growth = time.process_time() - start, _megabytes() - before
        if seconds > MOST_SECONDS:
            raise Finding(f"{seconds:.1f} s")
        if growth > MOST_GROWTH:
            raise Finding(f"{growth:.0f} MB")
        if thoroughly:
            _judge_tools(path, data, compiled)
    return compiled


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


_VOCABULARY = Vocabulary()
"""Looks once for what packages offer."""


# What is said


def _judge_diagnostics(compiled: Compiled) -> None:
    found = compiled.diagnostics
    errors = [one for one in found if one.severity is Severity.ERROR]
    if compiled.ok == bool(errors):
        raise Finding(f"ok is {compiled.ok}, and there are {len(errors)} errors")
    if compiled.ok and not compiled.complete:
        raise Finding("it is right, and not complete")
    for one in found:
        if one.code not in CODES or not one.message:
            raise Finding(f"{one.code}: {one.message!r}")
        for span in _spans(one):
            _judge_span(span, one)
    for one in found[:20]:
        if one.severity is Severity.ERROR and not one.help:
            raise Finding(f"{one.code} has no help: {one.message}")
    for one in found[:5]:
        _judge_text(render_text.render(one), one.code)


def _judge_formats(compiled: Compiled) -> None:
    found = compiled.diagnostics[:20]
    for one in found:
        _judge_text(render_text.render(one), one.code)
        json.dumps(render_json.render(one))
    for name in FOUND:
        renderer = importlib.import_module(f"archspec.diagnostics.render.{name}")
        _judge_text(renderer.document(found), name)


def _spans(one: Diagnostic) -> Iterator[Span]:
    yield one.span
    for label in (*one.labels, *one.trail):
        yield label.span
    if one.fix is not None:
        for edit in one.fix.edits:
            yield edit.span


def _judge_span(span: Span, one: Diagnostic) -> None:
    lines = span.source.lines()
    start, end = (span.line, span.column), (span.end_line, span.end_column)
    within = 1 <= span.line <= len(lines) and 1 <= span.end_line <= len(lines)
    if not (within and span.column >= 1 and start <= end):
        raise Finding(f"{one.code} is at {span[:4]}, and the text has {len(lines)} lines")
    # One column behind the line's end is where what is missing would be.
    if span.column > len(lines[span.line - 1]) + 1:
        raise Finding(f"{one.code} is at {span[:4]}, behind its line")
    if span.end_column > len(lines[span.end_line - 1]) + 2:
        raise Finding(f"{one.code} ends at {span[:4]}, behind its line")


def _judge_text(text: str, what: str) -> None:
    for line in text.split("\n"):
        if not line.isprintable():
            odd = next(c for c in line if not c.isprintable())
            raise Finding(f"{what} prints U+{ord(odd):04X}")


def _judge_reports(compiled: Compiled) -> None:
    graph = compiled.graph
    if len(graph.nodes) > MOST_STEPS:
        return
    json.dumps(report_json.report(compiled), allow_nan=False)
    if compiled.complete:
        _judge_text(report_text.layers(graph, formulas=True), "the report")
        _judge_text(report_text.networks([compiled]), "the summary")


def _judge_tools(path: str, data: bytes, compiled: Compiled) -> None:
    """Lay the text out, and mend it."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None
    codes = {one.code for one in compiled.diagnostics}
    if text is not None and "AS002" not in codes and "AS003" not in codes:
        source, sink = Source(path, text, Path(path).parent), Sink()
        laid_out = format_source(source, sink)
        if laid_out is not None:
            _judge_same(source, Source(path, laid_out, source.folder))
    mended(path, data, {}, _VOCABULARY)


def _judge_same(source: Source, laid_out: Source) -> None:
    """Whether both texts hold the same values; sections may have changed places."""
    before, after = parse(source, Sink()), parse(laid_out, Sink())
    said = [None if value is None else plain(value) for value in (before, after)]
    ordered = [sorted(map(repr, one.items())) if isinstance(one, dict) else one for one in said]
    if repr(ordered[0]) != repr(ordered[1]):
        raise Finding("laid out, it says something else")


# What it touches

_watching: list[tuple[Path, ...]] = []
_FORBIDDEN = (
    *("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.remove", "os.rename", "os.rmdir"),
    *("os.mkdir", "os.truncate", "os.chmod", "os.link", "os.symlink", "subprocess.Popen"),
    *("socket.connect", "socket.bind", "shutil.rmtree", "ctypes.dlopen", "pickle.find_class"),
)
_PACKAGES = tuple(
    Path(os.path.realpath(folder))
    for folder in {*sys.path, *archspec.__path__, os.path.dirname(os.__file__)}
    if folder and os.path.isdir(folder) and folder not in (os.getcwd(), "/")
)
"""Where modules are read from when they are first used."""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event in _FORBIDDEN:
        raise Finding(f"{event}: {arguments}")
    if event == "open" and isinstance(arguments[0], str | bytes):
        path = Path(os.path.realpath(os.fsdecode(arguments[0])))
        reads = arguments[1] is None or not set(str(arguments[1])) & set("wax+")
        if not reads or not _is_below(path, (*_watching[-1], *_PACKAGES)):
            raise Finding(f"opens {path}")
    if event == "exec" and getattr(arguments[0], "co_filename", "<").startswith("<"):
        name = getattr(arguments[0], "co_filename", "")
        if not name.startswith("<frozen"):
            raise Finding(f"runs code from {name}")


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _load_all() -> None:
    """Import now what is otherwise imported when it is first used, and runs code in doing so."""
    import difflib  # noqa: F401

    for found in pkgutil.walk_packages(archspec.__path__, "archspec."):
        if not found.name.startswith(_UNUSED):
            importlib.import_module(found.name)
    models: list[type[BaseModel]] = [*LAYERS.values(), Sections, Expectations, Preprocess]
    for model in models:
        model.model_rebuild()


_UNUSED = tuple(
    f"archspec.{name}" for name in ("__main__", "backends", "runtime", "lsp", "cli.lsp", "symbolic")
)
_load_all()
with suppress(ModuleNotFoundError):  # Without sympy, a symbolic size is an error.
    import archspec.symbolic
sys.addaudithook(_audit)


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """While this lasts, to open a file that is none of the spec's, or to start or change anything,
    is a finding.
    """
    zoos = [Path(os.path.realpath(one)) for one in zoo.FOLDERS]
    _watching.append((Path(os.path.realpath(folder)), *zoos))
    try:
        yield
    finally:
        _watching.pop()
