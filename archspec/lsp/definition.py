"""Where a name is declared, and everywhere it is used."""

from __future__ import annotations

from archspec.diagnostics import Span
from archspec.lsp.analysis import Analysis
from archspec.lsp.names import occurrence_at, same


def definition(analysis: Analysis, line: int, column: int) -> Span | None:
    """The place that the name at a place means, which may be in another file."""
    found = occurrence_at(analysis, line, column)
    return found.target if found else None


def references(
    analysis: Analysis, line: int, column: int, with_declaration: bool = True
) -> list[Span]:
    """The places in the text where the same thing is named."""
    found = occurrence_at(analysis, line, column)
    if found is None:
        return []
    places = [one for one in same(analysis, found) if with_declaration or not one.declares]
    return sorted(one.span for one in places)
