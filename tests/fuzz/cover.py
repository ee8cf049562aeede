"""Coverage-guided fuzzing: `python -m tests.fuzz.cover FOLDER -max_total_time=600`.

Inputs that reach new code are kept in FOLDER, and what must never be in `crash-…` files of the
working directory. Half of the inputs are mutants of lines and words, half of bytes. Needs atheris:
`pip install -e '.[fuzz]'`. Other options are libFuzzer's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["archspec"]):
    from tests.fuzz.mutants import changed, seeds
    from tests.fuzz.oracle import judge


def one_input(data: bytes) -> None:
    """Judge one input."""
    judge(data)


def mutated(data: bytes, longest: int, seed: int) -> bytes:
    """Another input, made of this one."""
    if seed % 2:
        return bytes(atheris.Mutate(data, longest))
    return changed(data.decode("utf-8", "replace"), Random(seed))[:longest]


def main() -> None:
    """Fuzz until the options say that it is enough."""
    folder = Path(next((a for a in sys.argv[1:] if not a.startswith("-")), "build/fuzz/corpus"))
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        for number, text in enumerate(seeds()):
            (folder / f"seed{number}.yaml").write_text(text)
    atheris.Setup(sys.argv, one_input, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
