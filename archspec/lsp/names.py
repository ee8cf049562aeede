"""Every name that a file writes: of blocks, variables, arguments, values and files, each with the
place that it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from archspec.diagnostics import Sink, Source, Span
from archspec.document.files import Files
from archspec.document.names import FROM_WORDS
from archspec.lsp.analysis import Analysis
from archspec.lsp.written import WrittenStep, visible, within
from archspec.source import Mapping, Scalar, Sequence, Value, text_at

Kind = Literal["block", "variable", "argument", "value", "file"]

_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


class Occurrence(NamedTuple):
    """A name at a place, and the place that it means: its own, where it is declared there; None
    where that is not known.
    """

    kind: Kind
    name: str
    span: Span
    target: Span | None

    @property
    def declares(self) -> bool:
        return self.target == self.span


def occurrences(analysis: Analysis) -> Iterator[Occurrence]:
    """Every name in the text."""
    names = _Names(analysis)
    yield from names.files()
    yield from names.blocks()
    yield from names.variables()
    yield from names.values()


def occurrence_at(analysis: Analysis, line: int, column: int) -> Occurrence | None:
    """The name at a place."""
    row = analysis.lines()[line - 1]
    on_sign = row[column - 1 : column] == "$"  # of the variable whose name begins behind it
    for found in occurrences(analysis):
        if within(line, column + on_sign, found.span):
            return found
    return None


def same(analysis: Analysis, wanted: Occurrence) -> list[Occurrence]:
    """The places in the text where the same thing is named."""
    return [
        found
        for found in occurrences(analysis)
        if found.kind == wanted.kind
        and found.name == wanted.name
        and _key(found.target) == _key(wanted.target)
    ]


def _key(span: Span | None) -> tuple[str, int, int] | None:
    return None if span is None else (span.source.path, span.line, span.column)


class _Names:
    """Finds the names in a text, section by section."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.sections = analysis.root.values
        spec = analysis.spec
        self.block_places: dict[str, Span] = {}
        self.variable_places: dict[str, Span] = {}
        self.arguments: dict[str, dict[str, Span]] = {}
        if spec is not None:
            self.block_places.update({name: block.at for name, block in spec.blocks.items()})
            taken = spec.root.values.get("vars")
            self.variable_places.update(taken.keys if isinstance(taken, Mapping) else {})
        blocks = self.section("blocks")
        self.block_places.update(blocks.keys)
        self.variable_places.update(self.section("vars").keys)
        for name, body in blocks.values.items():
            args = body.values.get("args") if isinstance(body, Mapping) else None
            self.arguments[name] = args.keys if isinstance(args, Mapping) else {}

    def section(self, name: str) -> Mapping:
        """A section of the file; one without entries, where it is none."""
        value = self.sections.get(name)
        return value if isinstance(value, Mapping) else Mapping({}, {}, self.analysis.root.span)

    # Files

    def files(self) -> Iterator[Occurrence]:
        for written in taken_files(self.analysis.root):
            path, target = file_of(written), None
            if path is not None and path.is_file():
                target = Span(1, 1, 1, 1, Source(str(path), "", path.parent))
            yield Occurrence("file", str(written.value), written.span, target)

    # Blocks

    def blocks(self) -> Iterator[Occurrence]:
        for name, at in self.section("blocks").keys.items():
            yield Occurrence("block", name, at, at)
        for value in self.section("imports").values.values():
            for item in _words(value):
                yield self._block(str(item.value), item.span)
        for step in self.analysis.steps:
            if step.word in self.block_places:
                yield self._block(step.word, step.at)
                yield from self._given_blocks(step.fields)
            elif step.word.startswith("$"):
                yield from self._given_blocks(step.fields)
        for body in self.section("blocks").values.values():
            args = body.values.get("args") if isinstance(body, Mapping) else None
            yield from self._given_blocks(args if isinstance(args, Mapping) else None)

    def _block(self, name: str, at: Span) -> Occurrence:
        return Occurrence("block", name, at, self.block_places.get(name))

    def _given_blocks(self, arguments: Mapping | None) -> Iterator[Occurrence]:
        """The blocks that are given as arguments."""
        for value in arguments.values.values() if arguments else ():
            if isinstance(value, Scalar) and value.value in self.block_places:
                yield self._block(str(value.value), _bare(value.span))

    # Variables and arguments

    def variables(self) -> Iterator[Occurrence]:
        for name, at in self.section("vars").keys.items():
            yield Occurrence("variable", name, at, at)
        for block, arguments in self.arguments.items():
            for name, at in arguments.items():
                yield Occurrence("argument", name, at, at)
            yield from self._mentioned(self.section("blocks").values[block], arguments)
        for step in self.analysis.steps:
            for name, at in step.fields.keys.items() if step.fields else ():
                if name in (declared := self.arguments.get(step.word, {})):
                    yield Occurrence("argument", name, at, declared[name])
        for section in ("vars", "input", "inputs", "layers", "expect"):
            if section in self.sections:
                yield from self._mentioned(self.sections[section], {})

    def _mentioned(self, value: Value, arguments: dict[str, Span]) -> Iterator[Occurrence]:
        """The variables that the expressions in a value speak of."""
        for span in _texts(value):
            for match in _VARIABLE.finditer(text_at(span)):
                name, at = match.group(1), span.part(match.start(1), len(match.group(1)))
                if name in arguments:
                    yield Occurrence("argument", name, at, arguments[name])
                else:
                    yield Occurrence("variable", name, at, self.variable_places.get(name))

    # Values

    def values(self) -> Iterator[Occurrence]:
        for name, at in self.section("inputs").keys.items():
            yield Occurrence("value", name, at, at)
        for step in self.analysis.steps:
            if step.named is not None and "$" not in step.name:
                at = _bare(step.named)
                yield Occurrence("value", step.name, at, at)
        for step in self.analysis.steps:
            for field in ("from", "shares", self._reference_field(step)):
                for item in _words(step.fields.values.get(field)) if step.fields else ():
                    yield from self._value(item, step)
            if step.word in self.block_places and step.fields:
                for value in step.fields.values.values():
                    for item in _words(value):
                        if self._declared(str(item.value), step) is not None:
                            yield from self._value(item, step)
        for item in _words(self.sections.get("outputs")):
            yield from self._value(item, None)
        expected = self.section("expect").values.get("output")
        for name, at in expected.keys.items() if isinstance(expected, Mapping) else ():
            yield from self._value(Scalar(name, at), None)

    def _reference_field(self, step: WrittenStep) -> str:
        kinds = self.analysis.vocabulary.layers
        return (kinds[step.word].reference if step.word in kinds else None) or ""

    def _value(self, item: Scalar, step: WrittenStep | None) -> Iterator[Occurrence]:
        """The value that is named, by a step, or by what is said of the whole network."""
        written = str(item.value)
        if written in FROM_WORDS or "$" in written:
            return
        span = _bare(item.span)
        name = written.partition(".")[0]  # `layer1.0` is the first repeat of `layer1`
        if text_at(span) == written:
            span = span.part(0, len(name))
        found = self.analysis.meanings.get(item.span[:2])
        yield Occurrence("value", name, span, _bare(found[0]) if found else self._made(name, step))

    def _made(self, name: str, step: WrittenStep | None) -> Span | None:
        """The place of the step that makes a value, found where the network has not run."""
        inputs = self.section("inputs").keys
        return self._declared(name, step) or inputs.get(name) or self._anywhere(name)

    def _declared(self, name: str, step: WrittenStep | None) -> Span | None:
        """The place of a value that a step can see: of its name, or of the step without one."""
        if step is None:
            found: Iterator[WrittenStep] = (
                one for one in self.analysis.steps if one.name == name and one.is_outermost
            )
        else:
            found = visible(step.scope, *step.at[:2], name)
        made = next(iter(found), None)
        return None if made is None else _bare(made.named) if made.named else made.at

    def _anywhere(self, name: str) -> Span | None:
        named = (step.named for step in self.analysis.steps if step.name == name and step.named)
        return next((_bare(at) for at in named), None)


