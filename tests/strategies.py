"""Random specs that are right: text for the front end, and the shape that must come out.

A network is written step by step, and the shape of the value so far is known from the layers
themselves. So nearly everything that is drawn is a network, and what the front end refuses of it
is a mistake in one of the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml
from hypothesis import strategies as st

from archspec.layers import LAYERS
from archspec.layers.base import Shape, product
from tests.strategies_fields import MOST_ELEMENTS, SIZES, fields_of, fitting, shapes

Document = Any
"""What YAML and JSON can say."""

Step = str | dict[str, Any]

DEEPEST = 3
"""Structures inside one another."""

MERGES = ("add", "multiply", "maximum", "subtract", "concat")

# Kinds that make little of much, or that need one shape in particular, come more rarely.
_RARE: tuple[str, ...] = ("flatten", "mean", "reshape", "select", "fc", "permute", "slice", "power")
_RARE += ("global_avg_pool", "global_max_pool", "adaptive_avg_pool", "adaptive_max_pool")
LEAVES = tuple(kind for kind, layer in LAYERS.items() if not layer.takes_many)
COMMON_LEAVES = tuple(kind for kind in LEAVES if kind not in _RARE)

STRANGE_NAMES = ("torch", "slice", "getattr", "inf", "batch", "weight", "x1", "Conv", "_1", "9")
"""Names that mean something where code is made of them."""


def _yaml(document: Document) -> str:
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=None, allow_unicode=True)


DUMPS: tuple[Callable[[Document], str], ...] = (json.dumps, _yaml)
"""Ways of writing a document: JSON is YAML, too."""


class Spec(NamedTuple):
    """The text of a spec, what it says, and the shape of the last value."""

    text: str
    document: dict[str, Any]
    output: Shape


@dataclass
class Scope:
    """Where names are while a spec is written; without `names` no step may have one."""

    outer: Scope | None = None
    names: bool = True
    values: dict[str, Shape] = field(default_factory=dict)
    shareable: list[Shareable] = field(default_factory=list)

    def visible(self) -> dict[str, Shape]:
        """The names that `from` finds here, with the shapes of their values."""
        around = self.outer.visible() if self.outer else {}
        return {**around, **self.values}

    def all_shareable(self) -> list[Shareable]:
        return [*(self.outer.all_shareable() if self.outer else ()), *self.shareable]


class Shareable(NamedTuple):
    """A named step with weights that another can have: its word and fields, and its shapes."""

    name: str
    word: str
    fields: dict[str, Any]
    x: Shape
    output: Shape


class Made(NamedTuple):
    """A step and the shape that it makes."""

    step: Step
    output: Shape


class Written(NamedTuple):
    """Steps in a row and the shape that they make."""

    steps: list[Step]
    output: Shape


class Writer:
    """Draws the steps of one spec; `blocks` and `variables` are the sections that go with them."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.blocks: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, int] = {
            name: draw(st.integers(1, 6)) for name in ("width", "n_1")[: draw(st.integers(0, 2))]
        }
        self.entered: list[Shape] = []
        """What `input` stands for: the shape that entered the network, and each block."""
        self.weights = 0
        """Steps so far that have weights of their own."""
        self._calls: list[tuple[Shareable, int]] = []
        self._names = 0
        self._strange = list(STRANGE_NAMES)

    # What is drawn

    def is_so(self, percent: int) -> bool:
        return self.draw(st.integers(1, 100)) > 100 - percent

    def one_of(self, values: Any) -> Any:
        return self.draw(st.sampled_from(list(values)))

    def name(self, word: str) -> str:
        if self._strange and self.is_so(10):
            return self._strange.pop(self.draw(st.integers(0, len(self._strange) - 1)))
        self._names += 1
        return f"{word[0]}_{self._names}"

    # Steps

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
        word, fields = _taken_apart(made.step)
        return Made({word: {"when": self.one_of([True, "$in > 0"]), **fields}}, made.output)

    def _ways(self) -> tuple[Callable[[Shape, Scope, int], Made], ...]:
        often = (self.residual, self.merge, self.sequential, self.block, self.named, self.sharing)
        return (*often, self.absent)

    def leaf(self, x: Shape, scope: Scope) -> Made:
        """A layer of one value."""
        source, x = self.source(x, scope)
        for kind in [self.one_of(COMMON_LEAVES if self.is_so(80) else LEAVES) for _ in range(4)]:
            fields = self.draw(fields_of(kind, x))
            inputs: tuple[Shape, ...] = (x,)
            like: dict[str, Any] = {}
            if LAYERS[kind].reference and self.is_so(40):
                named = {**scope.visible(), "previous": x} if not source else scope.visible()
                if named:
                    like = {str(LAYERS[kind].reference): self.one_of(named)}
                    inputs = (x, named[next(iter(like.values()))])
                    fields = {key: fields[key] for key in fields if key not in SIZES}
            found = fitting(kind, fields, inputs)
            if found is None:
                continue
            _, signature = found
            output, growing = signature.output.shape, None
            extra: dict[str, Any] = dict(source)
            if not (like or source) and self.is_so(15):
                grows = [key for key, value in fields.items() if type(value) is int]
                growing = self.one_of([None, *grows])
                extra, output = self.repeated(kind, fields, output, growing)
            self.weights += bool(signature.parameters or signature.buffers)
            if self.is_so(10):
                extra["expect"] = list(output)
            if scope.names and self.is_so(35):
                extra["name"] = self.name(kind)
                scope.values[extra["name"]] = output
                if (signature.parameters or signature.buffers) and "repeat" not in extra:
                    scope.shareable.append(Shareable(extra["name"], kind, fields, x, output))
            written = {key: self.said(value, x[0], extra) for key, value in fields.items()}
            if growing is not None:
                written[growing] = f"{fields[growing]} + $index"
            return Made(self.spelt(kind, {**written, **like, **extra}), output)
        return Made(self.spelt("relu", source), x)

    def repeated(
        self, kind: str, fields: Mapping[str, Any], x: Shape, growing: str | None
    ) -> tuple[dict[str, Any], Shape]:
        """A count for `repeat`, and the shape after so many; `x` is the one after the first, and
        the field that is `growing` is larger by one each time.
        """
        count = 1
        while count < 3 and self.is_so(60):
            grown = {growing: fields[growing] + count} if growing else {}
            found = fitting(kind, {**fields, **grown}, (x,))
            if found is None:
                break
            count, x = count + 1, found[1].output.shape
        return {"repeat": count}, x

    def source(self, x: Shape, scope: Scope) -> tuple[dict[str, Any], Shape]:
        """Another value than the one before, sometimes: `from`, and the value's shape."""
        if not self.is_so(12):
            return {}, x
        name, shape = self.one_of(self.reachable(x, scope).items())
        return {"from": name}, shape

    def reachable(self, x: Shape, scope: Scope) -> dict[str, Shape]:
        """Every value that `from` could name."""
        values = {**scope.visible(), "previous": x}
        if self.entered:
            values["input"] = self.entered[-1]
        return values

    def absent(self, x: Shape, scope: Scope, depth: int) -> Made:
        """A step that is not there."""
        inner = Scope(scope, names=False)
        weights, calls = self.weights, len(self._calls)
        step = self.step(x, inner, depth).step
        self.weights = weights
        del self._calls[calls:]
        word, fields = _taken_apart(step)
        fields["when"] = self.one_of([False, "$in > 1000", "$in < 1 or $in > 1000"])
        fields.pop("expect", None)
        return Made({word: fields}, x)

    # Structures

    def residual(self, x: Shape, scope: Scope, depth: int) -> Made:
        extra, source, x, inner = self.opened("residual", x, scope)
        shortcut = self.one_of(("", "identity", "projection", "pad", "if_same_shape", "steps"))
        if shortcut in ("projection", "pad") and 2 <= len(x) <= 4 and self.is_so(70):
            body = self.strided(x, inner, depth)
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
        return self.closed("residual", fields, extra, source, scope, Made("", body.output), x)

    def strided(self, x: Shape, inner: Scope, depth: int) -> Written:
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
        extra, source, x, inner = self.opened(word, x, scope)
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
        fields = {"branches": branches}
        return self.closed(word, fields, extra, source, scope, Made("", output), x)

    def named(self, x: Shape, scope: Scope, depth: int) -> Made:
        """A merge of values by their names."""
        values = self.reachable(x, scope)
        first = self.one_of(values)
        word = self.one_of(MERGES)
        alike = {
            name: shape
            for name, shape in values.items()
            if len(shape) == len(values[first])
            and (shape[1:] == values[first][1:] if word == "concat" else shape == values[first])
        }
        count = 2 if word == "subtract" else self.draw(st.integers(2, 3))
        names = [first, *(self.one_of(alike) for _ in range(count - 1))]
        if word == "concat":
            output = (sum(values[name][0] for name in names), *values[first][1:])
        else:
            output = values[first]
        if product(output) > MOST_ELEMENTS:
            return self.leaf(x, scope)
        extra: dict[str, Any] = {"from": names}
        if scope.names and self.is_so(40):
            extra["name"] = self.name(word)
            scope.values[extra["name"]] = output
        return Made({word: extra}, output)

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
                if found and first and _tensors(found[1]) == _tensors(first[1]):
                    fits.append((other, found[1].output.shape))
        if not fits:
            return self.leaf(x, scope)
        other, output = self.one_of(fits)
        return Made({other.word: {**other.fields, "shares": other.name}}, output)

    # Blocks

    def block(self, x: Shape, scope: Scope, depth: int) -> Made:
        """A call of a block: of one that has been called on this shape, or of a new one."""
        source, x = self.source(x, scope)
        known = [call for call in self._calls if call[0].x == x and call[1] == len(self.entered)]
        if known and self.is_so(60):
            call, weights = self.one_of(known)
        else:
            call, weights = self.new_block(x, depth)
            self._calls.append((call, weights))
        self.weights += weights > 0
        extra: dict[str, Any] = dict(source)
        if not source and call.output == x and self.is_so(30):
            extra["repeat"] = self.draw(st.integers(1, 3))
        if scope.names and self.is_so(40):
            extra["name"] = self.name("block")
            scope.values[extra["name"]] = call.output
            if weights and "repeat" not in extra:
                shared = call._replace(name=extra["name"])
                scope.shareable.append(shared)
        return Made(self.spelt(call.word, {**call.fields, **extra}), call.output)

    def new_block(self, x: Shape, depth: int) -> tuple[Shareable, int]:
        """A block whose body fits `x`, some of its numbers and words made arguments; how to call
        it, and how many of its steps have weights.
        """
        weights = self.weights
        self.entered.append(x)
        body = self.steps(x, Scope(), depth + 1, 3)
        self.entered.pop()
        name = f"block{len(self.blocks) + 1}"
        args: dict[str, Any] = {}
        given: dict[str, Any] = {}
        for holder, key in [place for place in _constants(body.steps) if self.is_so(30)]:
            value, argument = holder[key], f"arg{len(args) + 1}"
            holder[key] = f"${argument}"
            if value == x[0] and type(value) is int and self.is_so(50):
                args[argument] = "$in"
            elif self.is_so(50):
                args[argument] = value
            else:
                args[argument], given[argument] = None, value
        key = self.one_of(("layers", "sequential"))
        self.blocks[name] = {**({"args": args} if args else {}), key: body.steps}
        return Shareable("", name, given, x, body.output), self.weights - weights

    # What structures share

    def opened(
        self, word: str, x: Shape, scope: Scope
    ) -> tuple[dict[str, Any], dict[str, Any], Shape, Scope]:
        """A structure's name, its source, the shape that it takes, and the scope inside: its own
        if it has a name.
        """
        source, x = self.source(x, scope)
        if scope.names and self.is_so(35):
            return {"name": self.name(word)}, source, x, Scope(scope)
        if self.is_so(30):
            return {"repeat": 1}, source, x, Scope(scope, names=False)
        return {}, source, x, scope

    def closed(
        self,
        word: str,
        fields: dict[str, Any],
        extra: dict[str, Any],
        source: dict[str, Any],
        scope: Scope,
        made: Made,
        x: Shape,
    ) -> Made:
        if "repeat" in extra:
            # Whatever it makes, once is often enough, unless the next takes what this makes.
            extra["repeat"] = self.draw(st.integers(1, 2)) if made.output == x else 1
        if "name" in extra:
            scope.values[extra["name"]] = made.output
        return Made({word: {**fields, **extra, **source}}, made.output)

    def brought(self, written: Written, target: Shape) -> Written:
        """The steps, and those that bring what they make to the shape `target`."""
        x, steps = written.output, list(written.steps)
        if x == target:
            return written
        if len(x) == len(target) and 2 <= len(x) <= 4:
            if x[1:] != target[1:]:
                steps.append({"adaptive_avg_pool": list(target[1:])})
            if x[0] != target[0]:
                steps.append({"conv": {"out_channels": target[0], "kernel_size": 1}})
                self.weights += 1
            return Written(steps, target)
        if len(x) > 1:
            steps.append("flatten")
        if product(x) != product(target):
            steps.append({"fc": product(target)})
            self.weights += 1
        if len(target) > 1:
            steps.append({"reshape": list(target)})
        return Written(steps, target)

    def said(self, value: Any, channels: int, extra: Mapping[str, Any]) -> Any:
        """A number as it is, or as arithmetic with a variable or the channels that come in."""
        if type(value) is not int or not self.is_so(15):
            return value
        known = dict(self.variables)
        if "repeat" not in extra:
            known["in"] = channels
        if not known:
            return value
        name = self.one_of(known)
        less = value - known[name]
        return f"${name} - {-less}" if less < 0 else f"${name} + {less}" if less else f"${name}"

    def spelt(self, word: str, fields: dict[str, Any]) -> Step:
        """A step in the shortest way that there is, or in full."""
        main = LAYERS[word].main_field if word in LAYERS else None
        if not fields and self.is_so(80):
            return word
        if main is not None and set(fields) == {main} and type(fields[main]) is not dict:
            return {word: fields[main]} if self.is_so(80) else {word: fields}
        return {word: fields}


def _tensors(signature: Any) -> list[Any]:
    named = (*signature.parameters.items(), *signature.buffers.items())
    return [(leaf, tensor.shape) for leaf, tensor in named]


def _taken_apart(step: Step) -> tuple[str, dict[str, Any]]:
    """A step's word and its fields, by name."""
    if isinstance(step, str):
        return step, {}
    ((word, body),) = step.items()
    if isinstance(body, dict) and word not in LAYERS:
        return word, dict(body)
    if word == "sequential":
        return word, {"layers": body}
    if isinstance(body, dict):
        return word, dict(body)
    return word, {str(LAYERS[word].main_field): body}


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
