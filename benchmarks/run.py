"""`python -m benchmarks.run [NAME…]`: archspec beside its peers, in one run."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.inference import INFERENCE
from benchmarks.lines import Line, markdown, plain
from benchmarks.machine import machine
from benchmarks.measurements import MEASUREMENTS, Setup

KNOWN = {**MEASUREMENTS, **INFERENCE}
"""Every measurement by its name."""


def main() -> None:
    options = _options()
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        setup = Setup(options.runs, Path(folder), options.torchvision, tuple(options.networks))
        for name in options.names or KNOWN:
            print(f"measuring {name} …", file=sys.stderr)
            lines += KNOWN[name](setup)
    table = markdown if options.markdown else plain
    print(f"{table(lines)}\n\n{machine()}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    known = ", ".join(KNOWN)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {known} (default: all)")
    parser.add_argument("--runs", type=int, default=5, help="pairs of whole processes (default: 5)")
    parser.add_argument(
        "--torchvision",
        metavar="PYTHON",
        help="an interpreter with torchvision, onnxscript and safetensors, for latency and load",
    )
    parser.add_argument(
        "--networks",
        nargs="+",
        default=(),
        metavar="NETWORK",
        help="of latency and load (default: the six of the goals)",
    )
    parser.add_argument("--markdown", action="store_true", help="print the table for the README")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(KNOWN))
    if unknown:
        parser.error(f"there is no measurement {', '.join(unknown)}; there are {known}")
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


if __name__ == "__main__":
    main()
