"""A file's sections: its variables, inputs, blocks and layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from archspec.diagnostics import Sink, Span
from archspec.document.model import (
    ALWAYS,
    COMMON,
    STRUCTURES,
    Block,
    Sections,
    Spec,
    Step,
)
from archspec.document.names import IN_REPEAT
from archspec.document.recursion import check_recursion
from archspec.document.settings import Setting
from archspec.document.steps import Arguments, StepReader, check_keys, respelt
from archspec.document.validation import listed, validate
from archspec.expressions import describe
from archspec.layers import LAYERS
from archspec.source import KeyPath, Mapping, Plain, Scalar, Value, key_place, place, plain
from archspec.words import suggestion


def read(value: Value, overrides: Iterable[str], sink: Sink) -> Spec | None:
    """The file as a Spec, or None where its sections are not even that. Reports all it finds.

    `overrides` are the variables that are set from outside.
    """
    if not isinstance(value, Mapping):
        if isinstance(value, Scalar) and value.value is None:
            help = "a spec starts with `archspec: 1`, a `name`, an `input` and `layers`"
            sink.report("AS004", "the file is empty", value.span, help=help)
        else:
            message = f"a spec is a mapping of sections, not {describe(plain(value))}"
            sink.report("AS205", message, value.span, help="start it with `archspec: 1`")
        return None
    return _Reader(value, sink).read(frozenset(overrides))


class _Reader:
    """Reads a document; see `read`."""

    def __init__(self, root: Mapping, sink: Sink) -> None:
        self.written = root
        self.root = _meant(root, Sections.model_fields)
        self.outer = sink
        self.sink = Sink()

    def read(self, overrides: frozenset[str]) -> Spec | None:
        sections = self._sections()
        variables = self._vars(overrides)
        known = frozenset(variables)
        inputs = self._inputs(known)
        bodies = self._bodies()
        arguments = {name: _arguments(body) for name, body in bodies.items()}
        steps = StepReader(arguments, self.sink)
        blocks = {name: self._block(name, bodies[name], known, steps) for name in bodies}
        layers = self._layers(known, steps)
        check_recursion(blocks, self.sink)
        expect, output = self.root.values.get("expect"), None
        if isinstance(expect, Mapping) and "output" in expect.values:
            output = Setting(expect.values["output"], self.sink)
            output.check_names(known, self.sink)
        self._pass_on()
        return Spec(sections, self.root, variables, inputs, blocks, layers, output)

    def _pass_on(self) -> None:
        """Report what was found, but for names that are unknown because their section is wrong."""
        follows = set()
        for section, code in (("vars", "AS402"), ("blocks", "AS202")):
            if not isinstance(self.root.values.get(section, self.root), Mapping):
                follows.add(code)
        for diagnostic in self.sink.sorted():
            if diagnostic.code not in follows:
                self.outer.add(diagnostic)

    def _sections(self) -> Sections:
        check_keys(self.written, Sections.model_fields, "a spec", "AS201", self.sink)
        values: dict[str, Plain] = {}
        for key, value in self.root.values.items():
            # Steps are read from the text; pydantic has nothing to say about them.
            if key in Sections.model_fields and key != "blocks":
                values[key] = () if key == "layers" else plain(value)
        found = validate(
            Sections,
            values,
            self._place,
            self.sink,
            subject="a spec",
            ignored=[key for key in values if key not in self.written.values],
            key_place=lambda path: key_place(self.root, path),
        )
        return found or _rest(values)

    def _place(self, path: KeyPath) -> Span:
        if not path:
            return next(iter(self.root.keys.values()), self.root.span)
        return place(self.root, path)

    def _vars(self, overrides: frozenset[str]) -> dict[str, Setting]:
        section = self.root.values.get("vars")
        variables: dict[str, Setting] = {}
        if isinstance(section, Mapping):
            for name, value in section.values.items():
                self._check_word(name, section.keys[name], "a variable")
                setting = Setting(value, self.sink)
                if not setting.names <= variables.keys():
                    setting.check_names(frozenset(variables), self.sink)
                variables[name] = setting
        for name in sorted(overrides - set(variables)):
            at = self.root.keys.get("vars") or self._place(())
            help = suggestion(name, variables, f"its variables are {listed(variables)}")
            self.sink.report("AS402", f"the spec has no variable `{name}` to set", at, help=help)
        return variables

    def _inputs(self, known: frozenset[str]) -> dict[str, Setting]:
        one, several = self.root.values.get("input"), self.root.values.get("inputs")
        inputs: dict[str, Setting] = {}
        if one is not None and several is not None:
            message = "a spec has `input` or `inputs`, not both"
            self.sink.report("AS206", message, self.root.keys["inputs"], help="remove one")
        elif one is not None:
            inputs["input"] = Setting(one, self.sink)
        elif isinstance(several, Mapping) and several.values:
            for name, value in several.values.items():
                self._check_word(name, several.keys[name], "an input")
                inputs[name] = Setting(value, self.sink)
        elif several is None or isinstance(several, Mapping):
            help = "add `input: [3, 224, 224]`: channels, height, width"
            self.sink.report("AS204", "a spec needs `input`", self._place(()), help=help)
        for setting in inputs.values():
            setting.check_names(known, self.sink)
        return inputs

    def _layers(self, known: frozenset[str], steps: StepReader) -> tuple[Step, ...]:
        section = self.root.values.get("layers")
        if section is None:
            return ()
        found = steps.read(section, known | ALWAYS)
        if not found and not self.sink.has_errors:
            message = "`layers` holds no step"
            self.sink.report("AS206", message, section.span, help="add one: `- relu`")
        return found

    def _bodies(self) -> dict[str, Value]:
        """What is written for each block."""
        section = self.root.values.get("blocks")
        if isinstance(section, Mapping):
            for name in section.values:
                at = section.keys[name]
                self._check_word(name, at, "a block")
                if name in LAYERS or name in STRUCTURES:
                    message = f"`{name}` is a word of the language and cannot name a block"
                    self.sink.report("AS208", message, at, help="choose another name")
            return section.values
        if section is not None and plain(section) is not None:
            message = f"`blocks` must be a mapping, not {describe(plain(section))}"
            self.sink.report("AS205", message, section.span, help="write a block's name as a key")
        return {}

    def _block(self, name: str, body: Value, known: frozenset[str], steps: StepReader) -> Block:
        at = place_of_key(self.root.values["blocks"], name)
        subject = f"the block `{name}`"
        if not isinstance(body, Mapping):
            message = f"{subject} must be a mapping with `layers`, not {describe(plain(body))}"
            self.sink.report("AS205", message, body.span, help="write `layers:` and its steps")
            return Block(name, at, {}, (Step("", at, broken=True),))
        check_keys(body, _OF_BLOCK, subject, "AS201", self.sink)
        body = _meant(body, _OF_BLOCK)
        args = self._args(body.values.get("args"), known)
        numbered = "sequential" in body.values
        if numbered == ("layers" in body.values):
            message = f"{subject} needs `layers`, or `sequential`: one of the two"
            self.sink.report("AS204", message, at, help="list its steps under `layers:`")
            return Block(name, at, args, (Step("", at, broken=True),))
        scope = known | ALWAYS | frozenset(args)
        found = steps.read(body.values["sequential" if numbered else "layers"], scope)
        return Block(name, at, args, found, numbered)

    def _args(self, section: Value | None, known: frozenset[str]) -> dict[str, Setting | None]:
        """A block's arguments and their defaults, None where the caller must give them."""
        args: dict[str, Setting | None] = {}
        if not isinstance(section, Mapping):
            if section is not None and plain(section) is not None:
                message = f"`args` must be a mapping of arguments, not {describe(plain(section))}"
                self.sink.report("AS205", message, section.span, help="`args: {channels: ~}`")
            return args
        for name, value in section.values.items():
            at = section.keys[name]
            self._check_word(name, at, "an argument")
            if name in COMMON:
                message = f"`{name}` is a field of every step and cannot be an argument"
                self.sink.report("AS208", message, at, help="choose another name")
            default = None
            if not (isinstance(value, Scalar) and value.value is None):
                default = Setting(value, self.sink)
                if not default.names <= args.keys():
                    default.check_names(known | ALWAYS | frozenset(args), self.sink)
            args[name] = default
        return args

    def _check_word(self, name: str, at: Span, what: str) -> None:
        """Report a name that could not be written where it is used."""
        if not name.isidentifier() or not name.isascii():
            help = "use letters, digits and _, and begin with a letter"
            self.sink.report("AS207", f"`{name}` cannot be the name of {what}", at, help=help)
        elif what == "an input":
            if name in ("previous", "input"):
                message = f"`{name}` has a meaning of its own in `from` and cannot name an input"
                self.sink.report("AS207", message, at, help="choose another name")
        elif name in ALWAYS | IN_REPEAT:
            message = f"`${name}` is archspec's own and cannot name {what}"
            self.sink.report("AS207", message, at, help="choose another name")


