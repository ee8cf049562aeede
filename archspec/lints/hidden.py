"""AS712: names that hide others."""

from __future__ import annotations

from collections.abc import Iterator

from archspec import source
from archspec.diagnostics import Diagnostic, Label, Span
from archspec.document import Block, Spec, Step
from archspec.lints.network import Network


def hidden_names(network: Network) -> Iterator[Diagnostic]:
    """Names of the file's own blocks, and of steps inside them, that hide those around them."""
    spec = network.spec
    own = [block for block in spec.blocks.values() if block.at.source is spec.root.span.source]
    for block in own:
        yield from _hidden_by_block(spec, block)
    yield from _hidden_steps(spec, own)


def _hidden_by_block(spec: Spec, block: Block) -> Iterator[Diagnostic]:
    """Arguments that hide a variable of the file, and a block that hides a kind from outside."""
    for name in block.args:
        if name in spec.vars:
            message = f"the argument `{name}` of `{block.name}` hides the variable `{name}`"
            variable = source.key_place(spec.root, ("vars", name))
            yield Diagnostic(
                "AS712",
                message,
                source.key_place(spec.root, ("blocks", block.name, "args", name)),
                help=f"call one of them otherwise: inside the block `${name}` is the argument",
                labels=(Label(variable, "this is hidden"),),
            )
    if block.name in spec.vocabulary.layers:
        message = f"the block `{block.name}` hides the kind `{block.name}` from outside"
        yield Diagnostic("AS712", message, block.at, help="call it otherwise")


class _Scope:
    """Steps that see one another's names. `inner` are those that see them too, and may hide some.
    What is inside a residual or a merge without a name is in the same scope.
    """

    __slots__ = ("inner", "steps")

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = list(steps)
        self.inner: list[tuple[Step, ...]] = []
        for step in self.steps:  # It grows.
            lists = [step.layers, *(step.branches or ())]
            lists += [] if isinstance(step.shortcut, str) else [step.shortcut]
            for inside in lists:
                if step.name is None and step.word != "sequential":
                    self.steps += inside
                elif inside:
                    self.inner.append(inside)

    def named(self) -> dict[str, Span]:
        """The names that the author gave, and their places."""
        names = [step.name.scalar for step in self.steps if step.name is not None]
        return {str(name.value): name.span for name in names}


def _hidden_steps(spec: Spec, own: list[Block]) -> Iterator[Diagnostic]:
    """Names of steps inside a block or a sequential that hide an outer one, where a `from` means
    one of the two. That a block's `conv1` is not the network's needs no word else.
    """
    inputs = {name: source.key_place(spec.root, ("inputs", name)) for name in spec.inputs}
    outermost = _Scope(spec.steps)
    around: tuple[dict[str, Span], ...] = (inputs, outermost.named())
    left = [(steps, around) for steps in (*outermost.inner, *(block.steps for block in own))]
    for steps, around in left:
        scope = _Scope(steps)
        named = scope.named()
        for name in {name for step in scope.steps for name in _taken(step)} & named.keys():
            hidden = [outer[name] for outer in around if name in outer]
            if hidden:
                yield Diagnostic(
                    "AS712",
                    f"the name `{name}` hides an outer one, and a `from` here means this",
                    named[name],
                    help="choose another name",
                    labels=(Label(hidden[-1], "this is hidden"),),
                )
        left += [(inner, (*around, named)) for inner in scope.inner]


def _taken(step: Step) -> Iterator[str]:
    """The names of values that a step mentions."""
    for setting in (step.source, step.reference, step.shares):
        said = setting.constant if setting is not None else None
        for name in said if isinstance(said, tuple) else (said,):
            if isinstance(name, str):
                yield name