def taken_files(root: Mapping) -> Iterator[Scalar]:
    """The names of the files that a spec extends, or imports from, as they are written."""
    extends, imports = root.values.get("extends"), root.values.get("imports")
    if isinstance(extends, Scalar) and isinstance(extends.value, str):
        yield extends
    for name, at in imports.keys.items() if isinstance(imports, Mapping) else ():
        yield Scalar(name, at)


def file_of(written: Scalar) -> Path | None:
    """The path that is meant by a file's name; None where no spec may name it."""
    return Files(Sink()).find(written, "a file")


def _words(value: Value | None) -> Iterator[Scalar]:
    """The strings of a list, or the one that stands alone."""
    for item in value.items if isinstance(value, Sequence) else (value,):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            yield item


def _texts(value: Value) -> Iterator[Span]:
    """The places of all strings, keys included."""
    if isinstance(value, Scalar):
        if isinstance(value.value, str):
            yield value.span
    elif isinstance(value, Sequence):
        for item in value.items:
            yield from _texts(item)
    else:
        for key, item in value.values.items():
            yield value.keys[key]
            yield from _texts(item)


def _bare(span: Span) -> Span:
    """The place of a word without the quotes around it."""
    text = text_at(span)
    quoted = len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]
    return span.part(1, len(text) - 2) if quoted else span
