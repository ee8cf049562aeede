"""Mutants of the zoo, and of broken specs: `python -m tests.fuzz.mutate --count 100000 --seed 1`.

What is found is saved, each input under the name of its error, and the process ends with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.mutants import mutant
from tests.fuzz.oracle import furnish, judge

CRASHES = Path(tempfile.gettempdir()) / "archspec-fuzz"
EVERY = 8
"""Of so many inputs, one is judged thoroughly."""


class Tried(NamedTuple):
    """What came of some inputs: how many there were, how many were right, how often each code was
    reported, and how often each finding was made.
    """

    number: int
    right: int
    codes: Counter[str]
    findings: Counter[str]
    seconds: float


def try_one(path: str, data: bytes, thoroughly: bool, into: Path, tried: Counter[str]) -> object:
    """Judge an input; what becomes of it, or None where it is a finding, which is saved."""
    try:
        return judge(path, data, thoroughly=thoroughly)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # whatever it is
        title = title_of(error)
        tried[title] += 1
        save(data, title, into)
        return None


def title_of(error: BaseException) -> str:
    """What an error is called: its type, and where in archspec it was raised."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "archspec" in f.filename]
    inner = [f for f in frames if "/archspec/" in f.filename and "/fuzz/" not in f.filename]
    at = f"{Path(inner[-1].filename).stem}-{inner[-1].name}-{inner[-1].lineno}" if inner else ""
    said = re.sub(r"[0-9.]+", "N", str(error))[:60] if not inner or not at else str(error)[:60]
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{type(error).__name__}-{at}-{said}").strip("-")[:120]


def save(data: bytes, title: str, into: Path) -> None:
    """Keep an input that is a finding, the smallest few of each."""
    folder = into / title
    folder.mkdir(parents=True, exist_ok=True)
    if len(list(folder.iterdir())) < 5:
        (folder / f"{hashlib.sha256(data).hexdigest()[:12]}.yaml").write_bytes(data)


def run(seed: int, start: int, step: int, count: int, until: float, into: Path) -> Tried:
    """Try every `step`-th of `count` mutants from `start` on, until it is so late."""
    codes: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    done = right = 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = furnish(Path(folder))
        for index in range(start, count, step):
            if time.monotonic() > until:
                break
            data = mutant(seed, index)
            found = try_one(path, data, done % EVERY == 0, into, findings)
            done += 1
            if found is not None:
                right += found.ok  # type: ignore[attr-defined]
                codes.update({one.code for one in found.diagnostics})  # type: ignore[attr-defined]
    return Tried(done, right, codes, findings, time.monotonic() - begun)


def added(parts: list[Tried]) -> Tried:
    """What came of all."""
    codes: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    for part in parts:
        codes.update(part.codes)
        findings.update(part.findings)
    number, right = sum(part.number for part in parts), sum(part.right for part in parts)
    return Tried(number, right, codes, findings, max(part.seconds for part in parts))


def run_all(
    seed: int, count: int, minutes: float, workers: int, into: Path, say: Callable[[str], None]
) -> Tried:
    """Try mutants in several processes; the same ones, however many these are."""
    until = time.monotonic() + minutes * 60
    if workers == 1:
        tried = run(seed, 0, 1, count, until, into)
    else:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            jobs = [(seed, worker, workers, count, until, into) for worker in range(workers)]
            tried = added(pool.starmap(run, jobs))
    rate = tried.number / max(tried.seconds, 1e-9)
    say(
        f"{tried.number:,} mutants in {tried.seconds:,.0f} s, {rate:,.0f} a second; "
        f"{tried.right:,} right; {len(tried.codes)} codes reported"
    )
    say(f"codes: {', '.join(f'{code} {n:,}' for code, n in sorted(tried.codes.items()))}")
    for title, number in tried.findings.most_common():
        say(f"FOUND {number:,} × {title}")
    say(f"{len(tried.findings)} findings" + (f", saved under {into}" if tried.findings else ""))
    return tried


def main() -> int:
    """Try mutants; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--save", type=Path, default=CRASHES)
    options = parser.parse_args()
    tried = run_all(
        options.seed, options.count, options.minutes, options.workers, options.save, print
    )
    return 1 if tried.findings else 0


if __name__ == "__main__":
    sys.exit(main())
