"""One text of a spec, and all that is known of it: what every feature starts from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from archspec.diagnostics import Diagnostic, Source, Span
from archspec.document import Spec
from archspec.document.files import NOTHING_OPENED, Opened
from archspec.elaborate.trace import Run, Trace
from archspec.kinds import Vocabulary
from archspec.lsp.outline import outline
from archspec.lsp.written import WrittenStep, steps
from archspec.pipeline import Compiled, compile_bytes
from archspec.source import LARGEST_FILE
from archspec.source import Mapping as Sections

Place = tuple[int, int]
"""A line and a column, from 1."""

_SPEC = re.compile(r"""^\ufeff?(?:\{\s*)?["']?archspec["']?\s*:""", re.MULTILINE)


def is_spec(text: str) -> bool:
    """Whether a text says that it is a spec, so that there is something to say about it."""
    return len(text) <= LARGEST_FILE and _SPEC.search(text) is not None


@dataclass(frozen=True, eq=False)
class Analysis:
    """A text, its outline, and what compiling it came to.

    `spec` is what the text says, or, while it is broken, what it said last.
    """

    source: Source
    root: Sections
    compiled: Compiled
    trace: Trace
    spec: Spec | None
    vocabulary: Vocabulary

    @property
    def is_read(self) -> bool:
        """Whether this very text could be read as a spec, though it may have errors."""
        return self.trace.spec is not None

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All there is to say. A file of blocks for others to import needs no network of its own,
        and its blocks need not be used here.
        """
        found = self.compiled.diagnostics
        if not self.is_library:
            return found
        start = next(iter(self.root.keys.values()))[:2]
        missing = [d for d in found if d.code == "AS204" and d.span[:2] == start]
        return tuple(d for d in found if d not in missing)

    @property
    def is_library(self) -> bool:
        """Whether the file has nothing but blocks, and what they need."""
        return "blocks" in self.root.keys and not _NETWORK & self.root.keys.keys()

    @cached_property
    def steps(self) -> tuple[WrittenStep, ...]:
        """The steps that are written here, in order."""
        return tuple(steps(self.root))

    @cached_property
    def runs(self) -> Mapping[Place, list[Run]]:
        """The runs of each step that is written here, by the place of its word."""
        found: dict[Place, list[Run]] = {}
        for run in self.trace.runs:
            if self.is_here(run.step.at):
                found.setdefault(run.step.at[:2], []).append(run)
        return found

    @cached_property
    def meanings(self) -> Mapping[Place, tuple[Span, ...]]:
        """What the names of values that are written here mean: the places of the steps."""
        return {at[:2]: tuple(to) for at, to in self.trace.named.items() if self.is_here(at)}

    def is_here(self, span: Span) -> bool:
        """Whether a place is in this text, and not in another file's."""
        return span.source.path == self.source.path

    def lines(self) -> list[str]:
        return self.source.lines()


_NETWORK = {"layers", "extends", "input", "inputs"}


def analyse(
    path: str,
    text: str,
    vocabulary: Vocabulary,
    opened: Opened = NOTHING_OPENED,
    before: Analysis | None = None,
) -> Analysis:
    """All that is known of a text; `before` is what was known of it when it was another."""
    trace = Trace()
    data = text.encode("utf-8", "surrogatepass")
    compiled = compile_bytes(path, data, {}, vocabulary, opened, trace)
    source = Source(path, text.removeprefix("\ufeff"), Path(path).parent)
    spec = trace.spec or (before.spec if before else None)
    return Analysis(source, outline(source), compiled, trace, spec, vocabulary)
