"""The report of a network as a table that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archspec.analysis.cost import Cost, cost
from archspec.analysis.memory import peak_activation_bytes
from archspec.analysis.receptive_field import last_local, receptive_fields
from archspec.graph import Graph, Node
from archspec.layers.base import text_of
from archspec.pipeline import Compiled

Row = tuple[str, ...]

_LEFT = 3
"""The first columns hold words and shapes; those after them numbers, aligned to the right."""


def layers(graph: Graph, formulas: bool = False) -> str:
    """A row a layer, then the totals; with `formulas`, how its size and parameters follow."""
    rows: list[Row] = [("layer", "kind", "output", "weights", "biases", "MACs")]
    notes: dict[int, list[str]] = {}
    for name, type_ in graph.inputs.items():
        rows.append((name, "", text_of(type_.shape), "", "", ""))
    figures: dict[int, Row] = {}
    for node in graph.nodes:
        if formulas:
            notes[len(rows)] = _formulas(node)
        # Nodes that do the same share their signature: a row is made once for all of them.
        key = id(node.signature)
        if key not in figures:
            figures[key] = _figures(node)
        rows.append((node.name, *figures[key]))
    weights, biases = _split(graph.nodes)
    total = cost(graph)
    rows.append(("total", "", "", f"{weights:,}", f"{biases:,}", f"{total.macs:,}"))
    lines = _aligned(rows)
    rule = "─" * max(map(len, lines))
    body = []
    for index, line in enumerate(lines[1:-1], 1):
        body.append(line)
        body += [f"    {note}" for note in notes.get(index, ())]
    return "\n".join([lines[0], rule, *body, rule, lines[-1], "", *_totals(graph, total)])


def networks(compiled: Iterable[Compiled]) -> str:
    """A row a network."""
    rows: list[Row] = [("network", "input", "output", "layers", "parameters", "MACs", "weights")]
    for one in compiled:
        total = cost(one.graph)
        rows.append(
            (
                one.name or one.path,
                " + ".join(text_of(type_.shape) for type_ in one.graph.inputs.values()),
                " + ".join(text_of(type_.shape) for type_ in one.graph.outputs.values()),
                f"{len(one.graph.nodes):,}",
                f"{total.params:,}",
                f"{total.macs:,}",
                _bytes(total.weight_bytes),
            )
        )
    lines = _aligned(rows)
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


def _figures(node: Node) -> Row:
    weights, biases = _split((node,))
    macs = node.signature.macs
    return (
        node.kind,
        text_of(node.output.shape),
        f"{weights:,}" if weights else "",
        f"{biases:,}" if biases else "",
        f"{macs:,}" if macs else "",
    )


def _split(nodes: Iterable[Node]) -> tuple[int, int]:
    """The learnable numbers that are no biases, and those that are."""
    weights = biases = 0
    for node in nodes:
        for leaf, tensor in node.signature.parameters.items():
            if leaf == "bias":
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


def _totals(graph: Graph, total: Cost) -> list[str]:
    macs = f"{total.macs:,} (conv, fc and filter; biases not counted)"
    rows = [
        ("parameters", f"{total.params:,}"),
        ("MACs", macs),
        ("weights", f"{_bytes(total.weight_bytes)} as float32, running statistics included"),
        ("activations", f"{_bytes(peak_activation_bytes(graph))} at most, for one sample"),
    ]
    local = last_local(receptive_fields(graph))
    if local is not None and local[0] not in graph.inputs:
        rows.append(("receptive field", f"{text_of(local[1])} at {local[0]}"))
    return [f"{name:<17}{value}" for name, value in rows]


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
