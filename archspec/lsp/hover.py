"""What there is to say of the thing at a place: how its figures follow, and what it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from archspec.diagnostics import Span
from archspec.document.documentation import BLOCK_TEXTS, VARIABLE_TEXTS
from archspec.document.settings import Setting
from archspec.elaborate.trace import Run
from archspec.expressions import UNKNOWN, Unknown
from archspec.graph import Node
from archspec.layers.base import text_of
from archspec.lsp import words
from archspec.lsp.analysis import Analysis
from archspec.lsp.hints import macs_of, params_of
from archspec.lsp.names import Occurrence, occurrence_at
from archspec.lsp.written import WrittenStep, around, within
from archspec.reports.figures import figure
from archspec.source import Mapping, text_at

_MOST = 4
"""Different runs of a step that are shown, or values of a variable, times two."""


class Hover(NamedTuple):
    """Markdown, and the place that it speaks of."""

    text: str
    span: Span


def hover(analysis: Analysis, line: int, column: int) -> Hover | None:
    """What there is to say of the word at a place."""
    found = [
        (span, text)
        for span, text in _parts(analysis, line, column)
        if text and within(line, column, span)
    ]
    texts = dict.fromkeys(text for _, text in found)
    return Hover("\n\n---\n\n".join(texts), found[0][0]) if found else None


def _parts(analysis: Analysis, line: int, column: int) -> Iterator[tuple[Span, str]]:
    step = around(analysis.steps, line, column)
    name = occurrence_at(analysis, line, column)
    if name is not None:
        # Of a variable, the `$` before its name is a part.
        sign = name.kind in ("variable", "argument") and column < name.span.column
        at = name.span.part(-1, len(name.name) + 1) if sign else name.span
        yield at, _name(name, step, analysis)
    if step is not None:
        yield from _step(step, analysis, line, column)
    else:
        yield from _section(analysis, line, column)
    for diagnostic in analysis.diagnostics:
        at = diagnostic.span
        if analysis.is_here(at):
            yield at, _explanation(diagnostic.code)


def _section(analysis: Analysis, line: int, column: int) -> Iterator[tuple[Span, str]]:
    """A section's key, or one inside a section or a block."""
    texts = {"expect": words.EXPECTED, "preprocess": words.PREPROCESS}
    for key, value in analysis.root.values.items():
        yield analysis.root.keys[key], words.SECTIONS.get(key, "")
        if not isinstance(value, Mapping):
            continue
        for inner, inside in value.values.items():
            yield value.keys[inner], texts.get(key, {}).get(inner, "")
            if key == "blocks" and isinstance(inside, Mapping):
                for part, at in inside.keys.items():
                    yield at, BLOCK_TEXTS.get(part, "")


def _explanation(code: str) -> str:
    """The catalogue's page of a code, but for its examples of what is wrong."""
    from archspec.diagnostics.catalogue import page

    try:
        found = page(code)
    except (OSError, ValueError):
        return ""
    return f"**{code}: {found.title}**\n\n{found.means}\n\n{found.matters}\n\n{found.right}"


# Names


def _name(name: Occurrence, step: WrittenStep | None, analysis: Analysis) -> str:
    if name.kind in ("variable", "argument"):
        return _variable(name, step, analysis)
    if name.kind == "block":
        return _block(name.name, analysis)
    if name.kind == "value":
        return _value(name, analysis)
    return f"`{name.name}`" + ("" if name.target else ": there is no such file")


def _variable(name: Occurrence, step: WrittenStep | None, analysis: Analysis) -> str:
    runs = analysis.runs.get(step.at[:2], []) if step else []
    values = [run.variables[name.name] for run in runs if name.name in run.variables]
    if not values and name.kind == "argument" and name.target:
        values = list(_given(name, analysis))
    if not values and name.kind == "variable" and name.name in analysis.trace.variables:
        values = [analysis.trace.variables[name.name]]
    known = _listed(values)
    text = f"`${name.name}`" + (f" = {known}" if known else "")
    what = "an argument of the block" if name.kind == "argument" else "a variable"
    return f"{text}\n\n{VARIABLE_TEXTS.get(name.name, what)}"


def _given(name: Occurrence, analysis: Analysis) -> Iterator[Any]:
    """The values that an argument has wherever its block is run."""
    for step in analysis.steps:
        if step.scope.block and name.name in _arguments(step.scope.block, analysis):
            for run in analysis.runs.get(step.at[:2], ()):
                if name.name in run.variables:
                    yield run.variables[name.name]


def _arguments(block: str, analysis: Analysis) -> Iterable[str]:
    found = analysis.spec.blocks.get(block) if analysis.spec else None
    return found.args if found else ()


