"""`python -m benchmarks.latency TURNS FIRST OURS PEER`: two ONNX files on onnxruntime, in turns.

Three sessions of the same, default options in one process: ours, the peer's, and the peer's once
more, whose ratio to itself is the noise. FIRST, 0 to 2, says which of the three is opened first:
that one runs up to 8 % longer than the same file opened later, whoever's it is. The order of the
turns goes round. Before each turn its threads are given the time to fall asleep, for they wait for
work actively for a while, and one run does not count.

Prints as JSON the seconds of the fastest run of each turn (what else the machine does only adds to
the others), in columns, and the largest difference between the two files' outputs, relative to the
largest output.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import onnxruntime

_PAUSE = 0.02
_TURN = 0.15
"""Seconds, about."""
_FEWEST, _MOST = 3, 30
"""Runs in a turn."""


def main(turns: str, first: str, ours: str, peer: str) -> None:
    paths = (ours, peer, peer)
    order = [(int(first) + place) % 3 for place in range(3)]
    opened = {which: _session(paths[which]) for which in order}
    sessions = [opened[which] for which in range(3)]
    x = np.random.default_rng(1).standard_normal((1, 3, 224, 224), dtype=np.float32)
    outputs = [_run(session, x) for session in sessions]
    difference = float(np.abs(outputs[0] - outputs[1]).max() / np.abs(outputs[1]).max())
    slowest = max(_seconds(session, x) for session in sessions for _ in range(2))
    runs = min(_MOST, max(_FEWEST, int(_TURN / slowest)))
    columns: list[list[float]] = [[], [], []]
    for turn in range(int(turns)):
        for place in range(3):
            which = (turn + place) % 3
            time.sleep(_PAUSE)
            _run(sessions[which], x)
            columns[which].append(min(_seconds(sessions[which], x) for _ in range(runs)))
    print(json.dumps({"seconds": columns, "difference": difference}))


def _session(path: str) -> Any:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def _run(session: Any, x: Any) -> Any:
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def _seconds(session: Any, x: Any) -> float:
    started = time.perf_counter()
    _run(session, x)
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*sys.argv[1:])