def _rest(values: dict[str, Plain]) -> Sections:
    """The sections that are right, where others are wrong: the rest of the file is still read."""
    stand_in: dict[str, Any] = {"archspec": 1, "name": "_", "layers": ()}
    try:
        return Sections.model_validate(stand_in | values)
    except ValidationError as error:
        wrong = {details["loc"][0] for details in error.errors()}
        right = {key: value for key, value in values.items() if key not in wrong}
        return Sections.model_validate(stand_in | right)


def place_of_key(section: Value, name: str) -> Span:
    """The place of a key of a mapping."""
    assert isinstance(section, Mapping)
    return section.keys[name]


_OF_BLOCK = ("args", "layers", "sequential")


def _meant(mapping: Mapping, known: Iterable[str]) -> Mapping:
    """The mapping with each misspelt key, reported elsewhere, under the one it was meant for."""
    known = tuple(known)
    keys, values = respelt(mapping.keys, known), respelt(mapping.values, known)
    return Mapping(keys, values, mapping.span)


def _arguments(body: Value) -> Arguments:
    """The arguments that a block's body declares, and the places of those that must be given."""
    if not isinstance(body, Mapping):
        return Arguments((), {}, broken=True)
    args = _meant(body, _OF_BLOCK).values.get("args")
    if not isinstance(args, Mapping):
        return Arguments((), {}, broken=args is not None and plain(args) is not None)
    required = {
        name: args.keys[name]
        for name, default in args.values.items()
        if isinstance(default, Scalar) and default.value is None
    }
    return Arguments(tuple(args.values), required)
