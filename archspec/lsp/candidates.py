"""What completion offers, for each sort of thing that may stand at a place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from archspec import zoo
from archspec.diagnostics import Sink
from archspec.document import STRUCTURES
from archspec.document.documentation import COMMON_TEXTS, VARIABLE_TEXTS
from archspec.document.settings import IN_REPEAT
from archspec.kinds import Vocabulary
from archspec.layers.base import text_of
from archspec.lsp import words
from archspec.lsp.analysis import Analysis
from archspec.lsp.names import file_of
from archspec.lsp.outline import outline
from archspec.lsp.written import around, steps, visible
from archspec.source import Mapping as MappingValue
from archspec.source import Scalar, Sequence, Value, decode, plain, read_source, text_at

Sort = Literal[
    "section", "kind", "structure", "block", "field", "word", "variable", "value", "file"
]

MARK = "\ue000"
"""Stands where the cursor is: a character of no meaning, which makes a word of nothing."""

_MOST_FILES = 200
_VARIABLE = re.compile(r"\$\w*$")


class Item(NamedTuple):
    """Something that may stand there.

    `insert` is the text, a snippet with `$1` for what is to be written; empty, it is the label.
    """

    label: str
    sort: Sort
    detail: str = ""
    text: str = ""
    insert: str = ""

    @property
    def is_snippet(self) -> bool:
        return "$" in self.insert and self.sort != "variable"


class Candidates:
    """What there is to choose from at a place of an outline; `known` is the last that could be
    read of the text.
    """

    def __init__(
        self,
        root: MappingValue,
        line: int,
        column: int,
        vocabulary: Vocabulary,
        known: Analysis | None,
    ) -> None:
        self.root = root
        self.place = line, column
        self.vocabulary = vocabulary
        self.known = known
        self.lines = root.span.source.lines()
        self.blocks = dict(_blocks(root, known))
        self.is_variable = _VARIABLE.search(self.lines[line - 1][: column - 1]) is not None
        """Whether a variable's name is being written."""

    def is_flow(self, value: Value) -> bool:
        """Whether a value is in brackets."""
        return text_at(value.span)[:1] in ("[", "{")

    def is_below(self, value: Value) -> bool:
        """Whether a value is the first thing in its line."""
        return not self.lines[value.span.line - 1][: value.span.column - 1].strip()

    # Keys

    def keys(
        self, texts: Mapping[str, str], mapping: MappingValue, marked: str | None
    ) -> Iterator[Item]:
        """The keys of a section that are not there yet."""
        snippets = {} if _has_colon(mapping, marked) else _SNIPPETS
        behind = "" if _has_colon(mapping, marked) else ": "
        for key, text in texts.items():
            if key not in mapping.keys:
                yield Item(key, "section", "", text, snippets.get(key, f"{key}{behind}"))

    def fields(self, word: str, mapping: MappingValue, marked: str | None) -> Iterator[Item]:
        """The fields of a step that are not there yet, first those that it needs."""
        behind = "" if _has_colon(mapping, marked) else ": "
        needed = words.required_fields(word, self.blocks, self.vocabulary)
        own = words.own_fields(word, self.blocks, self.vocabulary)
        for field in dict.fromkeys([*needed, *own, *COMMON_TEXTS]):
            if field not in mapping.keys:
                text = words.field_text(field, word, self.vocabulary)
                detail = "required" if field in needed else "" if field in own else "of every step"
                yield Item(field, "field", detail, text, f"{field}{behind}")

    # Steps

    def steps(self, block: str, repeats: bool, prefix: str, flow: bool) -> Iterator[Item]:
        """Every step that there may be, with what it needs to be filled in."""
        for item in self.words_of_steps(block, repeats):
            if item.sort == "variable":
                yield item._replace(insert=prefix + item.label if prefix else "")
                continue
            needed = words.required_fields(item.label, self.blocks, self.vocabulary)
            snippet = self._snippet(item.label, needed, flow)
            yield item._replace(insert=f"{prefix}{snippet}")

    def _snippet(self, word: str, needed: list[str], flow: bool) -> str:
        kind = None if word in self.blocks else self.vocabulary.layers.get(word)
        if word in STRUCTURES and word not in self.blocks:
            return f"{word}: [$1]" if flow else f"{word}:\n    layers:\n      - $0"
        if kind is not None and kind.takes_many:
            return f"{word}: {{from: [previous, $1]}}"
        if kind is not None and needed == [kind.main_field]:
            return f"{word}: $1"
        filled = ", ".join(f"{field}: ${number}" for number, field in enumerate(needed, 1))
        return f"{word}: {{{filled}}}" if filled else word

    def words_of_steps(self, block: str, repeats: bool) -> Iterator[Item]:
        """Every word of a step."""
        for name, arguments in self.blocks.items():
            if name != block:
                shown = ", ".join(name if must else f"{name}?" for name, must in arguments.items())
                yield Item(name, "block", f"({shown})")
        for word in (*self.vocabulary.layers, *STRUCTURES):
            if word not in self.blocks:
                said = words.said_of(word, self.vocabulary)
                sort: Sort = "structure" if word in STRUCTURES else "kind"
                if said is not None:
                    yield Item(word, sort, said.shape, said.description)
        for word in self.vocabulary.installed():
            if word not in self.vocabulary.layers:
                yield Item(word, "kind", "of an installed package")
        yield from self.variables(block, repeats)

    # Values

    def words(self, texts: Mapping[str, str]) -> Iterator[Item]:
        """The words that a value may be."""
        for word, text in texts.items():
            yield Item(word, "word", "", text)

    def variables(self, block: str, repeats: bool) -> Iterator[Item]:
        """The variables that there are in a block, or outside of all."""
        for name, must in self.blocks.get(block, {}).items():
            yield Item(f"${name}", "variable", "required argument" if must else "argument")
        for name, detail in _variables(self.root, self.known).items():
            if name not in self.blocks.get(block, {}):
                yield Item(f"${name}", "variable", detail)
        for name, text in VARIABLE_TEXTS.items():
            if repeats or name not in IN_REPEAT:
                yield Item(f"${name}", "variable", "", text)

    def values(self, field: str | None) -> Iterator[Item]:
        """The values that a step may name in a field; without one, those that the network has."""
        written = tuple(steps(self.root))
        step = around(written, *self.place) if field else None
        if step is None:
            seen = [one for one in written if one.is_outermost]
        else:
            seen = list(visible(step.scope, *step.at[:2]))
        shapes = _shapes(self.known, step.scope.block if step else "")
        for name in dict.fromkeys(one.name for one in seen):
            if MARK not in name:
                yield Item(name, "value", shapes.get(name, ""))
        inputs = self.root.values.get("inputs")
        for name in inputs.keys if isinstance(inputs, MappingValue) and field else ():
            yield Item(name, "value", "an input")
        if field is not None and field != "shares":
            yield Item("previous", "value", "the value of the step before")
            yield Item("input", "value", "the value that entered the block, or the network")

    # Files

    def files(self, behind: str) -> Iterator[Item]:
        """The files that a spec may name, and the networks of the zoo."""
        source = self.root.span.source
        found = sorted(source.folder.glob("*.yaml"))[:_MOST_FILES]
        for path in found:
            if path.name != Path(source.path).name:
                yield Item(path.name, "file", "", "", f"{path.name}{behind}")
        for name in zoo.networks():
            yield Item(name, "file", "of the zoo", "", f"{name}{behind}")

    def blocks_of(self, file: str, imports: MappingValue) -> Iterator[Item]:
        """The blocks of a file that can be imported."""
        written = Scalar(file, imports.keys[file])
        path = file_of(written)
        if path is None or not path.is_file():
            return
        source = decode(str(path), read_source(str(path)), Sink())
        section = outline(source).values.get("blocks") if source else None
        there = imports.values[file]
        taken = plain(there) if isinstance(there, Sequence) else ()
        for name in section.keys if isinstance(section, MappingValue) else ():
            if name not in taken:
                yield Item(name, "block", f"of {file}")


