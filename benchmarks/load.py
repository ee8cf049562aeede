"""`python -m benchmarks.load FILE`: seconds that onnxruntime takes to make a session of a file.

In a process of its own, with default options. Prints them as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import onnxruntime


def main(path: str) -> None:
    started = time.perf_counter()
    onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    print(json.dumps(time.perf_counter() - started))


if __name__ == "__main__":
    main(*sys.argv[1:])