def _listed(values: Sequence[Any]) -> str:
    """`1, 2`: the different values, in the order in which they come."""
    shown = dict.fromkeys(_shown(value) for value in values if value is not UNKNOWN)
    more = ", …" if len(shown) > 2 * _MOST else ""
    return ", ".join(list(shown)[: 2 * _MOST]) + more


def _shown(value: Any) -> str:
    """A value as a spec writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value[:20]))}{', …' if len(value) > 20 else ''}]"
    return "~" if value is None else str(value)[:100]


def _block(name: str, analysis: Analysis) -> str:
    block = analysis.spec.blocks.get(name) if analysis.spec else None
    if block is None:
        return f"the block `{name}`"
    arguments = [
        arg if default is None else f"{arg}: {text_at(default.span)}"
        for arg, default in block.args.items()
    ]
    where = "" if analysis.is_here(block.at) else f", of `{block.at.source.path}`"
    return f"the block `{name}`({', '.join(arguments)}){where}"


def _value(name: Occurrence, analysis: Analysis) -> str:
    if name.target is None:
        return ""
    for step in analysis.steps:
        at = step.named or step.at
        if within(*name.target[:2], at):
            runs = analysis.runs.get(step.at[:2], [])
            shapes = dict.fromkeys(text_of(run.output.shape) for run in runs if run.output)
            made = f": {' or '.join(list(shapes)[:_MOST])}" if shapes else ""
            return f"`{name.name}`, the value of `{step.word}`{made}"
    return f"`{name.name}`, an input"


# Steps


def _step(
    step: WrittenStep, analysis: Analysis, line: int, column: int
) -> Iterator[tuple[Span, str]]:
    runs = [run for run in analysis.runs.get(step.at[:2], ()) if run.output is not None]
    if within(line, column, step.at):
        # What a variable stands for, where it is the step's word.
        node = _own_node(runs[0], analysis) if runs else None
        word = node.kind if node else step.word
        said = words.said_of(word, analysis.vocabulary)
        figures = "\n\n".join(_figures(runs, analysis))
        summary = f"**{word}** {said.description}" if said else ""
        yield step.at, "\n\n".join(part for part in (figures, summary) if part)
    if step.fields is None:
        return
    for field, at in step.fields.keys.items():
        value = step.fields.values[field]
        known = _evaluated(field, runs)
        evaluated = f"`{field}` = {known}" if known else f"`{field}`"
        text = words.field_text(field, step.word, analysis.vocabulary)
        if text or known:
            yield at, f"{evaluated}\n\n{text}".strip()
        if known:
            yield value.span, evaluated


def _evaluated(field: str, runs: Sequence[Run]) -> str:
    """What the expression of a field comes to."""
    values = []
    for run in runs:
        setting = run.step.fields.get(field)
        if isinstance(setting, Setting) and setting.names:
            try:
                values.append(setting.evaluate(run.variables, _Silent()))
            except Unknown:
                continue
    return _listed(values)


class _Silent:
    """Takes reports of what has been reported."""

    def report(self, *_: Any, **__: Any) -> None:
        pass


def _figures(runs: Sequence[Run], analysis: Analysis) -> Iterator[str]:
    """How the output and the parameters follow, for each of a step's different runs."""
    shown: dict[str, int] = {}
    for run in runs:
        text = _figures_of(run, analysis)
        shown[text] = shown.get(text, 0) + 1
    for text, times in list(shown.items())[:_MOST]:
        yield f"{text}\n\n(×{times})" if times > 1 else text
    if len(shown) > _MOST:
        yield f"and {len(shown) - _MOST} others"


def _figures_of(run: Run, analysis: Analysis) -> str:
    assert run.output is not None
    made = text_of(run.output.shape)
    node = _own_node(run, analysis)
    if node is not None:
        made = f"{' and '.join(map(text_of, node.input_shapes))} → {made}"
    lines = [f"**{made}**"]
    if node is not None:
        formulas = (
            node.layer.shape_formula(node.input_shapes, node.output.shape),
            node.layer.parameter_formula(node.input_shapes),
        )
        lines += [f"`{line}`" for line in formulas if line]
        if node.owner is not None:
            lines.append(f"with the weights of `{node.owner}`")
    macs = macs_of(run, analysis)
    lines.append(f"{params_of(run, analysis):,} parameters · {figure(macs)} MACs")
    return "  \n".join(lines)


def _own_node(run: Run, analysis: Analysis) -> Node | None:
    """The node of a step that is one layer."""
    if run.last - run.first != 1:
        return None
    node = analysis.trace.nodes[run.first]
    return node if node.origin[:2] == run.step.at[:2] else None
