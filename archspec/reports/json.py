"""The report of a network as JSON-able data: what other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.analysis.cost import cost
from archspec.analysis.memory import peak_activation_bytes
from archspec.analysis.receptive_field import receptive_fields, sizes
from archspec.analysis.smallest_input import smallest_input
from archspec.diagnostics.render import json as diagnostics
from archspec.graph import Graph, Signature
from archspec.layers.base import Tensor
from archspec.pipeline import Compiled
from archspec.reports.figures import constraints_of, plain, plain_shape


def report(compiled: Compiled) -> dict[str, Any]:
    """One spec's entry in `check --format json`. Shapes leave the batch out.

    Where a layer is wrong, the layers are those that could be inferred, and every total is null. A
    size or a figure that follows from symbolic sizes is a formula, as a string.
    """
    graph = compiled.graph
    return {
        "path": compiled.path,
        "name": compiled.name,
        "ok": compiled.ok,
        "inputs": {name: plain_shape(type_.shape) for name, type_ in graph.inputs.items()},
        "outputs": {name: plain_shape(type_.shape) for name, type_ in graph.outputs.items()},
        "totals": _totals(graph, compiled.complete),
        "smallest_input": _smallest_input(graph) if compiled.complete else None,
        "constraints": constraints_of(graph) if compiled.complete else [],
        "layers": _layers(graph),
        "diagnostics": [diagnostics.render(d) for d in compiled.diagnostics],
    }


def _smallest_input(graph: Graph) -> dict[str, list[int | str]] | None:
    found = smallest_input(graph)
    if found is None or found.shapes is None:
        return None
    return {name: plain_shape(shape) for name, shape in found.shapes.items()}


def _totals(graph: Graph, complete: bool) -> dict[str, int | str | None]:
    names = ("params", "trainable_params", "macs", "weight_bytes", "activation_bytes")
    if not complete:
        return dict.fromkeys(names)
    total = cost(graph)
    peak = peak_activation_bytes(graph) if graph.symbols is None else None
    figures = (total.params, total.params, plain(total.macs), total.weight_bytes, peak)
    return dict(zip(names, figures, strict=True))


def _layers(graph: Graph) -> list[dict[str, Any]]:
    fields = receptive_fields(graph)
    figures: dict[int, dict[str, Any]] = {}
    layers = []
    for node in graph.nodes:
        # Nodes that do the same share their signature, and so what follows from it.
        key = id(node.signature)
        if key not in figures:
            figures[key] = _figures(node.signature)
        field = sizes(fields[node.name])
        layers.append(
            {
                "name": node.name,
                "kind": node.kind,
                "inputs": list(node.inputs),
                "path": node.origin.source.path,
                "line": node.origin.line,
                "column": node.origin.column,
                "receptive_field": None if field is None else plain_shape(field),
                **figures[key],
            }
        )
        if node.owner:
            layers[-1].update(shares=node.owner, params=0, parameters={}, buffers={})
    return layers


def _figures(signature: Signature) -> dict[str, Any]:
    return {
        "output": plain_shape(signature.output.shape),
        "params": signature.params,
        "macs": plain(signature.macs),
        "parameters": _shapes(signature.parameters),
        "buffers": _shapes(signature.buffers),
    }


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, list[int]]:
    return {leaf: list(tensor.shape) for leaf, tensor in tensors.items()}
