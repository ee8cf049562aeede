"""A file's sections: its variables, inputs, blocks and layers."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from pydantic import ValidationError

from archspec.diagnostics import MOST_ERRORS, Sink, Span
from archspec.document.files import NOTHING_OPENED, Files, Opened
from archspec.document.home import read_home
from archspec.document.known import Known
from archspec.document.lineage import lineage, main_file, merged
from archspec.document.model import Sections, Spec, Step
from archspec.document.names import ALWAYS, check_word
from archspec.document.settings import Setting
from archspec.document.steps import StepReader
from archspec.document.symbols import read_symbols
from archspec.document.validation import listed, validate
from archspec.expressions import describe
from archspec.kinds import Vocabulary
from archspec.source import (
    KeyPath,
    Mapping,
    Plain,
    Scalar,
    Sequence,
    Value,
    key_place,
    place,
    plain,
    text_at,
)
from archspec.words import suggestion


def read(
    value: Value,
    overrides: Iterable[str],
    vocabulary: Vocabulary,
    sink: Sink,
    opened: Opened = NOTHING_OPENED,
) -> Spec | None:
    """The file as a Spec, or None where its sections are not even that. Reports all it finds.

    `overrides` are the variables that are set from outside, `vocabulary` the kinds of layer;
    `opened` has the text of other files that is not what lies on the disk.
    """
    if not isinstance(value, Mapping):
        if isinstance(value, Scalar) and value.value is None:
            help = "a spec starts with `archspec: 1`, a `name`, an `input` and `layers`"
            # What is not written has no place; that of a `~` is its own.
            at = value.span if text_at(value.span) else Span(1, 1, 1, 1, value.span.source)
            sink.report("AS004", "the file is empty", at, help=help)
        else:
            message = f"a spec is a mapping of sections, not {describe(plain(value))}"
            help = "start it with `archspec: 1`"
            if isinstance(value, Sequence):
                help = "put the steps under `layers:`, after `archspec: 1`, a `name` and an `input`"
            sink.report("AS205", message, value.span, help=help)
        return None
    return _Reader(value, vocabulary, sink).read(frozenset(overrides), opened)


class _Reader:
    """Reads a document; see `read`."""

    def __init__(self, root: Mapping, vocabulary: Vocabulary, sink: Sink) -> None:
        self.vocabulary = vocabulary
        self.written = root
        self.root = root
        self.roots = [root]
        self.outer = sink
        self.sink = Sink(MOST_ERRORS)

    def read(self, overrides: frozenset[str], opened: Opened) -> Spec | None:
        try:
            return self._spec(overrides, opened)
        finally:  # Where there is Enough to say, too.
            self._pass_on()

    def _spec(self, overrides: frozenset[str], opened: Opened) -> Spec | None:
        files = Files(self.sink, opened)
        line = lineage(main_file(self.written), (), files, self.sink)
        if line is None:
            return None
        self.roots = [file.root for file in line]
        self.root = merged(self.roots)
        sections = self._sections(frozenset().union(*(file.written for file in line)))
        home, steps = read_home(line, files, self.vocabulary, self.sink)
        known = frozenset(home.vars)
        inputs = self._inputs(known)
        symbols = read_symbols(inputs, known, self.sink)
        self._check_overrides(overrides, (*home.vars, *symbols))
        layers = self._layers(known, steps)
        expect, output = self.root.values.get("expect"), None
        if isinstance(expect, Mapping) and "output" in expect.values:
            output = Setting(expect.values["output"], self.sink)
            output.check_names(known, self.sink)
        return Spec(sections, self.root, home, self.vocabulary, inputs, layers, output, symbols)

    def _pass_on(self) -> None:
        """Report what was found, but for names that are unknown because their section is wrong."""
        follows = set()
        for section, code in (("vars", "AS402"), ("blocks", "AS202")):
            sections = [root.values.get(section, root) for root in self.roots]
            wrong = [section for section in sections if not isinstance(section, Mapping)]
            if any(code == "AS402" or plain(section) is not None for section in wrong):
                follows.add(code)  # No blocks at all, `blocks:`, is nothing wrong.
        for diagnostic in self.sink.sorted():
            if diagnostic.code not in follows:
                self.outer.add(diagnostic)

    def _sections(self, written: frozenset[str]) -> Sections:
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
            ignored=[key for key in values if key not in written],
            key_place=lambda path: key_place(self.root, path),
        )
        return found or _rest(values)

    def _place(self, path: KeyPath) -> Span:
        if not path:
            return next(iter(self.root.keys.values()), self.root.span)
        return place(self.root, path)

    def _check_overrides(self, overrides: frozenset[str], variables: Iterable[str]) -> None:
        for name in sorted(overrides - set(variables)):
            at = self.root.keys.get("vars") or self._place(())
            help = suggestion(name, variables, f"its variables are {listed(variables)}")
            self.sink.report("AS402", f"the spec has no variable `{name}` to set", at, help=help)

    def _inputs(self, known: frozenset[str]) -> dict[str, Setting]:
        one, several = self.root.values.get("input"), self.root.values.get("inputs")
        inputs: dict[str, Setting] = {}
        if one is not None and several is not None:
            if {"input", "inputs"} <= self.written.values.keys():
                message = "a spec has `input` or `inputs`, not both"
                self.sink.report("AS206", message, self.root.keys["inputs"], help="remove one")
            elif "input" in self.written.values:  # The other is a slip of something else.
                several = None
        if one is not None and not isinstance(several, Mapping):
            inputs["input"] = Setting(one, self.sink)
        elif isinstance(several, Mapping) and several.values:
            for name, value in several.values.items():
                check_word(name, several.keys[name], "an input", self.sink)
                inputs[name] = Setting(value, self.sink)
        elif several is None or isinstance(several, Mapping):
            help = "add `input: [3, 224, 224]`: channels, height, width"
            self.sink.report("AS204", "a spec needs `input`", self._place(()), help=help)
        for setting in inputs.values():
            setting.check_names(known, self.sink)
        return inputs

    def _layers(self, known: Set[str], steps: StepReader) -> tuple[Step, ...]:
        section = self.root.values.get("layers")
        if section is None:
            return ()
        found = steps.read(section, Known(ALWAYS, known))
        if not found and not self.sink.has_errors:
            message = "`layers` holds no step"
            self.sink.report("AS206", message, section.span, help="add one: `- relu`")
        return found


def _rest(values: dict[str, Plain]) -> Sections:
    """The sections that are right, where others are wrong: the rest of the file is still read."""
    stand_in: dict[str, Any] = {"archspec": 1, "name": "_", "layers": ()}
    try:
        return Sections.model_validate(stand_in | values)
    except ValidationError as error:
        wrong = {details["loc"][0] for details in error.errors()}
        right = {key: value for key, value in values.items() if key not in wrong}
        return Sections.model_validate(stand_in | right)
