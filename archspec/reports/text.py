"""The report of a network as a table that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archspec.analysis.cost import Cost, cost
from archspec.analysis.memory import peak_activation_bytes
from archspec.analysis.receptive_field import last_local, receptive_fields
from archspec.graph import Graph, Node
from archspec.layers.base import text_of
from archspec.layers.sizes import is_number
from archspec.pipeline import Compiled
from archspec.reports.figures import broken_into_lines, figure, smallest_rows

Row = tuple[str, ...]

_LEFT = 3
"""The first columns hold words and shapes; those after them numbers, aligned to the right."""


def layers(graph: Graph, formulas: bool = False, convention: str = "") -> str:
    """A row a layer, then the totals; with `formulas`, how its size and parameters follow.

    `convention` names the rules by which the graph's MACs are counted, if they are not ours.
    """
    macs = _macs_by(convention)
    rows: list[Row] = [("layer", "kind", "output", "weights", "biases", macs)]
    notes: dict[int, list[str]] = {}
    for name, type_ in graph.inputs.items():
        rows.append((name, "", text_of(type_.shape), "", "", ""))
    figures: dict[int, Row] = {}
    for node in graph.nodes:
        if formulas:
            notes[len(rows)] = _formulas(node)
        # Nodes that do the same share their signature: a row is made once for all of them.
        key = id(node.signature)
        if node.owner:
            rows.append((node.name, *_figures(node)))
            continue
        if key not in figures:
            figures[key] = _figures(node)
        rows.append((node.name, *figures[key]))
    weights, biases = _split(graph.nodes)
    total = cost(graph)
    macs = figure(total.macs) if is_number(total.macs) else ""  # A long formula: below the table.
    rows.append(("total", "", "", f"{weights:,}", f"{biases:,}", macs))
    lines = _aligned(rows)
    rule = "─" * max(map(len, lines))
    body = []
    for index, line in enumerate(lines[1:-1], 1):
        body.append(line)
        body += [f"    {note}" for note in notes.get(index, ())]
    totals = _totals(graph, total, convention)
    return "\n".join([lines[0], rule, *body, rule, lines[-1], "", *totals])


def networks(compiled: Iterable[Compiled], convention: str = "") -> str:
    """A row a network. `convention` names the rules by which MACs are counted, if not ours."""
    from archspec.terminal import printable

    macs = _macs_by(convention)
    rows: list[Row] = [("network", "input", "output", "layers", "parameters", macs, "weights")]
    for one in compiled:
        total = cost(one.graph)
        rows.append(
            (
                printable(one.name or one.path),
                " + ".join(text_of(type_.shape) for type_ in one.graph.inputs.values()),
                " + ".join(text_of(type_.shape) for type_ in one.graph.outputs.values()),
                f"{len(one.graph.nodes):,}",
                f"{total.params:,}",
                figure(total.macs),
                _bytes(total.weight_bytes),
            )
        )
    lines = _aligned(rows)
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


def _figures(node: Node) -> Row:
    weights, biases = _split((node,))
    macs = node.signature.macs
    return (
        f"{node.kind} with {node.owner}" if node.owner else node.kind,
        text_of(node.output.shape),
        f"{weights:,}" if weights else "",
        f"{biases:,}" if biases else "",
        figure(macs) if macs != 0 else "",
    )


def _split(nodes: Iterable[Node]) -> tuple[int, int]:
    """The learnable numbers that are no biases, and those that are."""
    weights = biases = 0
    for node in nodes:
        if node.owner:
            continue  # They are counted where they are.
        for leaf, tensor in node.signature.parameters.items():
            if leaf.endswith("bias"):
                biases += tensor.size
            else:
                weights += tensor.size
    return weights, biases


def _formulas(node: Node) -> list[str]:
    shapes = node.input_shapes
    return [
        line
        for line in (
            node.layer.shape_formula(shapes, node.output.shape),
            node.layer.parameter_formula(shapes),
        )
        if line
    ]


def _macs_by(convention: str) -> str:
    return f"MACs ({convention})" if convention else "MACs"


def _totals(graph: Graph, total: Cost, convention: str) -> list[str]:
    rule = "" if convention else f" ({_counted(graph)}biases not counted)"
    macs, *more = broken_into_lines(figure(total.macs) + rule)
    rows = [
        ("parameters", f"{total.params:,}"),
        (_macs_by(convention), macs),
        *(("", line) for line in more),
        ("weights", f"{_bytes(total.weight_bytes)} as float32, running statistics included"),
    ]
    if graph.symbols is None:
        peak = _bytes(peak_activation_bytes(graph))
        rows.append(("activations", f"{peak} at most, for one sample"))
    else:
        rows.append(("activations", f"follow from {', '.join(graph.symbols.names)}"))
    local = last_local(receptive_fields(graph))
    if local is not None and local[0] not in graph.inputs:
        rows.append(("receptive field", f"{text_of(local[1])} at {local[0]}"))
    rows += smallest_rows(graph)
    width = max(17, *(len(name) + 2 for name, _ in rows))
    return [f"{name:<{width}}{value}" for name, value in rows]


def _counted(graph: Graph) -> str:
    """`conv and fc; `: the kinds of layer that the network's MACs are of."""
    kinds = dict.fromkeys(node.kind for node in graph.nodes if node.signature.macs != 0)
    *others, last = kinds or [""]
    return f"{', '.join(others)} and {last}; " if others else last and f"{last}; "


def _aligned(rows: Sequence[Row]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    template = "  ".join(
        f"{{:{'<' if column < _LEFT else '>'}{width}}}" for column, width in enumerate(widths)
    )
    return [template.format(*row).rstrip() for row in rows]


def _bytes(number: float) -> str:
    """`87.3 MB`: bytes in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.4g} {unit}"
        number /= 1000
    return f"{number:.4g} TB"
