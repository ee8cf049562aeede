"""Mending a spec: the fixes of its diagnostics, made in its text and judged by what comes of it."""

from __future__ import annotations

import codecs
from bisect import bisect, insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from archspec.diagnostics import Diagnostic, Fix, Severity, shown_path
from archspec.edits import Change, change_of, changed, start_of
from archspec.kinds import Vocabulary
from archspec.pipeline import Compiled, compile_bytes
from archspec.source import Plain

MOST_ROUNDS = 20
"""One fix may uncover another, and of two in one place the second has to wait."""
MOST_ALONE = 50
"""Fixes that are tried one by one where they do no good together."""


class Mended(NamedTuple):
    """What became of a spec: its bytes, the fixes that were made, and what is said of it now."""

    data: bytes
    made: tuple[Fix, ...]
    compiled: Compiled


def mended(
    path: str, data: bytes, overrides: Mapping[str, Plain], vocabulary: Vocabulary
) -> Mended:
    """The spec with every fix that is one of this very file and does no harm.

    A fix does harm where the error that it is for stays, or where it brings an error that the spec
    did not have: one of an earlier stage than its own. An error of a later stage was there, and
    could not be seen. All but what a fix changes, comments, line ends and a byte-order mark, stays.
    """
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""

    def compiled(text: str) -> Compiled:
        return compile_bytes(path, mark + text.encode(), overrides, vocabulary)

    found = compile_bytes(path, data, overrides, vocabulary)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Mended(data, (), found)
    made: list[Fix] = []
    for _ in range(MOST_ROUNDS):
        step = _round(text, found, compiled)
        if step is None:
            break
        text, fixes, found = step
        made += fixes
    return Mended(mark + text.encode() if made else data, tuple(made), found)


class _Proposal(NamedTuple):
    """A diagnostic's fix, as changes of the text."""

    diagnostic: Diagnostic
    fix: Fix
    changes: tuple[Change, ...]


_Step = tuple[str, list[Fix], Compiled]


def _round(text: str, found: Compiled, compiled: Callable[[str], Compiled]) -> _Step | None:
    """The text with the fixes that can be made at once; None where there is none."""
    proposals = _apart(_proposals(text, found))
    if not proposals:
        return None

    def tried(some: Sequence[_Proposal]) -> _Step | None:
        changes = [change for one in some for change in one.changes]
        other = changed(text, changes)
        after = compiled(other)
        if not _is_better(found, after, some, changes):
            return None
        return other, [one.fix for one in some], after

    best = tried(proposals)
    if best is None and len(proposals) > 1:
        kept: list[_Proposal] = []
        for one in proposals[:MOST_ALONE]:
            step = tried([*kept, one])
            if step is not None:
                best, kept = step, [*kept, one]
    return best


def _proposals(text: str, found: Compiled) -> list[_Proposal]:
    """The fixes that change nothing but this text."""
    proposals = []
    line_end = "\r\n" if "\r\n" in text else "\n"
    for diagnostic in found.diagnostics:
        fix = diagnostic.fix
        if fix is None or any(edit.span.source.text != text for edit in fix.edits):
            continue
        if {edit.span.source.path for edit in fix.edits} != {shown_path(found.path)}:
            continue
        changes = tuple(
            change_of(edit._replace(text=edit.text.replace("\n", line_end))) for edit in fix.edits
        )
        proposals.append(_Proposal(diagnostic, fix, changes))
    return proposals


def _apart(proposals: Sequence[_Proposal]) -> list[_Proposal]:
    """The proposals, the first first, that do not touch one another; of the same ones the first."""
    taken: list[Change] = []  # In the order of the text.
    apart = []
    for one in proposals:
        if not any(_touches(change, taken) for change in one.changes):
            apart.append(one)
            for change in one.changes:
                insort(taken, change)
    return apart


def _touches(change: Change, taken: Sequence[Change]) -> bool:
    after = bisect(taken, change)
    return any(
        change.start <= other.end and other.start <= change.end
        for other in taken[max(0, after - 1) : after + 1]
    )


_Place = tuple[str, str, int]
"""A code, a file, and where in it."""


def _is_better(
    before: Compiled, after: Compiled, made: Sequence[_Proposal], changes: Sequence[Change]
) -> bool:
    """Whether the errors that were to be mended are gone, and no others came that were not hidden
    by them.
    """
    moved = _Moved(before, changes)
    said = Counter(moved.place(one) for one in _errors(before))
    now = Counter(_place(one) for one in _errors(after))
    new = now - said
    places = {_place(one) for one in after.diagnostics}
    if any(moved.place(one.diagnostic) in places for one in made):
        return False
    stage = min(_stage(one.diagnostic) for one in made)
    return all(_STAGES[code[2]] >= stage for code, _, _ in new)


_STAGES = {"1": 0, "2": 1, "4": 1, "3": 2, "5": 2, "0": 2}
"""By a code's hundreds: when its errors are found. Each stage may hide what the later ones find,
such as, last of all, that the file of the labels is not there.
"""
_NOTHING_HIDDEN = 3


def _stage(diagnostic: Diagnostic) -> int:
    if diagnostic.severity is Severity.WARNING:
        return _NOTHING_HIDDEN
    return _STAGES[diagnostic.code[2]]


def _errors(compiled: Compiled) -> list[Diagnostic]:
    return [one for one in compiled.diagnostics if one.severity is Severity.ERROR]


def _place(diagnostic: Diagnostic) -> _Place:
    span = diagnostic.span
    return diagnostic.code, span.source.path, start_of(span)


class _Moved:
    """Where the places of a text are after some changes."""

    def __init__(self, before: Compiled, changes: Sequence[Change]) -> None:
        self._path = shown_path(before.path)
        self._changes = sorted(changes)
        self._ends = [change.end for change in self._changes]
        grown = [len(change.text) - (change.end - change.start) for change in self._changes]
        self._grown = [0, *accumulate(grown)]

    def place(self, diagnostic: Diagnostic) -> _Place:
        code, path, start = _place(diagnostic)
        if path != self._path:
            return code, path, start
        before = bisect(self._ends, start)
        moved = start + self._grown[before]
        if before < len(self._changes) and self._changes[before].start < start:
            # Inside of what is changed: its beginning.
            moved -= start - self._changes[before].start
        return code, path, moved
