"""`python -m benchmarks.run [NAME…]`: archspec beside its peers, in one run."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.lines import Line, markdown, plain
from benchmarks.machine import machine
from benchmarks.measurements import MEASUREMENTS, Setup


def main() -> None:
    options = _options()
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        setup = Setup(options.runs, Path(folder))
        for name in options.names or MEASUREMENTS:
            print(f"measuring {name} …", file=sys.stderr)
            lines += MEASUREMENTS[name](setup)
    table = markdown if options.markdown else plain
    print(f"{table(lines)}\n\n{machine()}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    known = ", ".join(MEASUREMENTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {known} (default: all)")
    parser.add_argument("--runs", type=int, default=5, help="pairs of whole processes (default: 5)")
    parser.add_argument("--markdown", action="store_true", help="print the table for the README")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(MEASUREMENTS))
    if unknown:
        parser.error(f"there is no measurement {', '.join(unknown)}; there are {known}")
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


if __name__ == "__main__":
    main()
