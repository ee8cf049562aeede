"""What is wrong with a spec is said once, where a person would point, and nothing besides."""

from __future__ import annotations

import pytest

from archspec.cli import main
from tests.broken_specs import CASES, CORPUS, Case, found, places

WHAT_THERE_IS_TO_GET_WRONG = 160
"""Specs that the corpus has at least."""


def test_the_corpus_is_large_and_every_case_is_another() -> None:
    assert len(CASES) >= WHAT_THERE_IS_TO_GET_WRONG
    texts = {case.path.read_bytes().split(b"\n\n", 1)[-1] for case in CASES}
    assert len(texts) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path.stem)
def test_a_broken_spec_gets_its_errors_and_warnings_and_no_other(case: Case) -> None:
    diagnostics = found(case)
    said = [f"{d.code} {d.span[:2]} {d.message}" for d in diagnostics]
    assert places(diagnostics) == (case.errors, case.warnings), said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path.stem)
def test_every_error_says_a_way_out(case: Case) -> None:
    for diagnostic in found(case):
        assert diagnostic.help
        assert diagnostic.help not in diagnostic.message


def test_no_case_leads_to_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(case.path) for case in CASES]
    assert main(["check", "--no-layers", *paths]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_the_library_of_the_corpus_is_spoken_of_by_its_cases() -> None:
    texts = b"".join(case.path.read_bytes() for case in CASES)
    texts += b"".join(path.read_bytes() for path in (CORPUS / "library").glob("*.yaml"))
    for path in (CORPUS / "library").glob("*.yaml"):
        assert path.name.encode() in texts
