"""The whole network: its variables and inputs, the walk over its layers, and its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archspec import source
from archspec.diagnostics import Sink
from archspec.document import Spec
from archspec.elaborate.builder import BEFORE, NOTHING, Builder, Stopped, Value
from archspec.elaborate.expectations import Expectations
from archspec.elaborate.inputs import inputs_of
from archspec.elaborate.scopes import Scope
from archspec.elaborate.variables import value_of, variables_of
from archspec.elaborate.walk import Walk
from archspec.graph import Graph, TensorType
from archspec.source import Plain

if TYPE_CHECKING:
    from archspec.elaborate.trace import Trace


def elaborate(
    spec: Spec, overrides: Mapping[str, Plain], sink: Sink, trace: Trace | None = None
) -> Graph:
    """The network that a spec means, with `overrides` for its variables.

    Reports to `sink`; where that has errors, the graph holds the nodes that could be made. A
    `trace` is told what each step came to.
    """
    builder = Builder(sink, spec.vocabulary.outside)
    variables = variables_of(spec.home, overrides, builder)
    scope = Scope()
    inputs = inputs_of(spec, variables, overrides, scope, builder)
    first = BEFORE if len(spec.inputs) > 1 else next(iter(inputs), NOTHING)
    expected = Expectations(builder, spec.root.span.source, as_written=not overrides)
    walk = (trace.walk if trace else Walk)(spec, builder, variables, first, expected)
    try:
        last = walk.steps(spec.steps, first, scope, dict(variables))
        outputs = _outputs(spec, walk, last, scope)
        if spec.output is not None and not sink.has_errors_besides("AS306"):
            shape = value_of(spec.output, dict(variables), builder)
            expected.check_outputs(spec.output, shape, outputs, scope.find)
    except Stopped:
        outputs = {}
    nodes, used = tuple(builder.nodes), {type(node.layer) for node in builder.nodes}
    outside = {layer: kind for layer, kind in spec.vocabulary.outside.items() if layer in used}
    name, symbols = spec.sections.name, builder.symbols
    if symbols is not None:
        symbols.settle()
    scopes = builder.scopes
    return Graph(name, inputs, nodes, outputs, outside=outside, symbols=symbols, scopes=scopes)


def _outputs(spec: Spec, walk: Walk, last: Value, scope: Scope) -> dict[Value, TensorType]:
    types = walk.builder.types
    names = spec.sections.outputs
    if not spec.steps:
        return {}  # There is nothing that an output could name.
    if not names:
        if last in (*spec.inputs, BEFORE) and not walk.builder.sink.has_errors:
            message = "the network has no layer: `when` or `repeat` leaves out every step"
            help = "keep a step, if only `- identity`"
            walk.builder.report("AS206", message, spec.root.values["layers"].span, help=help)
        return {last: types[last]} if last in types else {}
    spans = [source.place(spec.root, ("outputs", index)) for index in range(len(names))]
    values = [walk.find(name, span, scope, last) for name, span in zip(names, spans, strict=True)]
    for name, value, span in zip(names, values, spans, strict=True):
        if value in spec.inputs:
            message = f"`{name}` is an input, and no layer's output"
            walk.builder.report("AS206", message, span, help="name a step")
    return {value: types[value] for value in values if value in types}
