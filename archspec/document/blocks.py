"""Blocks: those that a file declares, and those that it imports from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archspec import source
from archspec.diagnostics import Sink, Span
from archspec.document.keys import check_keys
from archspec.document.known import Anything, Known
from archspec.document.lineage import meant
from archspec.document.model import COMMON, STRUCTURES, Block, Home, Step
from archspec.document.names import ALWAYS, check_word
from archspec.document.settings import Setting
from archspec.document.steps import Arguments, StepReader
from archspec.expressions import describe
from archspec.layers import LAYERS
from archspec.source import Scalar, Value, plain

_LISTS = ("layers", "sequential", "inline")
"""Under which a block lists its steps; they differ in the names that the steps get."""
_OF_BLOCK = ("args", *_LISTS)


class Body(NamedTuple):
    """What is written for a block, and where its name stands."""

    at: Span
    value: Value


def bodies(section: Value | None, sink: Sink) -> dict[str, Body]:
    """What is written for each block of a file."""
    if isinstance(section, source.Mapping):
        for name, at in section.keys.items():
            check_word(name, at, "a block", sink)
            if name in LAYERS or name in STRUCTURES:
                message = f"`{name}` is a word of the language and cannot name a block"
                sink.report("AS208", message, at, help="choose another name")
        return {name: Body(section.keys[name], body) for name, body in section.values.items()}
    if section is not None and plain(section) is not None:
        message = f"`blocks` must be a mapping, not {describe(plain(section))}"
        sink.report("AS205", message, section.span, help="write a block's name as a key")
    return {}


def arguments(body: Body) -> Arguments:
    """The arguments that a block's body declares, and the places of those that must be given."""
    if not isinstance(body.value, source.Mapping):
        return Arguments((), {}, broken=True)
    args = meant(body.value, _OF_BLOCK).values.get("args")
    if not isinstance(args, source.Mapping):
        return Arguments((), {}, broken=args is not None and plain(args) is not None)
    required = {
        name: args.keys[name]
        for name, default in args.values.items()
        if isinstance(default, Scalar) and default.value is None
    }
    return Arguments(tuple(args.values), required)


def arguments_of(block: Block) -> Arguments:
    """The arguments of a block that has been read."""
    required = {name: block.at for name, default in block.args.items() if default is None}
    return Arguments(tuple(block.args), required, block.broken)


def stand_in(name: str, at: Span, home: Home) -> Block:
    """A block for one that cannot be had, which has been reported."""
    return Block(name, at, {}, home, (Step("", at, broken=True),), broken=True)


def read_blocks(declared: Mapping[str, Body], home: Home, steps: StepReader, sink: Sink) -> None:
    """Read the blocks that are declared into their home."""
    known = Known((*home.vars, *ALWAYS))
    for name, body in declared.items():
        block = _Reader(name, body.at, home, steps, sink).read(body.value, known)
        home.blocks[name] = block._replace(broken=steps.blocks[name].broken)


class _Reader:
    """Reads a block."""

    def __init__(self, name: str, at: Span, home: Home, steps: StepReader, sink: Sink) -> None:
        self.name = name
        self.at = at
        self.home = home
        self.steps = steps
        self.sink = sink

    def read(self, body: Value, known: Known) -> Block:
        subject = f"the block `{self.name}`"
        if not isinstance(body, source.Mapping):
            message = f"{subject} must be a mapping with `layers`, not {describe(plain(body))}"
            self.sink.report("AS205", message, body.span, help="write `layers:` and its steps")
            return self._broken({})
        check_keys(body, _OF_BLOCK, subject, "AS201", self.sink)
        body = meant(body, _OF_BLOCK)
        args = self._args(body.values.get("args"), known)
        lists = [key for key in _LISTS if key in body.values]
        if len(lists) != 1:
            message = f"{subject} needs `layers`, `sequential` or `inline`: one of them"
            self.sink.report("AS204", message, self.at, help="list its steps under `layers:`")
            return self._broken(args)
        # Where the arguments cannot be read, no name is known not to be one of them.
        inner = Anything() if self.steps.blocks[self.name].broken else Known(args, known)
        found = self.steps.read(body.values[lists[0]], inner)
        numbered, inline = "sequential" in lists, "inline" in lists
        return Block(self.name, self.at, args, self.home, found, numbered, inline)

    def _broken(self, args: dict[str, Setting | None]) -> Block:
        return Block(self.name, self.at, args, self.home, (Step("", self.at, broken=True),))

    def _args(self, section: Value | None, known: Known) -> dict[str, Setting | None]:
        """A block's arguments and their defaults, None where the caller must give them."""
        args: dict[str, Setting | None] = {}
        if not isinstance(section, source.Mapping):
            if section is not None and plain(section) is not None:
                message = f"`args` must be a mapping of arguments, not {describe(plain(section))}"
                self.sink.report("AS205", message, section.span, help="`args: {channels: ~}`")
            return args
        for name, value in section.values.items():
            at = section.keys[name]
            check_word(name, at, "an argument", self.sink)
            if name in COMMON:
                message = f"`{name}` is a field of every step and cannot be an argument"
                self.sink.report("AS208", message, at, help="choose another name")
            default = None
            if not (isinstance(value, Scalar) and value.value is None):
                default = Setting(value, self.sink)
                if not default.names <= args.keys():
                    default.check_names(Known(args, known), self.sink)
            args[name] = default
        return args
