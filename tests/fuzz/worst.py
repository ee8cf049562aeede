"""The worst cases, measured: `python -m tests.fuzz.worst [WORD …]`.

Each is checked in a process of its own; what is measured is that whole process: seconds of the
clock, seconds of the processor, and the most memory that it held. One that takes too much of the
processor or of the memory, or ends with a traceback, is bad, and then this ends with 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.fuzz import families, families_files, families_networks, families_symbols
from tests.fuzz.families import Case, Text

_TEXTS: dict[str, dict[str, Callable[[], Text]]] = {
    "text": families.TEXTS,
    "mistakes": families.MISTAKES,
    "expressions": families.EXPRESSIONS,
    "networks": families_networks.NETWORKS,
    "symbols": families_symbols.SYMBOLS,
}
_CASES: dict[str, dict[str, Callable[[], Case]]] = {
    "files": families_files.FILES,
    "options": families_files.OPTIONS,
}
GIVEN_UP = 60
MOST_SECONDS = 2.0
MOST_MEGABYTES = 500


class Measured(NamedTuple):
    """What checking a case took: seconds, seconds of the processor, and MB at most."""

    family: str
    title: str
    seconds: float
    processor: float
    megabytes: float
    status: int
    said: str

    @property
    def is_bad(self) -> bool:
        """Whether it takes too much, or fails."""
        takes_much = self.processor > MOST_SECONDS or self.megabytes > MOST_MEGABYTES
        return takes_much or self.status not in (0, 1, 2) or self.said == "Traceback"


def cases() -> Iterator[tuple[str, str, Callable[[], Case]]]:
    """Every case: its family, its title, and what makes it."""
    for family, texts in _TEXTS.items():
        for title, text in texts.items():
            yield family, title, partial(_alone, text)
    for family, made in _CASES.items():
        for title, case in made.items():
            yield family, title, case


def _alone(text: Callable[[], Text]) -> Case:
    return Case({"spec.yaml": text()})


def write(case: Case, folder: Path) -> Path:
    """Write the files of a case; the one to check."""
    for name, text in case.files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / "spec.yaml"


def measure(family: str, title: str, case: Case) -> Measured:
    """Check a case in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        spec = write(case, Path(name))
        with (Path(name) / "out").open("w+b") as out, (Path(name) / "err").open("w+b") as err:
            command = [sys.executable, "-m", "archspec", "check", os.fspath(spec), *case.options]
            start = time.perf_counter()
            process = subprocess.Popen(
                ["timeout", str(GIVEN_UP), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            err.seek(0)
            said = err.read().decode("utf-8", "replace")
    first = "Traceback" if "Traceback" in said else (said.splitlines() or [""])[0][:60]
    processor = usage.ru_utime + usage.ru_stime
    return Measured(
        family, title, seconds, processor, usage.ru_maxrss / 1000, process.returncode, first
    )


def main() -> int:
    """Measure the cases whose family or title holds one of the words, or all; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--keep", type=Path, help="write the cases to this folder instead")
    options = parser.parse_args()
    found = []
    for family, title, make in cases():
        if options.words and not any(word in f"{family} {title}" for word in options.words):
            continue
        if options.keep:
            folder = options.keep / title.replace(" ", "_")
            folder.mkdir(parents=True, exist_ok=True)
            write(make(), folder)
            continue
        one = measure(family, title, make())
        found.append(one)
        print(row(one), flush=True)
    print("\nthe worst of each family")
    for family in dict.fromkeys(one.family for one in found):
        members = [one for one in found if one.family == family]
        print(row(max(members, key=lambda one: one.processor)))
        print(row(max(members, key=lambda one: one.megabytes)))
    bad = sum(one.is_bad for one in found)
    print(f"{len(found)} worst cases, {bad} bad")
    return 1 if bad else 0


def row(one: Measured) -> str:
    """A line of the table."""
    return (
        f"{one.family:<12}{one.title:<52}{one.seconds:6.2f} s {one.processor:6.2f} s cpu "
        f"{one.megabytes:6.0f} MB  {one.status}  {one.said}{' BAD' if one.is_bad else ''}"
    )


if __name__ == "__main__":
    sys.exit(main())
