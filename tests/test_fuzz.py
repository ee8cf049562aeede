"""Input from strangers: what fuzzing found, and some hundred mutants of the zoo each time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from archspec.pipeline import compile_bytes
from archspec.source import parse
from tests.fuzz import oracle
from tests.fuzz.families import Case
from tests.fuzz.mutants import mutant, seeds
from tests.fuzz.mutate import added, run, title_of
from tests.fuzz.oracle import Finding, furnish, judge, watched
from tests.fuzz.worst import cases, measure

CRASHES = sorted((Path(__file__).parent / "fuzz" / "crashes").iterdir())
WORST = {f"{family}: {title}": make for family, title, make in cases()}


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.stem)
def test_what_fuzzing_found_stays_mended(path: Path, tmp_path: Path) -> None:
    judge(furnish(tmp_path), path.read_bytes(), thoroughly=True)


@pytest.mark.parametrize("part", range(8))
def test_a_mutant_is_judged_without_a_finding(part: int, tmp_path: Path) -> None:
    tried = run(0, part, 8, 800, float("inf"), tmp_path / "found")
    assert dict(tried.findings) == {}
    assert tried.number == 100


def test_mutants_are_the_same_for_the_same_seed_and_number() -> None:
    some = [mutant(7, number) for number in range(100)]
    assert some == [mutant(7, number) for number in range(100)]
    assert len(set(some)) > 95
    assert some != [mutant(8, number) for number in range(100)]


def test_seeds_are_specs_of_the_zoo_and_broken_ones() -> None:
    found = [compile_bytes("seed.yaml", seed, {}).ok for seed in seeds()]
    assert sum(found) > 20 and len(found) - sum(found) > 200


# The oracle is no use if it lets anything pass.


def _raise(error: Exception) -> Callable[..., object]:
    def function(*_: object, **__: object) -> object:
        raise error

    return function


def test_a_traceback_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "compile_bytes", _raise(KeyError("width")))
    tried = run(0, 0, 1, 3, float("inf"), tmp_path)
    ((title, count),) = tried.findings.items()
    assert title.startswith("KeyError") and count == 3
    assert len(list((tmp_path / title).iterdir())) == 3
    assert added([tried, tried]).findings[title] == 6


def test_time_and_memory_are_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MOST_SECONDS", "MOST_GROWTH"):
        with monkeypatch.context() as patched:
            patched.setattr(oracle, limit, -1.0)
            with pytest.raises(Finding):
                judge(furnish(tmp_path), b"archspec: 1")


def test_a_place_outside_the_text_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compile_bytes("a.yaml", b"archspec: 2\nname: a\ninput: [1]\nlayers: [relu]\n", {})
    wrong = found.diagnostics[0]
    for span in (
        wrong.span._replace(line=9, end_line=9),
        wrong.span._replace(column=99, end_column=99),
        wrong.span._replace(column=0),
        wrong.span._replace(end_column=1),
    ):
        moved = found._replace(diagnostics=(wrong._replace(span=span),))
        monkeypatch.setattr(oracle, "compile_bytes", lambda *_, moved=moved: moved)
        with pytest.raises(Finding, match=wrong.code):
            judge(furnish(tmp_path), b"")


def test_what_touches_other_files_or_runs_something_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "beside").write_text("")
    with watched(tmp_path / "spec"):
        (tmp_path / "spec" / "beside").read_text()
        with pytest.raises(Finding, match="opens"):
            Path("/etc/passwd").read_text()
        with pytest.raises(Finding, match="opens"):
            (tmp_path / "spec" / "beside").open("w")
        with pytest.raises(Finding, match="subprocess"):
            subprocess.run(["true"], check=False)
        with pytest.raises(Finding, match="system"):
            os.system("true")
        with pytest.raises(Finding, match="runs code"):
            exec("1")


def test_a_finding_is_called_after_what_was_raised_and_where() -> None:
    try:
        parse(None, None)  # type: ignore[arg-type]
    except AttributeError as error:
        assert title_of(error).startswith("AttributeError-source-")


# Worst cases are as large as they may be, and are measured by `python -m tests.fuzz.worst`.


@pytest.mark.parametrize(
    "title",
    [
        "text: more directives",
        "mistakes: unknown variables, and many known",
        "expressions: a repeat of a large filter",
        "symbols: ties that can be",
        "files: a file that each import extends",
    ],
)
def test_a_worst_case_is_refused_with_a_message(title: str) -> None:
    family, _, name = title.partition(": ")
    one = measure(family, name, WORST[title]())
    assert one.status == 1 and one.said.startswith("error[AS")


def test_a_case_may_have_files_beside_it_and_options() -> None:
    case = Case({"spec.yaml": "archspec: 1\nname: a\ninput: [$n]\nvars: {n: 0}\nlayers: [relu]\n"})
    assert measure("a", "b", case).status == 1
    assert measure("a", "b", case._replace(options=("--set", "n=3"))).status == 0