def _has_colon(mapping: MappingValue, key: str | None) -> bool:
    """Whether the key that is being written has its colon behind it."""
    return key is not None and mapping.values[key].span[:2] != mapping.keys[key][2:4]


def _blocks(root: MappingValue, known: Analysis | None) -> Iterator[tuple[str, dict[str, bool]]]:
    """The arguments of every block, those of the text itself as they are written now."""
    if known is not None and known.spec is not None:
        for name, block in known.spec.blocks.items():
            yield name, {arg: default is None for arg, default in block.args.items()}
    section = root.values.get("blocks")
    for name, body in section.values.items() if isinstance(section, MappingValue) else ():
        args = body.values.get("args") if isinstance(body, MappingValue) else None
        declared = args.values if isinstance(args, MappingValue) else {}
        yield (
            name,
            {
                arg: isinstance(default, Scalar) and default.value is None
                for arg, default in declared.items()
                if MARK not in arg
            },
        )


def _variables(root: MappingValue, known: Analysis | None) -> dict[str, str]:
    """The variables, each with its value as it is written."""
    found: dict[str, str] = {}
    if known is not None and known.spec is not None:
        found = {name: text_at(setting.span) for name, setting in known.spec.vars.items()}
    section = root.values.get("vars")
    own = section.values.items() if isinstance(section, MappingValue) else ()
    return found | {name: text_at(value.span) for name, value in own if MARK not in name}


def _shapes(known: Analysis | None, block: str) -> dict[str, str]:
    """The shapes of the values of a block, or of the network, that are known."""
    found: dict[str, str] = {}
    for step in known.steps if known else ():
        runs = known.runs.get(step.at[:2], []) if known and step.scope.block == block else []
        if runs and runs[-1].output is not None:
            found[step.name] = text_of(runs[-1].output.shape)
    return found


_SNIPPETS = {
    "archspec": "archspec: 1",
    "vars": "vars: {$1}",
    "input": "input: [${1:3}, ${2:224}, ${3:224}]",
    "inputs": "inputs: {${1:left}: [$2], ${3:right}: [$4]}",
    "blocks": "blocks:\n  ${1:name}:\n    args: {$2}\n    layers:\n      - $0",
    "layers": "layers:\n  - $0",
    "sequential": "sequential:\n  - $0",
    "inline": "inline:\n  - $0",
    "args": "args: {$1}",
    "imports": "imports: {${1:blocks.yaml}: [$2]}",
    "outputs": "outputs: [$1]",
    "references": "references:\n  - $0",
    "expect": "expect: {$1}",
    "preprocess": "preprocess: {$1}",
}
"""What is to be filled in behind a key."""
