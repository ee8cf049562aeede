"""What the author of a spec wrote: its sections, blocks and steps, each with its place.

Everything that can be judged without knowing a shape is judged here, in blocks that nothing calls
too: unknown words, missing and mistyped fields, expressions and their variables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from archspec.diagnostics import Label, Sink, Span
from archspec.expectations import Expectations
from archspec.expressions import describe, is_expression
from archspec.layers import LAYERS
from archspec.layers.base import Layer
from archspec.names import Name
from archspec.preprocess import Preprocess
from archspec.settings import Setting
from archspec.source import Mapping, Plain, Scalar, Sequence, Value, place, plain
from archspec.validation import listed, validate
from archspec.words import closest, suggestion

STRUCTURES = {"sequential": ("layers",), "residual": ("layers", "shortcut")}
"""The words that are no kinds of layer but hold steps, and their fields; the first is the main one."""

MERGES = tuple(word for word, kind in LAYERS.items() if kind.takes_many)
"""The kinds that take several values: by `branches`, or by names in `from`."""

COMMON = ("name", "from", "repeat", "when", "expect")
"""The fields that every step may have."""

SHORTCUTS = ("identity", "projection", "pad", "if_same_shape")

ALWAYS = frozenset({"in"})
IN_REPEAT = frozenset({"index", "number", "first", "last"})
"""The variables that archspec gives: channels coming in, and the counts of a repeat."""


class Sections(BaseModel):
    """The sections of a file. Those that hold steps or expressions are read on from their values."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    archspec: Literal[1]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    layers: Any
    description: str = ""
    references: tuple[str, ...] = ()
    vars: dict[str, Any] = {}
    input: Any = None
    inputs: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    outputs: tuple[str, ...] = ()
    expect: Expectations | None = None
    preprocess: Preprocess | None = None
    labels: str | tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a list of steps.

    `word` is a kind, a structure, a block, or an expression for one of them. `fields` are the
    kind's own, or a block's arguments. A step whose fields are constants has its `layer` already.
    """

    word: str
    at: Span
    fields: dict[str, Setting] = field(default_factory=dict)
    places: dict[str, Span] = field(default_factory=dict)
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
    broken: bool = False

    def place_of(self, field: str | None) -> Span:
        """Where the field's value is, or else the step's word."""
        return self.places.get(field, self.at) if field else self.at


@dataclass(frozen=True, slots=True)
class Block:
    """A named list of steps. An argument without a default is None, and must be given."""

    name: str
    at: Span
    args: dict[str, Setting | None]
    steps: tuple[Step, ...]
    numbered: bool


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole file."""

    sections: Sections
    root: Mapping
    vars: dict[str, Setting]
    inputs: dict[str, Setting]
    blocks: dict[str, Block]
    steps: tuple[Step, ...]
    output: Setting | None
    """The shape that the file's own `expect` says its output has."""

    def named(self, name: str) -> Span | None:
        """The place of the first step anywhere that is called so, or None."""
        for steps in (self.steps, *(block.steps for block in self.blocks.values())):
            for step in _calls(steps):
                if step.name is not None and step.name.scalar.value == name:
                    return step.at
        return None


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
        self.root = root
        self.sink = sink
        self.blocks: dict[str, tuple[str, ...]] = {}
        """The arguments of each block, by its name."""
        self.layers: dict[tuple[type[Layer], str], Layer | None] = {}

    def read(self, overrides: frozenset[str]) -> Spec | None:
        _check_keys(self.root, tuple(Sections.model_fields), "a spec", "AS201", self.sink)
        values: dict[str, Plain] = {}
        for key, value in self.root.values.items():
            if key in Sections.model_fields:
                # Steps are read from their places below; pydantic has nothing to say about them.
                values[key] = () if key in ("layers", "blocks") else plain(value)
        if "blocks" in values:
            values["blocks"] = {}
        unknown = [key for key in self.root.values if key not in Sections.model_fields]
        misspelt = [closest(key, Sections.model_fields) or "" for key in unknown]
        sections = validate(
            Sections,
            values,
            self._place,
            self.sink,
            subject="a spec",
            ignored=[key for key in misspelt if key not in values],
        )
        variables = self._vars(overrides)
        known = frozenset(variables)
        inputs = self._inputs(known)
        self._declare_blocks()
        blocks = {name: self._block(name, known) for name in self.blocks}
        steps: tuple[Step, ...] = ()
        if "layers" in self.root.values:
            steps = self._steps(self.root.values["layers"], known | ALWAYS)
            if not steps and not self.sink.has_errors:
                span = self.root.values["layers"].span
                self.sink.report("AS206", "`layers` holds no step", span, help="add one: `- relu`")
        _check_recursion(blocks, self.sink)
        if sections is None:
            return None
        expect, output = self.root.values.get("expect"), None
        if isinstance(expect, Mapping):
            output = self._setting(expect.values.get("output"), known)
        return Spec(sections, self.root, variables, inputs, blocks, steps, output)

    def _place(self, path: tuple[str | int, ...]) -> Span:
        if not path:
            first = next(iter(self.root.keys.values()), None)
            return first or self.root.span
        return place(self.root, path)

    def _vars(self, overrides: frozenset[str]) -> dict[str, Setting]:
        section = self.root.values.get("vars")
        variables: dict[str, Setting] = {}
        if isinstance(section, Mapping):
            for name, value in section.values.items():
                self._check_word(name, section.keys[name], "a variable")
                variables[name] = setting = Setting(value, self.sink)
                setting.check_names(frozenset(variables) - {name}, self.sink)
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
            self.sink.report("AS206", message, self.root.keys["inputs"])
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

    def _check_word(self, name: str, at: Span, what: str) -> None:
        """Report a name that could not be written where it is used."""
        if not name.isidentifier() or not name.isascii():
            help = "use letters, digits and _, and begin with a letter"
            self.sink.report("AS207", f"`{name}` cannot be the name of {what}", at, help=help)
        elif what != "an input" and name in ALWAYS | IN_REPEAT:
            message = f"`${name}` is archspec's own and cannot name {what}"
            self.sink.report("AS207", message, at, help="choose another name")
        elif what == "an input" and name in ("previous", "input"):
            message = f"`{name}` has a meaning of its own in `from` and cannot name an input"
            self.sink.report("AS207", message, at, help="choose another name")

    # Blocks

    def _declare_blocks(self) -> None:
        section = self.root.values.get("blocks")
        if section is None:
            return
        if not isinstance(section, Mapping):
            if not (isinstance(section, Scalar) and section.value is None):
                message = f"`blocks` must be a mapping, not {describe(plain(section))}"
                self.sink.report("AS205", message, section.span)
            return
        for name, body in section.values.items():
            self._check_word(name, section.keys[name], "a block")
            if name in LAYERS or name in STRUCTURES:
                message = f"`{name}` is a word of the language and cannot name a block"
                self.sink.report("AS208", message, section.keys[name], help="choose another name")
            args = body.values.get("args") if isinstance(body, Mapping) else None
            self.blocks[name] = tuple(args.values) if isinstance(args, Mapping) else ()

    def _block(self, name: str, known: frozenset[str]) -> Block:
        section = self.root.values["blocks"]
        assert isinstance(section, Mapping)
        body, at = section.values[name], section.keys[name]
        subject = f"the block `{name}`"
        args: dict[str, Setting | None] = {}
        if not isinstance(body, Mapping):
            message = f"{subject} must be a mapping with `layers`, not {describe(plain(body))}"
            self.sink.report("AS205", message, body.span)
            return Block(name, at, args, (), False)
        _check_keys(body, ("args", "layers", "sequential"), subject, "AS201", self.sink)
        given = body.values.get("args")
        if isinstance(given, Mapping):
            for argument, value in given.values.items():
                self._check_word(argument, given.keys[argument], "an argument")
                if argument in COMMON:
                    message = f"`{argument}` is a field of every step and cannot be an argument"
                    span = given.keys[argument]
                    self.sink.report("AS208", message, span, help="choose another name")
                if isinstance(value, Scalar) and value.value is None:
                    args[argument] = None
                else:
                    default = Setting(value, self.sink)
                    default.check_names(known | ALWAYS | frozenset(args), self.sink)
                    args[argument] = default
        elif given is not None and plain(given) is not None:
            message = f"`args` must be a mapping of arguments, not {describe(plain(given))}"
            self.sink.report("AS205", message, given.span, help="write `args: {channels: ~}`")
        numbered = "sequential" in body.values
        if numbered == ("layers" in body.values):
            message = f"{subject} needs `layers`, or `sequential`: one of the two"
            self.sink.report("AS204", message, at)
            return Block(name, at, args, (), False)
        scope = known | ALWAYS | frozenset(args)
        steps = self._steps(body.values["sequential" if numbered else "layers"], scope)
        return Block(name, at, args, steps, numbered)

    # Steps

    def _steps(self, value: Value, known: frozenset[str]) -> tuple[Step, ...]:
        if not isinstance(value, Sequence):
            message = f"steps are a list, not {describe(plain(value))}"
            self.sink.report("AS205", message, value.span, help="put a `- ` before each step")
            return ()
        return tuple([self._step(item, known) for item in value.items])

    def _step(self, item: Value, known: frozenset[str]) -> Step:
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value:
            return self._called(item.value, item.span, item, None, known)
        if isinstance(item, Mapping) and len(item.values) == 1:
            ((word, body),) = item.values.items()
            return self._called(word, item.keys[word], Scalar(word, item.keys[word]), body, known)
        help = "write `- relu`, `- fc: 10`, or `- conv: {out_channels: 64, kernel_size: 3}`"
        if isinstance(item, Mapping) and item.values:
            words = list(item.values)
            message = f"a step is one word with its fields, but this one has {len(words)}"
            if words[0] in LAYERS or words[0] in STRUCTURES or words[0] in self.blocks:
                help = f"indent what belongs to `{words[0]}` further, or put it in {{ }}"
            span = item.keys[words[1]]
        else:
            message = f"a step is a word, or a word with its fields, not {describe(plain(item))}"
            span = item.span
        self.sink.report("AS210", message, span, help=help)
        return Step("", item.span, broken=True)

    def _called(
        self, word: str, at: Span, written: Scalar, body: Value | None, known: frozenset[str]
    ) -> Step:
        if is_expression(word):
            return self._dynamic(word, at, written, body, known)
        if word in STRUCTURES:
            own, main = STRUCTURES[word], STRUCTURES[word][0]
        elif word in LAYERS:
            kind = LAYERS[word]
            own = (*kind.model_fields, *(("branches",) if kind.takes_many else ()))
            main = kind.main_field or ""
        elif word in self.blocks:
            own, main = self.blocks[word], ""
        else:
            known_words = (*self.blocks, *STRUCTURES, *LAYERS)
            words = ", ".join(known_words[:60])
            help = suggestion(word, known_words, f"declare it under `blocks`; there are {words}")
            self.sink.report("AS202", f"there is no kind or block `{word}`", at, help=help)
            return Step(word, at, broken=True)
        fields = self._fields(word, body, own, main)
        if fields is None:
            return Step(word, at, broken=True)
        misspelt = [closest(key, own) for key in fields if key not in own and key not in COMMON]
        common = self._common(fields, known)
        known = common.pop("known")
        values = {name: value for name, value in fields.items() if name in own}
        places = {name: value.span for name, value in fields.items()}
        if word in STRUCTURES:
            return self._structure(word, at, values, places, common, known)
        if "branches" in values:
            branches = self._branches(word, values.pop("branches"), known)
            return Step(word, at, {}, places, branches=branches, broken=not branches, **common)
        settings = {name: Setting(value, self.sink) for name, value in values.items()}
        for setting in settings.values():
            setting.check_names(known, self.sink)
        layer, broken = None, any(setting.broken for setting in settings.values())
        if word in LAYERS:
            layer, fits = self._layer(word, at, settings, places, misspelt)
            broken = broken or not fits
            if LAYERS[word].takes_many and common["source"] is None:
                message = f"{word} needs `branches`, or names in `from`"
                self.sink.report("AS204", message, at, help=f"write `- {word}: {{from: [a, b]}}`")
                broken = True
        else:
            broken = not self._has_arguments(word, at, settings, misspelt) or broken
        broken = broken or bool(misspelt)
        return Step(word, at, settings, places, layer=layer, broken=broken, **common)

    def _fields(
        self, word: str, body: Value | None, own: tuple[str, ...], main: str
    ) -> dict[str, Value] | None:
        """The fields by name, `main` where the body is that field's value; None is reported."""
        if body is None or (isinstance(body, Scalar) and body.value is None):
            return {}
        if isinstance(body, Mapping):
            _check_keys(body, (*COMMON, *own), f"`{word}`", "AS203", self.sink, own)
            return body.values
        if not main:
            message = f"`{word}` takes its fields by name, not {describe(plain(body))} alone"
            takes = listed(own) if own else "none of its own"
            self.sink.report("AS205", message, body.span, help=f"its fields: {takes}")
            return None
        return {main: body}

    def _common(self, fields: dict[str, Value], known: frozenset[str]) -> dict[str, Any]:
        """The fields that every step may have, and `known`: the variables inside the step."""
        settings: dict[str, Any] = {}
        repeat = fields.get("repeat")
        settings["repeat"] = self._setting(repeat, known)
        if repeat is not None:
            known = known | IN_REPEAT
        for name, key in (("when", "when"), ("from", "source"), ("expect", "expect")):
            settings[key] = self._setting(fields.get(name), known)
        name = fields.get("name")
        settings["name"] = None if name is None else Name.read(name, known, self.sink)
        settings["known"] = known
        return settings

    def _setting(self, value: Value | None, known: frozenset[str]) -> Setting | None:
        if value is None:
            return None
        setting = Setting(value, self.sink)
        setting.check_names(known, self.sink)
        return setting

    def _structure(
        self,
        word: str,
        at: Span,
        values: dict[str, Value],
        places: dict[str, Span],
        common: dict[str, Any],
        known: frozenset[str],
    ) -> Step:
        if "layers" not in values:
            message = f"`{word}` needs `layers`"
            self.sink.report("AS204", message, at, help=f"write `- {word}: {{layers: [...]}}`")
            return Step(word, at, broken=True)
        layers = self._steps(values["layers"], known)
        shortcut: str | tuple[Step, ...] = "identity"
        written = values.get("shortcut")
        if isinstance(written, Sequence):
            shortcut = self._steps(written, known)
        elif written is not None:
            shortcut = str(plain(written))
            if shortcut not in SHORTCUTS:
                help = suggestion(shortcut, SHORTCUTS)
                words = ", ".join(SHORTCUTS)
                message = f"`shortcut` must be {words}, or a list of steps, not `{shortcut[:40]}`"
                self.sink.report("AS206", message, written.span, help=help)
                shortcut = "identity"
                common["broken"] = True
        return Step(word, at, {}, places, layers=layers, shortcut=shortcut, **common)

    def _branches(
        self, word: str, value: Value, known: frozenset[str]
    ) -> tuple[tuple[Step, ...], ...]:
        if not isinstance(value, Sequence) or len(value.items) < 2:
            message = f"`branches` of {word} must be a list of two or more lists of steps"
            help = "`[]` is the incoming value itself"
            self.sink.report("AS205", message, value.span, help=help)
            return ()
        return tuple([self._steps(item, known) for item in value.items])

    def _dynamic(
        self, word: str, at: Span, written: Scalar, body: Value | None, known: frozenset[str]
    ) -> Step:
        """A step whose word is an expression: its fields can be judged once it has a value."""
        dynamic = Setting(written, self.sink)
        dynamic.check_names(known, self.sink)
        if body is not None and not isinstance(body, Mapping) and plain(body) is not None:
            message = f"`{word}` takes its fields by name, not {describe(plain(body))} alone"
            self.sink.report("AS205", message, body.span)
            return Step(word, at, broken=True)
        fields = body.values if isinstance(body, Mapping) else {}
        common = self._common(fields, known)
        known = common.pop("known")
        settings = {
            name: Setting(value, self.sink) for name, value in fields.items() if name not in COMMON
        }
        for setting in settings.values():
            setting.check_names(known, self.sink)
        places = {name: value.span for name, value in fields.items()}
        return Step(word, at, settings, places, dynamic=dynamic, **common)

    def _layer(
        self,
        word: str,
        at: Span,
        settings: dict[str, Setting],
        places: dict[str, Span],
        misspelt: list[str | None],
    ) -> tuple[Layer | None, bool]:
        """The layer where every field is constant, and whether what is constant is right."""
        constants = {name: s.constant for name, s in settings.items() if s.is_constant}
        complete = len(constants) == len(settings)
        key = (LAYERS[word], repr(constants))
        if complete and self.layers.get(key):
            return self.layers[key], True
        local = Sink()
        layer = validate(
            LAYERS[word],
            constants,
            lambda path: places.get(str(path[0]), at) if path else at,
            local,
            subject=f"`{word}`",
            ignored=[name for name in (*settings, *misspelt) if name and name not in constants],
        )
        for diagnostic in local.sorted():
            self.sink.add(diagnostic)
        if complete and layer is not None:
            self.layers[key] = layer
            return layer, True
        return None, not local.has_errors

    def _has_arguments(
        self, word: str, at: Span, settings: dict[str, Setting], misspelt: list[str | None]
    ) -> bool:
        section = self.root.values["blocks"]
        assert isinstance(section, Mapping)
        body = section.values[word]
        args = body.values.get("args") if isinstance(body, Mapping) else None
        required = [
            name
            for name, default in (args.values.items() if isinstance(args, Mapping) else ())
            if isinstance(default, Scalar) and default.value is None
        ]
        missing = [name for name in required if name not in settings and name not in misspelt]
        for name in missing:
            assert isinstance(args, Mapping)
            self.sink.report(
                "AS204",
                f"the block `{word}` needs the argument `{name}`",
                at,
                help=f"add `{name}:` here, or give it a default in the block's `args`",
                labels=(Label(args.keys[name], "declared here, without a default"),),
            )
        return not missing


