"""The coverage-guided fuzzer: `python -m tests.fuzz.atheris_check -max_total_time=600`.

libFuzzer's own options go with it; `pip install "archspec-nn[fuzz]"` brings atheris, for which
there is no wheel for every system. Inputs that reach new code are kept and changed on: by
libFuzzer's changes of bytes with the words of the language, and by the changes of lines and values
that make mutants. What is found is saved as mutants' findings are, and the fuzzer goes on.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import atheris

PACKAGE = "archspec"

with atheris.instrument_imports(include=[PACKAGE], enable_loader_override=False):
    import tests.fuzz.oracle
    from tests.fuzz.mutants import mutated_text, mutated_tree, seeds
    from tests.fuzz.mutate import CRASHES, try_one
    from tests.fuzz.words import BYTES, EXPRESSIONS, VALUES, WORDS

LARGEST = 1_500
"""Bytes of an input: small ones are fast, and enough to say anything."""
EVERY = 64
_SAID_EVERY = 60


class Fuzzer:
    """Tries what atheris gives it, and counts."""

    def __init__(self, path: str, into: Path) -> None:
        self.path = path
        self.into = into
        self.count = 0
        self.begun = self.said = time.monotonic()
        self.findings: Counter[str] = Counter()

    def try_one(self, data: bytes) -> None:
        """Judge an input. It is a finding that ends nothing, so that there may be others."""
        try_one(self.path, data, self.count % EVERY == 0, self.into, self.findings)
        self.count += 1
        if time.monotonic() > self.said + _SAID_EVERY:
            self.said = time.monotonic()
            self.say()

    def say(self) -> None:
        """Print how many inputs were tried, how fast, and what was found."""
        seconds = time.monotonic() - self.begun
        rate = self.count / max(seconds, 1e-9)
        print(f"{self.count:,} inputs in {seconds:,.0f} s, {rate:,.0f} a second", flush=True)
        for title, number in self.findings.most_common():
            print(f"FOUND {number:,} × {title}", flush=True)
        print(f"{len(self.findings)} findings, saved under {self.into}", flush=True)


def changed(data: bytes, most: int, seed: int) -> bytes:
    """The custom mutator: a spec's lines and values, or libFuzzer's bytes."""
    random = Random(seed)
    way = random.random()
    if not data:
        data = random.choice(seeds())
    if way < 0.3:
        data = mutated_tree(data, random)
    elif way < 0.65:
        data = mutated_text(data, random)
    else:
        data = bytes(atheris.Mutate(data, most))
    return data[:most]


def _dictionary(folder: Path) -> Path:
    """The words of the language, as libFuzzer reads them."""
    words = {word.encode() for word in (*WORDS, *VALUES, *EXPRESSIONS)} | {*BYTES}
    lines = [
        "".join(f"\\x{byte:02X}" for byte in word) for word in sorted(words) if 0 < len(word) < 60
    ]
    path = folder / "words.dict"
    path.write_text("".join(f'"{line}"\n' for line in lines))
    return path


def _corpus(folder: Path) -> Path:
    """The seeds, as files."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(seeds()):
        if len(data) <= LARGEST:
            (corpus / f"{number:04}").write_bytes(data)
    return corpus


def main() -> None:
    """Fuzz until libFuzzer's options say it is enough; then the process ends."""
    into = Path(os.environ.get("ARCHSPEC_FUZZ_SAVE", CRASHES))
    folder = Path(tempfile.mkdtemp(prefix="archspec-atheris-"))
    beside = folder / "beside"
    beside.mkdir()
    fuzzer = Fuzzer(tests.fuzz.oracle.furnish(beside), into)
    options = [
        *(f"-dict={_dictionary(folder)}", f"-max_len={LARGEST}", "-timeout=20"),
        *("-rss_limit_mb=2000", "-print_final_stats=1", "-close_fd_mask=0"),
    ]
    given = sys.argv[1:]
    corpora = [] if any(not word.startswith("-") for word in given) else [str(_corpus(folder))]
    atheris.Setup([sys.argv[0], *options, *given, *corpora], fuzzer.try_one, custom_mutator=changed)
    # libFuzzer ends the process itself, without a word to Python's exit handlers.
    atheris.Fuzz()


if __name__ == "__main__":
    main()
