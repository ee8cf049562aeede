"""A diagnostic and the places it points at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from archspec.diagnostics.codes import CODES, Severity

LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


STANDARD_INPUT = "<stdin>"
"""What a source is called that was read from standard input."""


def shown_path(path: str) -> str:
    """What to call the file that a user has named so: `-` is standard input."""
    return STANDARD_INPUT if path == "-" else path


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """A text that was read, and what to call it.

    `path` is what the user wrote to name it (`-` is standard input, a zoo network is shown by its
    file); `folder` is where paths written inside the text are looked up.
    """

    path: str
    text: str = field(repr=False)
    folder: Path

    def lines(self) -> list[str]:
        """The text's lines, as YAML counts them, without their ends."""
        return _lines(self.text)


@lru_cache(maxsize=128)  # Diagnostics of one spec may lie in all of its files.
def _lines(text: str) -> list[str]:
    return LINE_END.split(text)


class Span(NamedTuple):
    """A stretch of a source: lines and columns count from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int
    source: Source

    def part(self, start: int, length: int) -> Span:
        """The stretch of `length` characters, `start` characters into this one's first line."""
        column = self.column + start
        return Span(self.line, column, self.line, column + length, self.source)


class Label(NamedTuple):
    """A second place that a diagnostic speaks of, and what there is to say about it."""

    span: Span
    text: str


def calls_of(frames: Sequence[Label]) -> tuple[Label, ...]:
    """What to say of the calls and repeats that something is in, the outermost of the `frames`
    first: the innermost first, one a place.
    """
    return tuple({label.span: label for label in frames}.values())[::-1]


class Edit(NamedTuple):
    """A piece of a text, and what is to stand there instead; an empty span inserts."""

    span: Span
    text: str


class Fix(NamedTuple):
    """A way to mend a spec that is certain to be meant: `title` says it in the imperative."""

    title: str
    edits: tuple[Edit, ...]


class Diagnostic(NamedTuple):
    """One thing to tell the author of a spec.

    `message` stands alone and says what is wrong; `help` says how to mend it; `labels` point at the
    places that the cause or the calling block lies in. `trail` has the last values that led there,
    the earliest first, each with its shape; `fix` is there where one way to mend it is certain.
    A warning that is `raised` counts as an error.
    """

    code: str
    message: str
    span: Span
    help: str = ""
    labels: tuple[Label, ...] = ()
    trail: tuple[Label, ...] = ()
    fix: Fix | None = None
    raised: bool = False

    @property
    def severity(self) -> Severity:
        return Severity.ERROR if self.raised else CODES[self.code].severity


class Enough(Exception):
    """So much is wrong with a spec, or in it, that the rest is left alone. What is, is reported."""


MOST_ERRORS = 1_000
"""Errors of one spec. They have few causes, and finding thousands takes seconds."""


class Sink:
    """Collects diagnostics; the same one at the same place is kept once.

    One that takes `most` errors raises Enough at the one after.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._diagnostics: dict[tuple[str, Span, str], Diagnostic] = {}
        self._errors: Counter[str] = Counter()
        """How many errors there are of each code."""

    def add(self, diagnostic: Diagnostic) -> None:
        key = (diagnostic.code, diagnostic.span, diagnostic.message)
        if key in self._diagnostics:
            return
        if diagnostic.severity is Severity.ERROR:
            if self._errors.total() == self._most:
                self._report_crowd(self._most)
                raise Enough
            self._errors[diagnostic.code] += 1
        self._diagnostics[key] = diagnostic

    def report(
        self,
        code: str,
        message: str,
        span: Span,
        help: str = "",
        labels: tuple[Label, ...] = (),
        fix: Fix | None = None,
    ) -> None:
        self.add(Diagnostic(code, message, span, help, labels, fix=fix))

    def _report_crowd(self, most: int) -> None:
        """Report, below all else, that there is too much of it."""
        message = f"there are more than {most:,} errors: the rest of the spec is not looked at"
        help = "mend the first ones: many errors have few causes"
        self._most = None
        self.report("AS503", message, self.sorted()[-1].span, help=help)

    @property
    def is_crowded(self) -> bool:
        """Whether there is so much to say already that more need not be helped with in detail."""
        return len(self._diagnostics) > 100

    @property
    def has_errors(self) -> bool:
        return bool(self._errors)

    def has_errors_besides(self, code: str) -> bool:
        """Whether there is an error of another code."""
        return any(other != code for other in self._errors)

    def holds(self, code: str) -> bool:
        """Whether an error of this code has been reported."""
        return code in self._errors

    def sorted(self) -> list[Diagnostic]:
        """The diagnostics in the order of the text, file by file. Where there is an error, a
        warning at the same place is left out.
        """
        found = self._diagnostics.values()
        errors = {d.span for d in found if d.severity is Severity.ERROR}
        kept = [d for d in found if d.severity is Severity.ERROR or d.span not in errors]
        return sorted(kept, key=lambda d: (d.span.source.path, *d.span[:2]))


class SpecError(Exception):
    """A spec that cannot be compiled, or weights that do not fit it.

    `diagnostics` is the list of all that is wrong, in the order of the text.
    """

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return "\n".join(
            f"{d.span.source.path}:{d.span.line}:{d.span.column}: {d.code}: {d.message}"
            for d in self.diagnostics
            if d.severity is Severity.ERROR
        )
