"""Inlay hints: behind each step, what it makes and how many parameters it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from archspec.analysis.cost import cost
from archspec.elaborate.trace import Run
from archspec.layers.base import Shape, text_of
from archspec.layers.sizes import is_number, total
from archspec.lsp.analysis import Analysis, Place
from archspec.lsp.written import WrittenStep
from archspec.reports.figures import figure

_MOST_LISTED = 12
"""Runs of a step that a tooltip lists."""


class Hint(NamedTuple):
    """A text that is shown behind a place, with Markdown for whoever asks for more."""

    place: Place
    text: str
    tooltip: str


def hints(analysis: Analysis, first: int = 1, last: int | None = None) -> Iterator[Hint]:
    """The hints of the lines from the `first` to the `last`."""
    last = len(analysis.lines()) if last is None else last
    whole = _whole(analysis)
    if whole is not None and first <= whole.place[0] <= last:
        yield whole
    for step in analysis.steps:
        place = _behind(step)
        if first <= place[0] <= last:
            runs = analysis.runs.get(step.at[:2], [])
            made = [run for run in runs if run.output is not None]
            if made:
                yield Hint(place, _text(made, analysis), _tooltip(step, made, analysis))


def still_there(found: Iterable[Hint], before: list[str], now: list[str]) -> Iterator[Hint]:
    """The hints of a text in the lines that another still has, above or below what is different."""
    above, below = unchanged(before, now)
    for hint in found:
        line = hint.place[0]
        if line <= above:
            yield hint
        elif line > len(before) - below:
            yield hint._replace(place=(line + len(now) - len(before), hint.place[1]))


def line_before(line: int, before: list[str], now: list[str]) -> int | None:
    """The line of a text that is still there in another's `line`, as `still_there` has it."""
    above, below = unchanged(before, now)
    if line <= above:
        return line
    return line - len(now) + len(before) if line > len(now) - below else None


def unchanged(before: list[str], now: list[str]) -> tuple[int, int]:
    """How many lines two texts have in common from the top, and from the bottom."""
    shorter = min(len(before), len(now))
    above = next((i for i in range(shorter) if before[i] != now[i]), shorter)
    left = shorter - above
    below = next((i for i in range(left) if before[-1 - i] != now[-1 - i]), left)
    return above, below


def params_of(run: Run, analysis: Analysis) -> int:
    """The learnable numbers of a step and of what is inside it, but for those that it shares."""
    nodes = analysis.trace.nodes[run.first : run.last]
    return sum([node.signature.params for node in nodes if node.owner is None])


def macs_of(run: Run, analysis: Analysis) -> int:
    """The multiply-accumulates of a step and of what is inside it."""
    return total([node.signature.macs for node in analysis.trace.nodes[run.first : run.last]])


def shapes_of(runs: Sequence[Run]) -> list[Shape]:
    return [run.output.shape for run in runs if run.output is not None]


def _behind(step: WrittenStep) -> Place:
    """Behind a step in one line; behind the word, or its colon, of one in several."""
    whole = step.whole
    if whole.line == whole.end_line:
        return whole.end_line, whole.end_column
    return step.at.end_line, step.at.end_column + (step.body is not None)


def _text(runs: Sequence[Run], analysis: Analysis) -> str:
    """`→ 64 × 112 × 112 · 9,408`; of several runs, the first shape and the last, and the sum."""
    shapes = shapes_of(runs)
    shown = text_of(shapes[0])
    if shapes[-1] != shapes[0]:
        shown = f"{shown} … {text_of(shapes[-1])}"
    times = f" · ×{len(runs)}" if len(runs) > 1 else ""
    params = sum([params_of(run, analysis) for run in runs])
    return f"→ {shown}{times}" + (f" · {params:,}" if params else "")


def _tooltip(step: WrittenStep, runs: Sequence[Run], analysis: Analysis) -> str:
    cells = [
        (text_of(shape), f"{params_of(run, analysis):,}", figure(macs_of(run, analysis)))
        for run, shape in zip(runs[:_MOST_LISTED], shapes_of(runs), strict=False)
    ]
    rows = [f"| {number} | {' | '.join(row)} |" for number, row in enumerate(cells, 1)]
    more = f"\n\nand {len(runs) - _MOST_LISTED} more" if len(runs) > _MOST_LISTED else ""
    head = [f"`{step.word}`", "", "| run | makes | parameters | MACs |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + more


def _whole(analysis: Analysis) -> Hint | None:
    """The whole network's figures, behind `layers:`, or what stands for it."""
    keys, values = analysis.root.keys, analysis.root.values
    section = next((key for key in ("layers", "extends") if key in keys), None)
    if section is None or not analysis.compiled.complete:
        return None
    graph = analysis.compiled.graph
    figures = cost(graph)
    text = f"{figures.params:,} parameters"
    if is_number(figures.macs):  # else it is a long formula
        text += f" · {figures.macs:,} MACs"
    outputs = ", ".join(text_of(type_.shape) for type_ in graph.outputs.values())
    if section == "extends":
        span = values[section].span
        return Hint((span.end_line, span.end_column), f"→ {outputs} · {text}", "")
    at = keys[section]
    return Hint((at.end_line, at.end_column + 1), text, f"`{graph.name}` makes {outputs}")
