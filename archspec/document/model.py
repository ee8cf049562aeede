"""The document as data, and the words it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from archspec import source
from archspec.diagnostics import Span
from archspec.document.expectations import Expectations
from archspec.document.names import Name
from archspec.document.settings import Setting
from archspec.kinds import Vocabulary
from archspec.layers.base import Layer
from archspec.preprocess import Preprocess

MOST_STEPS = 20_000
"""Steps of a network, as they are written and with their repeats written out."""

STRUCTURES = {"sequential": ("layers",), "residual": ("layers", "shortcut")}
"""The words that hold steps and are no kinds of layer, with their fields, the main one first."""

COMMON = ("name", "from", "repeat", "when", "expect", "shares")
"""The fields that every step may have."""

SHORTCUTS = ("identity", "projection", "pad", "if_same_shape")


def _version(value: Any) -> Any:
    """Refuse true and 1.0, which Python takes for 1."""
    if type(value) in (bool, float):
        raise PydanticCustomError("literal_error", "not 1", {"expected": "1"})
    return value


def _labels(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and all(isinstance(label, str) for label in value):
        return value
    if isinstance(value, tuple):
        at = next(i for i, label in enumerate(value) if not isinstance(label, str))
        context = {"expected": "a string", "as": "string_type", "at": at}
        raise PydanticCustomError("field", "{expected}", context)
    expected = "the name of a file, or a list of strings"
    raise PydanticCustomError("field", "{expected}", {"expected": expected})


Labels = Annotated[
    str | tuple[str, ...],
    PlainValidator(_labels),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
]
"""The names of the classes, or the file that has them, a label a line."""


class Sections(BaseModel):
    """The sections of a file. Those that hold steps or expressions are read on from the text.

    Fields:
        archspec: The version of the language.
        name: The network's name.
        layers: The steps of the network, in order. A step takes the value of the step before it.
        extends: Another file whose sections this one takes over, or a network of the zoo:
            `resnet50`. What this file says itself comes first.
        imports: Blocks from other files, by the file: `{other.yaml: [basic, bottleneck]}`.
        description: What the network is, for people.
        references: Papers and code, for people.
        vars: Variables by name, which expressions may use as `$name` and `--set name=value`
            changes.
        input: The input's shape without the batch, channels first: `[3, 224, 224]`. A word instead
            of a size, as in `[3, H, W]`, leaves it open.
        inputs: Several inputs by name, each with its shape, instead of `input`.
        blocks: Lists of steps with a name and arguments, which are steps themselves wherever they
            are used.
        outputs: The names of the steps whose values are the network's outputs; without it, the last
            step's.
        expect: Figures that must come out, or `check` reports an error.
        preprocess: How a picture becomes the network's input.
        labels: What the classes are called: a list, or the name of a text file beside the spec, a
            label a line.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    archspec: Annotated[Literal[1], BeforeValidator(_version)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    layers: Any
    extends: str = ""
    imports: dict[str, Any] = {}
    description: str = ""
    references: tuple[str, ...] = ()
    vars: dict[str, Any] = {}
    input: Any = None
    inputs: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    outputs: tuple[str, ...] = ()
    expect: Expectations | None = None
    preprocess: Preprocess | None = None
    labels: Labels | None = None


class Step(NamedTuple):
    """One entry of a list of steps.

    `word` is a kind, a structure, a block, or, where it is `dynamic`, an expression for one of
    them. `fields` are the kind's own, or a block's arguments; where they are all constants, the
    step has its `layer` already. `reference` names the value that a layer reads the size of, and
    `shares` the step whose weights it has. A `broken` step has been reported, and makes no value.
    `size` is how many values there are to evaluate in its fields.
    """

    word: str
    at: Span
    fields: Mapping[str, Setting] = MappingProxyType({})
    places: Mapping[str, Span] = MappingProxyType({})
    dynamic: Setting | None = None
    layer: Layer | None = None
    layers: tuple[Step, ...] = ()
    branches: tuple[tuple[Step, ...], ...] | None = None
    shortcut: str | tuple[Step, ...] = "identity"
    name: Name | None = None
    source: Setting | None = None
    repeat: Setting | None = None
    when: Setting | None = None
    expect: Setting | None = None
    shares: Setting | None = None
    reference: Setting | None = None
    broken: bool = False
    size: int = 0

    def place_of(self, field: str | None) -> Span:
        """Where the field's value is, or else the step's word."""
        return self.places.get(field, self.at) if field else self.at


class Home(NamedTuple):
    """Where blocks are at home: the variables and blocks that their steps may speak of.

    These are the spec's own, or those of a file that it imports blocks from.
    """

    vars: dict[str, Setting]
    blocks: dict[str, Block]


class Block(NamedTuple):
    """A named list of steps. An argument without a default is None, and must be given.

    The steps of a `numbered` block are called 0, 1, 2, …; those of an `inline` block have their
    names where it is called, as if they were written there. Of a `broken` block not even the
    arguments are known; that has been reported.
    """

    name: str
    at: Span
    args: dict[str, Setting | None]
    home: Home
    steps: tuple[Step, ...] = ()
    numbered: bool = False
    inline: bool = False
    broken: bool = False


class Spec(NamedTuple):
    """A whole network, with all that it takes from other files; `output` is the shape that its own
    `expect` says its output has. `vocabulary` has the kinds of layer that there are.
    """

    sections: Sections
    root: source.Mapping
    home: Home
    vocabulary: Vocabulary
    inputs: dict[str, Setting]
    steps: tuple[Step, ...]
    output: Setting | None
    symbols: Mapping[str, Span] = MappingProxyType({})
    """Sizes of the inputs that are words, and where they are written."""

    @property
    def vars(self) -> dict[str, Setting]:
        return self.home.vars

    @property
    def blocks(self) -> dict[str, Block]:
        return self.home.blocks

    def named(self, name: str) -> Span | None:
        """The place of the first step anywhere that is called so, or None."""
        for steps in (self.steps, *(block.steps for block in self.blocks.values())):
            for step in every_step(steps):
                if step.name is not None and step.name.scalar.value == name:
                    return step.at
        return None


def every_step(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step among `steps`, and inside them."""
    for step in steps:
        yield step
        yield from every_step(step.layers)
        for branch in step.branches or ():
            yield from every_step(branch)
        if not isinstance(step.shortcut, str):
            yield from every_step(step.shortcut)
