"""The whole campaign, in one command: `python -m tests.fuzz.campaign --minutes 40`.

First the worst cases are measured, one by one. Then the coverage-guided fuzzer runs in one
process, if atheris is installed, and mutants are tried in the others until the time is over. All is
logged to a file, whose path is printed, and what is found is saved beside it; the process ends with
1 if anything is.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.mutate import run_all


def main() -> int:
    """Run the campaign; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--workers", type=int, default=1, help="processes that try mutants")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="where the log and the findings go")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="archspec-campaign-"))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("w") as log:

        def say(text: str) -> None:
            print(text, flush=True)
            print(text, file=log, flush=True)

        say(f"seed {options.seed}, logged to {log.name}")
        bad = worst_cases(say)
        guided = start_atheris(folder, options.minutes)
        mutants = run_all(
            options.seed, 10**9, options.minutes, options.workers, folder / "mutants", say
        )
        said, found = wait(guided, folder) if guided else (["atheris is not installed"], 0)
        for line in said:
            say(line)
    return 1 if bad or mutants.findings or found else 0


def worst_cases(say: Callable[[str], None]) -> int:
    """Measure the worst cases, in a process that is small itself; whether some are bad."""
    command = [sys.executable, "-m", "tests.fuzz.worst"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            say(line.rstrip())
    return process.returncode


def start_atheris(folder: Path, minutes: float) -> subprocess.Popen[bytes] | None:
    """Start the coverage-guided fuzzer, if it is there; it logs to a file of its own."""
    if importlib.util.find_spec("atheris") is None:
        return None
    with (folder / "atheris.txt").open("wb") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.fuzz.atheris_check"),
                f"-max_total_time={round(minutes * 60)}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"ARCHSPEC_FUZZ_SAVE": str(folder / "atheris")},
        )


def wait(guided: subprocess.Popen[bytes], folder: Path) -> tuple[list[str], int]:
    """Wait for the fuzzer; what it said last, and whether it found something."""
    status = guided.wait()
    said = (folder / "atheris.txt").read_text("utf-8", "replace").splitlines()
    counts = [line for line in said if " inputs in " in line][-1:]
    stats = [line for line in said if line.startswith("stat::") or " DONE " in line]
    saved = list((folder / "atheris").rglob("*.yaml"))
    titles = sorted({path.parent.name for path in saved})
    found = [f"FOUND by atheris: {title}" for title in titles]
    ended = [f"atheris ended with status {status}"] if status else []
    return [*counts, *stats, *found, *ended], len(titles) + bool(status)


if __name__ == "__main__":
    sys.exit(main())
