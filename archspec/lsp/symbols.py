"""The outline that an editor shows: sections, variables, blocks and steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from archspec.diagnostics import Span
from archspec.layers.base import text_of
from archspec.lsp.analysis import Analysis
from archspec.lsp.written import WrittenStep, within
from archspec.source import Mapping, Value, text_at

MOST_STEPS = 10_000
"""Of one section or block: nobody reads on, and an editor waits for the whole."""

Sort = Literal["section", "variable", "block", "step"]


@dataclass(frozen=True)
class Symbol:
    """A thing with a name: the place of all of it, that of its name, and what is inside."""

    name: str
    sort: Sort
    detail: str
    whole: Span
    at: Span
    inside: list[Symbol] = field(default_factory=list)


def symbols(analysis: Analysis) -> list[Symbol]:
    """The sections of a text, and what is in them."""
    return [
        Symbol(
            name,
            "section",
            "",
            _whole(analysis.root.keys[name], value),
            analysis.root.keys[name],
            list(_inside(name, value, analysis)),
        )
        for name, value in analysis.root.values.items()
        if name
    ]


def _inside(section: str, value: Value, analysis: Analysis) -> Iterator[Symbol]:
    if section == "layers":
        yield from _steps([step for step in analysis.steps if not step.scope.block], analysis)
    elif section in ("vars", "inputs") and isinstance(value, Mapping):
        for name, inner in value.values.items():
            at = value.keys[name]
            yield Symbol(name or "…", "variable", text_at(inner.span), _whole(at, inner), at)
    elif section == "blocks" and isinstance(value, Mapping):
        for name, body in value.values.items():
            at = value.keys[name]
            own = [step for step in analysis.steps if step.scope.block == name]
            steps = list(_steps(own, analysis))
            yield Symbol(name or "…", "block", "", _whole(at, body), at, steps)


def _steps(steps: Sequence[WrittenStep], analysis: Analysis) -> list[Symbol]:
    """The steps, those of a structure inside it."""
    top: list[Symbol] = []
    around: list[Symbol] = []
    for step in steps[:MOST_STEPS]:
        runs = analysis.runs.get(step.at[:2], [])
        output = runs[-1].output if runs else None
        detail = f"{step.word} → {text_of(output.shape)}" if output else step.word
        symbol = Symbol(step.name or "…", "step", detail, step.whole, step.at)
        while around and not within(*step.at[:2], around[-1].whole):
            around.pop()
        (around[-1].inside if around else top).append(symbol)
        around.append(symbol)
    return top


def _whole(at: Span, value: Value) -> Span:
    """A key and its value."""
    end = max(at[2:4], value.span[2:4])
    return Span(at.line, at.column, *end, at.source)
