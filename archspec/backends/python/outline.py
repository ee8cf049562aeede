"""What a network's PyTorch module is made of and does, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from archspec.diagnostics import Span
from archspec.graph import Graph
from archspec.layers.base import Shape


class Const(NamedTuple):
    """A number, a text, a tuple: what an argument of a constructor or a call is. `role` is the
    argument's name, `kernel_size`.
    """

    value: Any
    role: str = ""


class Argument(NamedTuple):
    """An argument of a constructor. One that equals its `default` is left out."""

    name: str
    value: Expression
    positional: bool = False
    default: Any = ...


@dataclass(frozen=True)
class New:
    """A call of a constructor: `nn.Conv2d(3, 64, kernel_size=7)`.

    One without tensors is `plain`; a plain one may overwrite its input where `overwrites`.
    """

    function: str
    arguments: tuple[Argument, ...] = ()
    plain: bool = False
    overwrites: bool = False

    @property
    def values(self) -> dict[str, Expression]:
        return {argument.name: argument.value for argument in self.arguments}


class Counted(NamedTuple):
    """An argument that grows with a counter from 0."""

    start: Expression
    step: int


class Item(NamedTuple):
    """A module in a sequence: its name there, what is it of, and the shape that it makes."""

    name: str
    value: Expression
    key: object
    shape: Shape | None = None


@dataclass(frozen=True)
class InOrder:
    """`nn.Sequential`: its items are called one after another."""

    items: tuple[Item, ...]


Expression = Any
"""A Const, a New, an InOrder, or what stands for several of them (see arguments.py)."""


class Ref(NamedTuple):
    """A value, by its name in the outline, among the arguments of a call."""

    name: str


class Call(NamedTuple):
    """A call, or the reading of a tensor, that makes the value `made`.

    `function` is the name of a function (`torch.cat`), a sign (`+`), a method (`.size`), `module`
    for the module at `path`, or `tensor` for the tensor there. `layer` is the layer that it is of,
    `kind` what that one is.
    """

    made: str
    function: str
    path: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    layer: str
    kind: str
    shape: Shape | None
    is_number: bool = False


@dataclass(frozen=True)
class Outline:
    """A network. `modules` has the layers' modules and parameters by their paths, in the order of
    the state dict; `inputs` the forward's arguments, each with the value's shape.
    """

    graph: Graph
    modules: Mapping[str, Expression]
    calls: tuple[Call, ...]
    inputs: Mapping[str, Shape]
    outputs: tuple[str, ...]
    imports: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def origins(self) -> Mapping[str, tuple[Span, str]]:
        """The step that each layer is of, and its kind."""
        return {node.name: (node.origin, node.kind) for node in self.graph.nodes}

    @cached_property
    def shapes(self) -> Mapping[str, Shape | None]:
        """The shape of each value, as far as it is known."""
        return {**{call.made: call.shape for call in self.calls}, **self.inputs}
