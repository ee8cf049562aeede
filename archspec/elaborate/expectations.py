"""The shapes that a spec expects of its steps and outputs."""

from __future__ import annotations

from collections import abc
from collections.abc import Callable
from typing import Any

from archspec.diagnostics import Source, Span
from archspec.document import Step
from archspec.document.settings import Setting
from archspec.document.validation import listed
from archspec.elaborate.builder import NOTHING, Builder, Value
from archspec.expressions import UNKNOWN, describe
from archspec.graph import TensorType
from archspec.layers.base import Shape, text_of
from archspec.layers.sizes import NeedsNumber
from archspec.source import Mapping
from archspec.words import suggestion

_HELP = "change the layers, or what is expected of them"


class Expectations:
    """Checks what is expected of a network.

    A shape of numbers alone speaks of the network as it is written in its own file: it is not held
    against one whose variables are set from outside, nor against one that takes its steps over from
    another file. A shape with variables in it always holds.
    """

    def __init__(self, builder: Builder, own: Source, *, as_written: bool) -> None:
        self.builder = builder
        self.own = own
        self.as_written = as_written

    def _holds(self, setting: Setting) -> bool:
        written_here = self.as_written and setting.span.source is self.own
        return written_here or not setting.is_constant

    def _is_met(self, found: Shape, expected: Any, at: Span) -> bool:
        """Whether a shape is as expected, or cannot be compared with that, which is reported."""
        try:
            return self.builder.is_shape(found, expected)
        except NeedsNumber as error:
            self.builder.report(error.code, error.message, at, error.help)
            return True

    def check_step(self, step: Step, value: Value, names: dict[str, Any]) -> None:
        """Check the shape that a step says it makes."""
        setting, type_ = step.expect, self.builder.types.get(value)
        if setting is None or type_ is None or not self._holds(setting):
            return
        expected, found = setting.evaluate(names, self.builder), type_.shape
        if not self._is_met(found, expected, setting.span):
            message = f"this step makes {text_of(found)}, not {shown(expected)} as expected"
            help = f"write `expect: {list(found)}` if that is what you mean"
            node, fix = self.builder.by_name.get(value), None
            if node is not None and node.origin is step.at and len(node.inputs) == 1:
                from archspec.elaborate.mends import padding_for

                mend = padding_for(node.layer, node.input_shapes[0], expected, node.places)
                if mend is not None:
                    help, fix = f"{mend[0]} makes {text_of(expected)}; or {help}", mend[1]
            labels = (self.builder.made_here(value),)
            self.builder.report("AS306", message, setting.span, help, labels, (value,), fix)

    def check_outputs(
        self,
        setting: Setting,
        expected: Any,
        outputs: abc.Mapping[Value, TensorType],
        find: Callable[[str], Value | None],
    ) -> None:
        """Check the file's own `expect: {output: …}`: a shape, or shapes by the outputs' names."""
        if expected is UNKNOWN or not self._holds(setting):
            return
        if not isinstance(expected, dict):
            shapes = [type_.shape for type_ in outputs.values()]
            if len(shapes) != 1 or not self._is_met(shapes[0], expected, setting.span):
                made = " and ".join(text_of(shape) for shape in shapes)
                message = f"the output is {made}, not {shown(expected)} as expected"
                help = _HELP
                if len(shapes) == 1:
                    help = f"{_HELP}: `output: {list(shapes[0])}`"
                made_by = tuple(outputs)[:4]
                labels = tuple(self.builder.made_here(value) for value in made_by)
                self.builder.report("AS306", message, setting.span, help, labels, made_by)
            return
        written = setting.value
        assert isinstance(written, Mapping), "it is evaluated to one"
        for name, shape in expected.items():
            value = find(name) or NOTHING
            found = self.builder.types.get(value)
            if found is None:
                message = f"there is no output `{name}`"
                named = [output.rpartition(".")[2] for output in outputs]
                help = suggestion(name, named, f"the outputs are {listed(named)}")
                self.builder.report("AS306", message, written.keys[name], help)
            elif not self._is_met(found.shape, shape, setting.span):
                message = f"the output `{name}` is {text_of(found.shape)}, not {shown(shape)}"
                labels, at = (self.builder.made_here(value),), written.values[name].span
                self.builder.report("AS306", message, at, _HELP, labels, (value,))


def shown(value: Any) -> str:
    """A plain value as a message shows what was found in a shape's place."""
    if isinstance(value, tuple):
        return f"[{', '.join(str(item)[:20] for item in value[:8])}]"
    return describe(value)
