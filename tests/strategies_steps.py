"""Random steps, drawn one after another: layers, and merges of values that have names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

from archspec.graph import Signature
from archspec.layers import LAYERS
from archspec.layers.base import Shape, product
from tests.strategies_fields import MOST_ELEMENTS, SIZES, fields_of, fitting

Step = str | dict[str, Any]

MERGES = ("add", "multiply", "maximum", "subtract", "concat")

# Kinds that make little of much, or that need one shape in particular, come more rarely.
_RARE: tuple[str, ...] = ("flatten", "mean", "reshape", "select", "fc", "permute", "slice", "power")
_RARE += ("global_avg_pool", "global_max_pool", "adaptive_avg_pool", "adaptive_max_pool")
LEAVES = tuple(kind for kind, layer in LAYERS.items() if not layer.takes_many)
COMMON_LEAVES = tuple(kind for kind in LEAVES if kind not in _RARE)

STRANGE_NAMES = ("torch", "slice", "getattr", "inf", "batch", "weight", "x1", "Conv", "_1", "a9")
"""Names that mean something where code is made of them."""


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


class Steps:
    """Draws the layers of one spec; `variables` is the section that goes with them."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.variables: dict[str, int] = {
            name: draw(st.integers(1, 6)) for name in ("width", "n_1")[: draw(st.integers(0, 2))]
        }
        self.entered: list[Shape] = []
        """What `input` stands for: the shape that entered the network, and each block."""
        self.weights = 0
        """Steps so far that have weights of their own."""
        self._names = 0
        self._strange = list(STRANGE_NAMES)

    def is_so(self, percent: int) -> bool:
        return self.draw(st.integers(1, 100)) > 100 - percent

    def one_of(self, values: Any) -> Any:
        return self.draw(st.sampled_from(list(values)))

    def name(self, word: str) -> str:
        if self._strange and self.is_so(10):
            return self._strange.pop(self.draw(st.integers(0, len(self._strange) - 1)))
        self._names += 1
        return f"{word[0]}_{self._names}"

    # Layers

    def leaf(self, x: Shape, scope: Scope) -> Made:
        """A layer of one value."""
        source, x = self.source(x, scope)
        for _ in range(4):
            kind = self.one_of(COMMON_LEAVES if self.is_so(80) else LEAVES)
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

    # What goes into them

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


def tensors_of(signature: Signature) -> list[Any]:
    named = (*signature.parameters.items(), *signature.buffers.items())
    return [(leaf, tensor.shape) for leaf, tensor in named]


def taken_apart(step: Step) -> tuple[str, dict[str, Any]]:
    """A step's word and its fields, by name."""
    if isinstance(step, str):
        return step, {}
    ((word, body),) = step.items()
    if isinstance(body, dict):
        return word, dict(body)
    return word, {"layers" if word == "sequential" else str(LAYERS[word].main_field): body}
