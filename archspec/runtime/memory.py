"""`python -m archspec.runtime.memory REQUEST`: what a process takes that loads a model and runs it.

The request is JSON. A line of JSON is printed for each step, so that what was reached is known of a
process that runs out of memory too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from archspec.runtime.placement import Placement

_STATUS = Path("/proc/self/status")


class Step(NamedTuple):
    """What the process had reached: `packages` imported, `loaded`, or a `batch` run; then the bytes
    that were resident at most until there, or why it could not be reached.
    """

    what: str
    bytes: int | None
    batch: int | None = None
    failure: str | None = None


def memory(
    path: Path, placement: Placement, batches: Sequence[int], sizes: Mapping[str, int]
) -> Iterator[Step]:
    """The steps of a process of its own that loads the model and runs it at each batch, in
    ascending order. It ends with the first that fails.
    """
    settings = {**asdict(placement), "engine_cache": None}
    if placement.engine_cache is not None:
        settings["engine_cache"] = str(placement.engine_cache)
    request = {
        "path": str(path),
        "placement": settings,
        "batches": sorted(batches),
        "sizes": dict(sizes),
    }
    expected: list[tuple[str, int | None]] = [("packages", None), ("loaded", None)]
    expected += [("batch", batch) for batch in sorted(batches)]
    process = subprocess.Popen(
        [sys.executable, "-m", "archspec.runtime.memory", json.dumps(request)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            step = Step(**json.loads(line))
            yield step
            expected.pop(0)
            if step.failure is not None:
                return
        if expected:
            what, batch = expected[0]
            yield Step(what, None, batch, _ended(process.wait()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]  # it is a pipe


def _ended(status: int) -> str:
    if status < 0:
        return f"the process was ended by signal {-status}, as one is that takes too much memory"
    return f"the process ended with status {status}"


def most_resident() -> int | None:
    """The bytes of this process that were resident at most; None where the system does not say.

    Linux's `ru_maxrss` would include what the process was before it became this program.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text("ascii", "replace").splitlines():
            name, _, rest = line.partition(":")
            if name == "VmHWM":
                return int(rest.split()[0]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main(asked: str) -> None:
    """Do what is asked for."""
    request: dict[str, Any] = json.loads(asked)
    from archspec.runtime.errors import RuntimeFailure
    from archspec.runtime.feeds import made_up
    from archspec.runtime.session import open_model

    settings = request["placement"]
    if settings["engine_cache"] is not None:
        settings["engine_cache"] = Path(settings["engine_cache"])
    what: str = "loaded"
    batch: int | None = None
    _say(Step("packages", most_resident()))
    try:
        model = open_model(Path(request["path"]), Placement(**settings))
        _say(Step(what, most_resident()))
        for batch in request["batches"]:
            what = "batch"
            model.predict(made_up(model, batch, request["sizes"]))
            _say(Step(what, most_resident(), batch))
    except (RuntimeFailure, MemoryError) as error:
        _say(Step(what, None, batch, str(error) or "out of memory"))


def _say(step: Step) -> None:
    print(json.dumps(step._asdict()), flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        os._exit(130)
