"""`python -m benchmarks.zoo`: every network of the zoo beside torchvision, in lines and in seconds.

Lines are compared twice: whole files, and the lines that make the network alone, without blank
lines, comments, documentation, published weights and figures. torchvision's are counted once, of
version 0.29.1, in tests/data/torchvision_lines.json. Seconds need an interpreter that has
torchvision: `--torchvision PYTHON`, best in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.machine import machine
from benchmarks.pairs import Spread
from benchmarks.processes import ROOT, answer, python

SPECS = ROOT / "specs"
LINES = ROOT / "tests" / "data" / "torchvision_lines.json"

NETWORK = frozenset(
    {"extends", "imports", "vars", "input", "inputs", "blocks", "layers", "outputs"}
)
"""Sections that make the network; the others say what it is called, and what comes of it."""


class Length(NamedTuple):
    """Lines of whole files, and of what makes the network alone."""

    file: int
    network: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo", description=__doc__)
    parser.add_argument("--torchvision", metavar="PYTHON", help="an interpreter with torchvision")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(_whole_zoo(options.runs), end="\n\n")
    print(_lines(), end="\n\n")
    if options.torchvision:
        print(_seconds(options.torchvision, options.runs), end="\n\n")
    print(machine())


def _whole_zoo(runs: int) -> str:
    paths = sorted(str(path) for path in SPECS.glob("*.yaml"))
    check = ("-m", "archspec", "check", *paths)
    python(*check)
    seconds = Spread.of(python(*check).wall for _ in range(runs))
    return f"check of all {len(paths)} specs, one process: {seconds.text('.2f')} s"


def length(path: Path) -> Length:
    """The lines of a spec."""
    lines = path.read_text("utf-8").splitlines()
    section, network = "", 0
    for line in lines:
        if line and line[0] not in " #-":
            section = line.partition(":")[0]
        network += section in NETWORK and bool(line.partition("#")[0].strip())
    return Length(len(lines), network)


def _lines() -> str:
    said = json.loads(LINES.read_text("utf-8"))
    rows = [("torchvision's file", "its lines", "ours", "ratio", "network", "ours", "ratio")]
    for family, theirs in said["families"].items():
        ours = [length(SPECS / f"{name}.yaml") for name in theirs["networks"]]
        file, network = (sum(column) for column in zip(*ours, strict=True))
        elsewhere = theirs["network"] + theirs["elsewhere"]
        rows.append(
            (
                f"{family}.py ({len(ours)})",
                *_compared(theirs["file"], file),
                *_compared(elsewhere, network),
            )
        )
    return f"lines of torchvision {said['torchvision']}, and of our specs\n{_table(rows)}"


def _compared(theirs: int, ours: int) -> tuple[str, str, str]:
    return str(theirs), str(ours), f"{ours / theirs:.2f}"


def _seconds(interpreter: str, runs: int) -> str:
    said = json.loads(LINES.read_text("utf-8"))
    names = sorted(name for family in said["families"].values() for name in family["networks"])
    peer = answer("-m", "benchmarks.peers.torchvision_meta", str(runs), *names, using=interpreter)
    rows = [("network", "check, ms", "torchvision on meta, ms", "times faster")]
    for name in names:
        ours, figures = _checked(name, runs)
        if figures != (peer[name]["params"], peer[name]["macs"]):
            raise RuntimeError(f"{name}: we count {figures}, and torchvision {peer[name]}")
        theirs = median(peer[name]["seconds"])
        rows.append((name, f"{1e3 * ours:.1f}", f"{1e3 * theirs:.0f}", f"{theirs / ours:.0f}"))
    title = "in a process that runs already: parameters and MACs, which are the same in all"
    return f"{title}\n{_table(rows)}"


def _checked(name: str, runs: int) -> tuple[float, tuple[int, int]]:
    """The seconds of a check, with its report, and the parameters and MACs that it counts."""
    from archspec.pipeline import compile_file
    from archspec.reports.json import report

    seconds, totals = [], {}
    for _ in range(runs + 1):
        started = time.perf_counter()
        totals = report(compile_file(str(SPECS / f"{name}.yaml")))["totals"]
        seconds.append(time.perf_counter() - started)
    return median(seconds[1:]), (totals["params"], totals["macs"])


def _table(rows: Iterable[tuple[Any, ...]]) -> str:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    )


if __name__ == "__main__":
    main()
