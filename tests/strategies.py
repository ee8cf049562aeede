"""Random specs that are right: text for the front end, and the shape that must come out.

A network is written step by step, and the shape of the value so far is known from the layers
themselves. So nearly everything that is drawn is a network, and what the front end refuses of it
is a mistake in one of the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import yaml
from hypothesis import strategies as st

from archspec.layers import LAYERS
from archspec.layers.base import Shape
from tests.strategies_fields import fitting, shapes
from tests.strategies_steps import (
    MERGES,
    Made,
    Scope,
    Shareable,
    Step,
    Steps,
    Written,
    taken_apart,
    tensors_of,
)

DEEPEST = 3
"""Structures inside one another."""


def _yaml(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=None, allow_unicode=True)


DUMPS: tuple[Callable[[Any], str], ...] = (json.dumps, _yaml)
"""Ways of writing a document: JSON is YAML, too."""


class Spec(NamedTuple):
    """The text of a spec, what it says, and the shape of the last value."""

    text: str
    document: dict[str, Any]
    output: Shape


class Call(NamedTuple):
    """How to call a block that fits a shape. `weights` counts its steps with weights, `depth` the
    blocks around it; steps of an `inline` block are named where it is called. With `other` it has
    an argument for the name of a value, of the shape that it makes.
    """

    step: Shareable
    weights: int
    depth: int
    inline: bool
    other: bool

    def others(self, scope: Scope) -> list[str]:
        """The names that could be given to it."""
        return [name for name, shape in scope.visible().items() if shape == self.step.output]


class Opened(NamedTuple):
    """The fields that a structure has as a step, the shape that it takes, and the scope inside: its
    own if it has a name.
    """

    fields: dict[str, Any]
    x: Shape
    inner: Scope


class Writer(Steps):
    """Draws the steps of one spec; `blocks` is the section that goes with them."""

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(draw)
        self.blocks: dict[str, dict[str, Any]] = {}
        self._calls: list[Call] = []

    def steps(self, x: Shape, scope: Scope, depth: int, most: int) -> Written:
        """Up to so many steps in a row."""
        steps = []
        for _ in range(self.draw(st.integers(0 if depth else 2, most))):
            made = self.step(x, scope, depth)
            steps.append(made.step)
            x = made.output
        return Written(steps, x)

    def step(self, x: Shape, scope: Scope, depth: int) -> Made:
        if depth >= DEEPEST or self.is_so(55):
            made = self.leaf(x, scope)
        else:
            make: Callable[[Shape, Scope, int], Made] = self.one_of(self._ways())
            made = make(x, scope, depth)
        if not self.is_so(6):
            return made
        word, fields = taken_apart(made.step)
        return Made({word: {"when": self.one_of([True, "$in > 0"]), **fields}}, made.output)

    def _ways(self) -> tuple[Callable[[Shape, Scope, int], Made], ...]:
        often = (self.residual, self.merge, self.sequential, self.block, self.named, self.sharing)
        return (*often, self.absent)

    def absent(self, x: Shape, scope: Scope, depth: int) -> Made:
        """A step that is not there."""
        inner = Scope(scope, names=False)
        weights, calls = self.weights, len(self._calls)
        step = self.step(x, inner, depth).step
        self.weights = weights
        del self._calls[calls:]
        word, fields = taken_apart(step)
        fields["when"] = self.one_of([False, "$in > 1000", "$in < 1 or $in > 1000"])
        fields.pop("expect", None)
        return Made({word: fields}, x)

    # Structures

    def residual(self, x: Shape, scope: Scope, depth: int) -> Made:
        opened = self.opened("residual", x, scope)
        _, x, inner = opened
        shortcut = self.one_of(("", "identity", "projection", "pad", "if_same_shape", "steps"))
        if shortcut in ("projection", "pad") and 2 <= len(x) <= 4 and self.is_so(70):
            body = self.strided(x)
        else:
            body = self.steps(x, inner, depth + 1, 3)
            if shortcut not in ("if_same_shape", "steps"):
                body = self.brought(body, x)
        fields: dict[str, Any] = {"layers": body.steps}
        if shortcut == "steps":
            skip = self.brought(self.steps(x, inner, depth + 1, 2), body.output)
            fields["shortcut"] = skip.steps
        elif shortcut:
            fields["shortcut"] = shortcut
        return self.closed("residual", fields, opened, scope, body.output)

    def strided(self, x: Shape) -> Written:
        """A body whose size is that of every stride-th row, with at least as many channels."""
        stride = self.draw(st.integers(1, 2))
        fields = {
            "out_channels": x[0] + self.draw(st.integers(0, 2)),
            "kernel_size": self.draw(st.integers(1, 3)),
            "stride": stride,
            "padding": "same_upper",
        }
        found = fitting("conv", fields, (x,))
        if found is None:  # It would take long.
            return Written([], x)
        self.weights += 1
        steps: list[Step] = [self.spelt("conv", fields), self.one_of(("relu", "batch_norm", "elu"))]
        return Written(steps, found[1].output.shape)

    def merge(self, x: Shape, scope: Scope, depth: int) -> Made:
        """Branches, which all make what the first does, or can be repeated to it."""
        word = self.one_of(MERGES)
        opened = self.opened(word, x, scope)
        _, x, inner = opened
        first = self.steps(x, inner, depth + 1, 2)
        number = 2 if word == "subtract" else self.draw(st.integers(2, 3))
        whole = self.draw(st.integers(0, number - 1))
        branches, output = [], first.output
        for index in range(number):
            branch = self.steps(x, inner, depth + 1, 2) if index else first
            if word != "concat":
                # Any but one may have sizes of 1, which are repeated.
                narrow = [index != whole and self.is_so(20) for _ in first.output]
                sizes = zip(first.output, narrow, strict=True)
                branch = self.brought(branch, tuple([1 if one else size for size, one in sizes]))
            elif index:
                if branch.output[1:] != output[1:]:
                    branch = self.brought(branch, (self.draw(st.integers(1, 4)), *output[1:]))
                output = (output[0] + branch.output[0], *output[1:])
            branches.append(branch.steps)
        return self.closed(word, {"branches": branches}, opened, scope, output)

    def sequential(self, x: Shape, scope: Scope, depth: int) -> Made:
        source, x = self.source(x, scope)
        extra: dict[str, Any] = {}
        if scope.names and self.is_so(40):
            extra["name"] = self.name("sequential")
        weights = self.weights
        body = self.steps(x, Scope(scope), depth + 1, 3)
        if not source and self.is_so(25):
            body = self.brought(body, x)
            extra["repeat"] = self.draw(st.integers(1, 2))
        if extra.get("name") and "repeat" not in extra and self.weights > weights:
            fields = {"layers": body.steps}
            made = Shareable(extra["name"], "sequential", fields, x, body.output)
            scope.shareable.append(made)
        if extra.get("name"):
            scope.values[extra["name"]] = body.output
        if not (extra or source) and self.is_so(50):
            return Made({"sequential": body.steps}, body.output)
        return Made({"sequential": {"layers": body.steps, **extra, **source}}, body.output)

    def sharing(self, x: Shape, scope: Scope, depth: int) -> Made:
        """A step with the weights of one before it."""
        fits: list[tuple[Shareable, Shape]] = []
        for other in scope.all_shareable():
            if other.x == x:
                fits.append((other, other.output))
            elif other.word in LAYERS:
                found = fitting(other.word, other.fields, (x,))
                first = fitting(other.word, other.fields, (other.x,))
                if found and first and tensors_of(found[1]) == tensors_of(first[1]):
                    fits.append((other, found[1].output.shape))
        if not fits:
            return self.leaf(x, scope)
        other, output = self.one_of(fits)
        return Made({other.word: {**deepcopy(other.fields), "shares": other.name}}, output)

    # Blocks

    def block(self, x: Shape, scope: Scope, depth: int) -> Made:
        """A call of a block: of one that has been called on this shape, or of a new one."""
        source, x = self.source(x, scope)
        known = [
            call
            for call in self._calls
            if call.step.x == x and call.depth == len(self.entered)
            if call.others(scope) or not call.other
        ]
        if known and self.is_so(60):
            call = self.one_of(known)
        else:
            call = self.new_block(x, scope, depth)
            self._calls.append(call)
        step, extra = call.step, dict(source)
        if call.other:
            step.fields["other"] = self.one_of(call.others(scope))
        self.weights += call.weights > 0
        if not source and step.output == x and self.is_so(30):
            extra["repeat"] = self.draw(st.integers(1, 3))
        if scope.names and not call.inline and self.is_so(40):
            extra["name"] = self.name("block")
            scope.values[extra["name"]] = step.output
            if call.weights and "repeat" not in extra:
                shared = step._replace(name=extra["name"], fields=dict(step.fields))
                scope.shareable.append(shared)
        return Made(self.spelt(step.word, {**step.fields, **extra}), step.output)

    def new_block(self, x: Shape, scope: Scope, depth: int) -> Call:
        """A block whose body fits `x`, with some of its numbers and words made arguments."""
        weights, key = self.weights, self.one_of(("layers", "sequential", "inline"))
        self.entered.append(x)
        body = self.steps(x, Scope(names=key != "inline"), depth + 1, 3)
        self.entered.pop()
        args: dict[str, Any] = {}
        given: dict[str, Any] = {}
        for holder, place in [place for place in _constants(body.steps) if self.is_so(30)]:
            value, argument = holder[place], f"arg{len(args) + 1}"
            holder[place] = f"${argument}"
            if value == x[0] and type(value) is int and self.is_so(50):
                args[argument] = "$in"
            elif self.is_so(50):
                args[argument] = value
            else:
                args[argument], given[argument] = None, value
        name = f"block{len(self.blocks) + 1}"
        step = Shareable("", name, given, x, body.output)
        call = Call(
            step, self.weights - weights, len(self.entered), key == "inline", self.is_so(40)
        )
        if call.other and not call.others(scope):
            call = call._replace(other=False)
        if call.other:
            args["other"] = None
            merged = {"from": self.one_of((["previous", "$other"], ["$other", "previous"]))}
            body.steps.append({self.one_of(("add", "maximum", "subtract")): merged})
        self.blocks[name] = {**({"args": args} if args else {}), key: body.steps}
        return call

    # What structures share

    def opened(self, word: str, x: Shape, scope: Scope) -> Opened:
        fields, x = self.source(x, scope)
        if scope.names and self.is_so(35):
            return Opened({"name": self.name(word), **fields}, x, Scope(scope))
        if self.is_so(30):
            return Opened({"repeat": 1, **fields}, x, Scope(scope, names=False))
        return Opened(fields, x, scope)

    def closed(
        self, word: str, fields: dict[str, Any], opened: Opened, scope: Scope, output: Shape
    ) -> Made:
        fields = {**fields, **opened.fields}
        if "repeat" in fields:
            # Once is often enough, unless the next takes what this makes.
            fields["repeat"] = self.draw(st.integers(1, 2)) if output == opened.x else 1
        if "name" in fields:
            scope.values[fields["name"]] = output
        return Made({word: fields}, output)


_NOT_ARGUMENTS = ("name", "from", "expect", "shares", "when")


def _constants(steps: list[Step]) -> Iterator[tuple[Any, Any]]:
    """Where in a block's steps there is a number, a truth value, or a whole word that an argument
    could stand for: the list or mapping, and the index or key.
    """
    for index, step in enumerate(steps):
        if isinstance(step, str):
            yield steps, index
            continue
        ((word, body),) = step.items()
        if isinstance(body, list) and word == "sequential":
            yield from _constants(body)
        if not isinstance(body, dict):
            continue
        for key, value in body.items():
            if key in ("layers", "shortcut") and isinstance(value, list):
                yield from _constants(value)
            elif key == "branches":
                for branch in value:
                    yield from _constants(branch)
            elif type(value) in (int, float, bool) and key not in _NOT_ARGUMENTS:
                yield body, key


@st.composite
def specs(draw: st.DrawFn, axes: int) -> Spec:
    """A spec that is right, for an input with so many spatial axes, or several of them."""
    writer, scope = Writer(draw), Scope()
    x = draw(shapes(axes))
    document: dict[str, Any] = {"archspec": 1, "name": "random"}
    layers: list[Step] = []
    if writer.is_so(20):
        names = draw(st.permutations(["left", "right", "torch_", "self"]))[:2]
        other = draw(st.sampled_from([x, (x[0] + 1, *x[1:])]))
        document["inputs"] = {names[0]: list(x), names[1]: list(other)}
        scope.values.update({names[0]: x, names[1]: other})
        layers.append({"concat": {"from": names}})
        x = (x[0] + other[0], *x[1:])
    else:
        document["input"] = [writer.said(size, 1, {"repeat": 1}) for size in x]
        writer.entered.append(x)
    body = writer.steps(x, scope, 0, 5)
    last = writer.leaf(body.output, scope)
    document["layers"] = [*layers, *body.steps, last.step]
    if writer.variables:
        document["vars"] = dict(writer.variables)
    if writer.blocks:
        document["blocks"] = writer.blocks
    if draw(st.booleans()):
        document["expect"] = {"output": list(last.output)}
    return Spec(draw(st.sampled_from(DUMPS))(document), document, last.output)
