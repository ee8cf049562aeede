"""A network's MACs under every convention, line by line: how one figure becomes another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archspec.analysis.conventions import CONVENTIONS, Convention, NoRule, Part
from archspec.graph import Graph, Node
from archspec.layers.sizes import is_number
from archspec.pipeline import Compiled
from archspec.reports.figures import broken_into_lines, figure, plain

_LABELS = {
    Part.PRODUCTS: "conv, fc, attention",
    Part.TRANSPOSED: "transposed convolution",
    Part.ATTENTION: "attention",
    Part.BIASES: "biases",
    Part.BATCH_NORM: "batch norm",
    Part.OTHER_NORMS: "other norms",
    Part.ACTIVATIONS: "activations",
    Part.POOLING: "pooling",
    Part.UPSAMPLING: "upsampling",
    Part.COUNTED_AGAIN: "counted again",
}

_COUNTED_AGAIN = (
    "counted again: ptflops counts a module, and then the function of PyTorch that it calls"
)

_UNKNOWN = "unknown"

Breakdown = dict[Part, int]

Row = tuple[str, ...]
"""A label, and a figure a convention."""


def text(graph: Graph) -> str:
    """A line for each thing that some convention counts, a column for each convention."""
    found = _breakdowns(graph)
    shown = [part for part in Part if any(_is_counted(one, part) for one in found.values())]
    rows: list[Row] = [
        (
            f"+ {_LABELS[part]}" if index else _LABELS[part],
            *(_shown(_figure(one, part)) for one in found.values()),
        )
        for index, part in enumerate(shown)
    ]
    sums = [_sum(one) for one in found.values()]
    rows.append(("= MACs", *map(_shown, sums)))
    rows.append(("× 2 = FLOPs", *(_shown(_twice(macs)) for macs in sums)))
    symbolic = any(macs is not None and not is_number(macs) for macs in sums)
    notes = [_COUNTED_AGAIN] if Part.COUNTED_AGAIN in shown else []
    notes += _unknown(found.values())
    lines = _list(rows) if symbolic else _table(rows)
    return "\n".join([*lines, "", *notes] if notes else lines)


def _unknown(found: Iterable[Breakdown | NoRule]) -> list[str]:
    """Which conventions have no figure, a line for each kind that is why."""
    names: dict[str, list[str]] = {}
    for one in found:
        if isinstance(one, NoRule):
            names.setdefault(one.kind, []).append(one.convention)
    return [
        f"unknown: {', '.join(tools)} say nothing of the kind `{kind}`"
        for kind, tools in names.items()
    ]


def _table(rows: list[Row]) -> list[str]:
    rows = [("", *CONVENTIONS), *rows]
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([label.ljust(first), *map(str.rjust, figures, others)]).rstrip()
        for label, *figures in rows
    ]
    rule = "─" * max(map(len, lines))
    return [lines[0], rule, *lines[1:-2], rule, *lines[-2:]]


def _list(rows: list[Row]) -> list[str]:
    """The same, a convention after another: formulas are too wide for columns."""
    width = max(len(label) for label, *_ in rows)
    lines = []
    for column, name in enumerate(CONVENTIONS, 1):
        lines.append(name)
        for label, *figures in rows:
            first, *others = broken_into_lines(figures[column - 1])
            if first:
                lines.append(f"    {label:<{width}}  {first}")
                lines += [f"    {'':<{width}}  {other}" for other in others]
    return lines


def sources() -> str:
    """Of which calls and versions the figures are, a line a convention."""
    lines = []
    for name, one in CONVENTIONS.items():
        packages = ", ".join(f"{package} {version}" for package, version in one.packages.items())
        lines.append(f"{name:<13}{one.tool} ({packages})")
    return "\n".join(lines)


def added(
    entry: dict[str, Any], compiled: Compiled, asked: Iterable[str], reconcile: bool
) -> dict[str, Any]:
    """The entry of a spec in the JSON report, with `conventions` in its totals and in its layers:
    the MACs by name, for those that are asked for. With `reconcile` it has that, too: for each of
    `lines`, and for `macs` and `flops`, a figure a convention. A figure is null where a layer is
    wrong, or is of a kind that the convention has no rule for.
    """
    conventions = {name: CONVENTIONS[name] for name in asked}
    graph = compiled.graph
    nodes = {node.name: node for node in graph.nodes}
    totals = {
        name: _plain(_sum(_breakdown(graph, one))) if compiled.complete else None
        for name, one in conventions.items()
    }
    made = {
        **entry,
        "totals": {**entry["totals"], "conventions": totals},
        "layers": [
            {**layer, "conventions": _of_node(nodes[layer["name"]], conventions)}
            for layer in entry["layers"]
        ],
    }
    if reconcile:
        made["reconcile"] = _reconciled(graph) if compiled.complete else None
    return made


def _of_node(node: Node, conventions: dict[str, Convention]) -> dict[str, int | str | None]:
    figures: dict[str, int | str | None] = {}
    for name, convention in conventions.items():
        try:
            figures[name] = plain(convention.macs_of(node))
        except NoRule:
            figures[name] = None
    return figures


def _reconciled(graph: Graph) -> dict[str, Any]:
    found = _breakdowns(graph)
    macs = {name: _sum(one) for name, one in found.items()}
    return {
        "lines": {
            part.value: {name: _plain(_figure(one, part)) for name, one in found.items()}
            for part in Part
        },
        "macs": {name: _plain(one) for name, one in macs.items()},
        "flops": {name: _plain(_twice(one)) for name, one in macs.items()},
    }


def _breakdowns(graph: Graph) -> dict[str, Breakdown | NoRule]:
    return {name: _breakdown(graph, one) for name, one in CONVENTIONS.items()}


def _breakdown(graph: Graph, convention: Convention) -> Breakdown | NoRule:
    """What a convention counts, by line, or why it cannot."""
    try:
        return convention.breakdown(graph)
    except NoRule as unknown:
        return unknown


def _figure(found: Breakdown | NoRule, part: Part) -> int | None:
    return None if isinstance(found, NoRule) else found[part]


def _is_counted(found: Breakdown | NoRule, part: Part) -> bool:
    count = _figure(found, part)
    return count is not None and not _is_zero(count)


def _is_zero(count: int) -> bool:
    return is_number(count) and count == 0


def _sum(found: Breakdown | NoRule) -> int | None:
    return None if isinstance(found, NoRule) else sum(found.values())


def _twice(macs: int | None) -> int | None:
    return None if macs is None else 2 * macs


def _plain(count: int | None) -> int | str | None:
    return None if count is None else plain(count)


def _shown(count: int | None) -> str:
    if count is None:
        return _UNKNOWN
    return "" if _is_zero(count) else figure(count)