def _check_keys(
    mapping: Mapping,
    known: Iterable[str],
    subject: str,
    code: str,
    sink: Sink,
    shown: Iterable[str] | None = None,
) -> None:
    """Report each key that is not a known one."""
    known = tuple(known)
    for key, span in mapping.keys.items():
        if key not in known:
            takes = listed(known if shown is None else shown)
            help = suggestion(key, known, f"it takes {takes}")
            sink.report(code, f"{subject} has no `{key}`", span, help=help)


def _check_recursion(blocks: dict[str, Block], sink: Sink) -> None:
    """Report each call by which a block comes to call itself."""
    calls = {name: list(_calls(block.steps)) for name, block in blocks.items()}
    done: set[str] = set()
    for root in blocks:
        path: list[str] = []
        stack: list[tuple[str, Any]] = [(root, iter(calls[root]))]
        if root in done:
            continue
        path.append(root)
        while stack:
            name, rest = stack[-1]
            step = next((s for s in rest if s.word in blocks), None)
            if step is None:
                done.add(name)
                stack.pop()
                path.pop()
            elif step.word in path:
                cycle = " → ".join([*path[path.index(step.word) :], step.word])
                sink.report(
                    "AS209",
                    f"the block `{step.word}` calls itself: {cycle}",
                    step.at,
                    help="a network is finite: use `repeat` for a block in a row",
                    labels=(Label(blocks[step.word].at, "the block"),),
                )
            elif step.word not in done:
                stack.append((step.word, iter(calls[step.word])))
                path.append(step.word)


def _calls(steps: tuple[Step, ...]) -> Iterable[Step]:
    """Every step among `steps`, and inside them."""
    for step in steps:
        yield step
        yield from _calls(step.layers)
        for branch in step.branches or ():
            yield from _calls(branch)
        if not isinstance(step.shortcut, str):
            yield from _calls(step.shortcut)
