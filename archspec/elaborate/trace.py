"""What each step of a network came to, for an editor: more than a graph says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from archspec.diagnostics import Span
from archspec.document import Spec, Step
from archspec.document.settings import Setting
from archspec.elaborate.builder import Value
from archspec.elaborate.scopes import Scope
from archspec.elaborate.walk import Names, Walk
from archspec.expressions import UNKNOWN
from archspec.graph import Node, TensorType


class Run(NamedTuple):
    """One run of a step: the nodes that it made, from the `first` to before the `last`, and the
    value that it left behind, None where that is unknown. `variables` are those it speaks of.
    """

    step: Step
    first: int
    last: int
    output: TensorType | None
    variables: Mapping[str, Any]


class Trace:
    """Collects what happens while a spec is compiled."""

    def __init__(self) -> None:
        self.spec: Spec | None = None
        self.variables: Mapping[str, Any] = {}
        """The network's own, each with its value."""
        self.nodes: list[Node] = []
        self.runs: list[Run] = []
        self.named: dict[Span, dict[Span, None]] = {}
        """The places where a value's name is written, each with those of the steps that it meant,
        which is several where a block is run in several places.
        """

    def walk(self, *arguments: Any) -> Walk:
        """A walk of these arguments that is told of here."""
        return TracedWalk(self, *arguments)


class TracedWalk(Walk):
    """A walk that tells a `trace` what it does."""

    def __init__(self, trace: Trace, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.trace = trace
        trace.spec, trace.variables, trace.nodes = self.spec, self.variables, self.builder.nodes

    def _once(
        self, step: Step, incoming: Value, scope: Scope, names: Names, position: int | None
    ) -> Value:
        first, index = len(self.builder.nodes), len(self.trace.runs)
        variables = {name: names.get(name) for name in _mentioned(step)}
        if "in" in variables:
            variables["in"] = UNKNOWN if step.source else self.builder.channels(incoming)
        # Before the runs of the steps inside it; what it leaves behind is known after them.
        self.trace.runs.append(Run(step, first, first, None, variables))
        value = super()._once(step, incoming, scope, names, position)
        run = Run(step, first, len(self.builder.nodes), self.builder.types.get(value), variables)
        self.trace.runs[index] = run
        return value

    def find(self, name: str, span: Span, scope: Scope, previous: Value) -> Value:
        owner = scope.owner(name)
        place = None if owner is None else owner.place(name)
        if place is not None:
            self.trace.named.setdefault(span, {})[place] = None
        return super().find(name, span, scope, previous)


def _mentioned(step: Step) -> set[str]:
    """The variables that a step's fields speak of."""
    own: Iterable[Setting | None] = step.fields.values()
    others = (step.dynamic, step.source, step.repeat, step.when, step.expect, step.shares)
    settings = [setting for setting in (*own, *others, step.reference) if setting is not None]
    return {name for setting in settings for name in setting.names}
