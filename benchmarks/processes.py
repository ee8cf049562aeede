"""Whole processes, timed from outside.

Nothing heavy may be imported where this is used: Linux counts what a process had before it became
another program into that program's peak memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Usage(NamedTuple):
    """What one process took: wall and processor seconds, and bytes of memory at its peak."""

    wall: float
    cpu: float
    memory: int


def python(*arguments: str, using: str = sys.executable) -> Usage:
    """Run Python, or another interpreter, with these arguments, from the root of the checkout."""
    with tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = _start(arguments, using, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise RuntimeError(f"python {' '.join(arguments)} failed:\n{errors.read()}")
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def answer(*arguments: str, using: str = sys.executable) -> Any:
    """The JSON that Python, or another interpreter, prints with these arguments."""
    process = _start(arguments, using, stdout=subprocess.PIPE, text=True)
    output, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"python {' '.join(arguments)} failed")
    return json.loads(output)


def _start(
    arguments: Sequence[str], using: str = sys.executable, **options: Any
) -> subprocess.Popen[Any]:
    # As in an installed package, modules are compiled once: by the warm-up.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [using, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, **options)
