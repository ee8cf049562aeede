"""The whole network: its variables and inputs, the walk over its layers, and its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec import source
from archspec.diagnostics import Sink
from archspec.document import Spec
from archspec.document.names import FROM_WORDS
from archspec.document.settings import Setting
from archspec.elaborate.builder import BEFORE, NOTHING, Builder, Stopped, Value
from archspec.elaborate.scopes import Scope
from archspec.elaborate.walk import Names, Walk, shown
from archspec.expressions import UNKNOWN, Unknown
from archspec.graph import Graph, TensorType
from archspec.layers.base import text_of
from archspec.layers.fields import LARGEST
from archspec.source import Plain


def elaborate(spec: Spec, overrides: Mapping[str, Plain], sink: Sink) -> Graph:
    """The network that a spec means, with `overrides` for its variables.

    Reports to `sink`; where that has errors, the graph holds the nodes that could be made.
    """
    builder = Builder(sink)
    variables = _variables(spec, overrides, builder)
    scope = Scope()
    inputs = _inputs(spec, variables, scope, builder)
    first = BEFORE if len(spec.inputs) > 1 else next(iter(inputs), NOTHING)
    walk = Walk(spec, builder, variables, first, as_written=not overrides)
    try:
        last = walk.steps(spec.steps, first, scope, dict(variables))
        outputs = _outputs(spec, walk, last, scope)
        if spec.output is not None and not sink.has_errors_besides("AS306"):
            _expect(spec.output, outputs, walk, scope)
    except Stopped:
        outputs = {}
    return Graph(spec.sections.name, inputs, tuple(builder.nodes), outputs)


def _variables(spec: Spec, overrides: Mapping[str, Plain], builder: Builder) -> Names:
    names: Names = {}
    for name, setting in spec.vars.items():
        names[name] = overrides[name] if name in overrides else _value(setting, names, builder)
    return names


def _value(setting: Setting, names: Names, builder: Builder) -> Any:
    """The setting's value, or UNKNOWN where that has been reported."""
    try:
        return setting.evaluate(names, builder)
    except Unknown:
        return UNKNOWN


def _inputs(
    spec: Spec, variables: Names, scope: Scope, builder: Builder
) -> dict[Value, TensorType]:
    inputs = {}
    for name, setting in spec.inputs.items():
        if name not in FROM_WORDS:
            scope.take(name, setting.span)
        shape = _value(setting, variables, builder)
        if shape is UNKNOWN:
            scope.values[name] = NOTHING
        elif is_shape(shape) and len(shape) <= 4:
            inputs[name] = builder.place_input(name, shape, setting.span)
            scope.values[name] = name
        else:
            scope.values[name] = NOTHING
            message = (
                "an input is a list of 1 to 4 sizes, each an integer of at least 1, "
                f"not {shown(shape)}"
            )
            help = "channels first, without the batch: [3, 224, 224]"
            builder.report("AS206", message, setting.span, help=help)
    return inputs


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


def _expect(
    setting: Setting, outputs: Mapping[Value, TensorType], walk: Walk, scope: Scope
) -> None:
    """Check the file's own `expect: {output: …}`: a shape, or shapes by the outputs' names."""
    builder = walk.builder
    expected = _value(setting, dict(walk.variables), builder)
    if expected is UNKNOWN or (setting.is_constant and not walk.as_written):
        return
    if not isinstance(expected, dict):
        shapes = [type_.shape for type_ in outputs.values()]
        if shapes != [expected]:
            made = " and ".join(text_of(shape) for shape in shapes)
            message = f"the output is {made}, not {shown(expected)} as expected"
            builder.report("AS306", message, setting.span, help=_EXPECT_HELP)
        return
    for name, shape in expected.items():
        found = builder.types.get(scope.find(name) or NOTHING)
        if found is None or found.shape != shape:
            made = "no value" if found is None else text_of(found.shape)
            message = f"the output `{name}` is {made}, not {shown(shape)}"
            builder.report("AS306", message, setting.span, help=_EXPECT_HELP)


_EXPECT_HELP = "change the layers, or what is expected of them"


def is_shape(value: Any) -> bool:
    """Whether a plain value is a shape: a list of integers of at least 1."""
    return (
        isinstance(value, tuple)
        and len(value) > 0
        and all(type(size) is int and 1 <= size <= LARGEST for size in value)
    )
