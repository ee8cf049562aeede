"""The corpus of broken specs, `tests/corpus/*.yaml`: one mistake a file, or a few.

A case starts with what is wrong and with the places that a person would point at, written down
before archspec was asked:

    # What is wrong: `kernal_size` is no field of conv.
    # Expect: AS203 at 14:33

A place in a file that the case extends or imports has that file before it, relative to the corpus:
`AS301 at library/small_lenet.yaml:13:43`.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from archspec.diagnostics import CODES, Diagnostic, Severity
from archspec.pipeline import compile_file

CORPUS = Path(__file__).parent / "corpus"

_WHAT = re.compile(r"^# What is wrong: (.+?)\r?$", re.MULTILINE)
_EXPECT = re.compile(r"^# Expect: (AS\d{3}) at (?:([\w./]+):)?(\d+):(\d+)\r?$", re.MULTILINE)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Place(NamedTuple):
    """What is told where: `file` is relative to the corpus, lines and columns count from 1."""

    code: str
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.code} at {self.file}:{self.line}:{self.column}"


class Case(NamedTuple):
    """A broken spec, what is wrong with it, and the diagnostics that it should get, in order."""

    path: Path
    what: str
    errors: tuple[Place, ...]
    warnings: tuple[Place, ...]


def _case(path: Path) -> Case:
    data = path.read_bytes()
    # Some cases are about bytes that are no text; the comments before them are.
    text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig", "replace")
    what = _WHAT.search(text)
    places = [
        Place(code, file or path.name, int(line), int(column))
        for code, file, line, column in _EXPECT.findall(text)
    ]
    if what is None or not places:
        raise ValueError(f"{path} does not say what is wrong and where")
    return Case(path, what[1], *_by_severity(places))


def found(case: Case) -> list[Diagnostic]:
    """What archspec says of a case."""
    return list(compile_file(str(case.path)).diagnostics)


def places(diagnostics: list[Diagnostic]) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Where these errors and these warnings are."""
    return _by_severity([_place(diagnostic) for diagnostic in diagnostics])


def _place(diagnostic: Diagnostic) -> Place:
    span = diagnostic.span
    file = Path(span.source.path).resolve().relative_to(CORPUS).as_posix()
    return Place(diagnostic.code, file, span.line, span.column)


def _by_severity(places: list[Place]) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    warnings = tuple(p for p in places if CODES[p.code].severity is Severity.WARNING)
    return tuple(p for p in places if p not in warnings), warnings


CASES = [_case(path) for path in sorted(CORPUS.glob("*.yaml"))]
"""Every case of the corpus, by name."""
