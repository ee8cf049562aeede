"""Where blocks are at home: a file's variables, its own blocks, and those that it imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from archspec import source
from archspec.diagnostics import Label, Sink
from archspec.document.blocks import Body, arguments, arguments_of, bodies, read_blocks, stand_in
from archspec.document.files import MOST_FILES, File, Files, report_many_files
from archspec.document.lineage import Chain, follow, lineage, merged
from archspec.document.model import Block, Home
from archspec.document.names import check_word
from archspec.document.recursion import check_recursion
from archspec.document.settings import Setting
from archspec.document.steps import Arguments, StepReader
from archspec.document.validation import listed
from archspec.expressions import describe
from archspec.kinds import Vocabulary
from archspec.source import Scalar, Value, plain
from archspec.words import closest


def read_home(
    line: Sequence[File], files: Files, vocabulary: Vocabulary, sink: Sink
) -> tuple[Home, StepReader]:
    """The variables and blocks of a spec, given its lineage, and the reader of steps that may speak
    of them.
    """
    return _Reader(files, vocabulary, sink).read(line, ())


class _Reader:
    """Reads the homes of a spec's files, each once."""

    def __init__(self, files: Files, vocabulary: Vocabulary, sink: Sink) -> None:
        self.files = files
        self.vocabulary = vocabulary
        self.sink = sink
        self.homes: dict[Path, Home | None] = {}
        self.numbers = count(1)
        """Of the steps of all files."""

    def read(self, line: Sequence[File], chain: Chain) -> tuple[Home, StepReader]:
        variables = merged([file.root for file in line]).values.get("vars")
        home = Home(self._vars(variables), {})
        declared: dict[str, Body] = {}
        known: dict[str, Arguments] = {}
        for file in line:
            # What a file declares or imports comes before what those that it extends do.
            own = bodies(file.root.values.get("blocks"), self.sink)
            for name, block in self._imports(file, chain, own, home).items():
                if name not in known:
                    known[name], home.blocks[name] = arguments_of(block), block
            for name, body in own.items():
                if name not in known:
                    known[name], declared[name] = arguments(body), body
        steps = StepReader(known, self.vocabulary, self.sink, self.numbers)
        read_blocks(declared, home, steps, self.sink)
        check_recursion({name: home.blocks[name] for name in declared}, self.sink)
        return home, steps

    def _vars(self, section: Value | None) -> dict[str, Setting]:
        variables: dict[str, Setting] = {}
        if isinstance(section, source.Mapping):
            for name, value in section.values.items():
                check_word(name, section.keys[name], "a variable", self.sink)
                setting = Setting(value, self.sink)
                if not setting.names <= variables.keys():
                    setting.check_names(variables.keys(), self.sink)
                variables[name] = setting
        return variables

    def _imports(
        self, file: File, chain: Chain, declared: Mapping[str, Body], own: Home
    ) -> dict[str, Block]:
        """The blocks that a file imports, by name. One that cannot be had is reported, and has a
        stand-in.
        """
        section = file.root.values.get("imports")
        found: dict[str, Block] = {}
        places = {name: body.at for name, body in declared.items()}
        if not isinstance(section, source.Mapping):
            return found  # What it is instead has been reported with the sections.
        for number, (written, value) in enumerate(section.values.items()):
            at = section.keys[written]
            if number == MOST_FILES:
                report_many_files(at, self.sink)
                break
            home = self._home_of(Scalar(written, at), (*chain, (file.path, at)))
            for item in _names(value, self.sink):
                name = str(item.value)
                if name in places:
                    message = f"there is a block `{name}` already"
                    labels = (Label(places[name], "it is named here"),)
                    help = "import it under one name, from one file"
                    self.sink.report("AS208", message, item.span, help=help, labels=labels)
                    continue
                places[name] = item.span
                there = None if home is None else home.blocks.get(name)
                found[name] = there or stand_in(name, item.span, own)
                if home is not None and name not in home.blocks:
                    message = f"`{written}` has no block `{name}`"
                    has = f"it has {listed(list(home.blocks)[:12])}" if home.blocks else ""
                    near = None if self.sink.is_crowded else closest(name, home.blocks)
                    help = f"did you mean `{near}`?" if near else has
                    help = help or "declare it there"
                    self.sink.report("AS202", message, item.span, help=help)
                    if near and near not in places:
                        found[near] = home.blocks[near]  # Steps may speak of what was meant.
        return found

    def _home_of(self, written: Scalar, chain: Chain) -> Home | None:
        """The variables and blocks of an imported file; None where that is reported."""
        file = follow(written, "`imports`", chain, self.files, self.sink)
        if file is None:
            return None
        if file.path not in self.homes:
            line = lineage(file, chain, self.files, self.sink)
            self.homes[file.path] = None if line is None else self.read(line, chain)[0]
        return self.homes[file.path]


def _names(value: Value, sink: Sink) -> list[Scalar]:
    """The names of the blocks that are imported from a file: a list, or one."""
    items = value.items if isinstance(value, source.Sequence) else (value,)
    names = [item for item in items if isinstance(item, Scalar) and isinstance(item.value, str)]
    if len(names) < len(items) or not items:
        message = f"the blocks to import are a list of names, not {describe(plain(value))}"
        sink.report("AS205", message, value.span, help="`imports: {other.yaml: [basic]}`")
    return names
