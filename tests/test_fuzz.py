"""Input from strangers: what fuzzing found, and a few hundred mutants each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.mutants import mutant, seeds
from tests.fuzz.mutate import try_some
from tests.fuzz.oracle import Fault, judge

CRASHES = sorted((Path(__file__).parent / "fuzz" / "crashes").glob("*.yaml"))


def test_there_is_something_to_change() -> None:
    assert len(seeds()) > 300


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.stem)
def test_what_fuzzing_found_is_mended(path: Path) -> None:
    judge(path.read_bytes(), thoroughly=True)


@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_a_mutant_is_judged_without_a_fault(first: int) -> None:
    found = try_some(0, range(first, first + 100))
    assert found.faults == {}
    assert found.judged == 100


def test_mutants_differ_and_come_back_the_same() -> None:
    some = [mutant(7, number) for number in range(200)]
    assert len(set(some)) > 190
    assert some == [mutant(7, number) for number in range(200)]


def test_the_oracle_tells_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.oracle.LONGEST", -1.0)
    with pytest.raises(Fault, match="it takes"):
        judge(b"archspec: 1\n")
