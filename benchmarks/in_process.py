"""`python -m benchmarks.in_process RUNS`: seconds of each check of resnet152 within one process.

Prints `load`, reading and inferring alone, and `check`, with the report as well, as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from archspec.pipeline import compile_file
from archspec.reports.json import report
from archspec.zoo import resolve


def main(runs: str) -> None:
    path = resolve("resnet152")
    report(compile_file(path))
    seconds: dict[str, list[float]] = {"load": [], "check": []}
    for _ in range(int(runs)):
        started = time.perf_counter()
        compiled = compile_file(path)
        loaded = time.perf_counter()
        report(compiled)
        seconds["load"].append(loaded - started)
        seconds["check"].append(time.perf_counter() - started)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
