"""Completion: what may stand at a place of a text, which need be no YAML yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from archspec.diagnostics import Source, Span
from archspec.document import STRUCTURES
from archspec.document.documentation import BLOCK_TEXTS
from archspec.document.expectations import Expectations
from archspec.kinds import Vocabulary
from archspec.lsp import words
from archspec.lsp.analysis import Analysis
from archspec.lsp.candidates import MARK, Candidates, Item
from archspec.lsp.outline import outline
from archspec.lsp.written import LISTS
from archspec.preprocess import Preprocess
from archspec.source import Mapping, Scalar, Sequence, Value

_SHORT = 10_000
"""Characters of a text that may have nothing in it but comments yet."""

_BEFORE = re.compile(r"\$?[\w]*$")
_FILE_BEFORE = re.compile(r"[\w./-]*$")
_AFTER = re.compile(r"\w*")


_NEW = Item(
    "archspec",
    "section",
    "a new network",
    "",
    "archspec: 1\nname: ${1:network}\ninput: [${2:3}, ${3:224}, ${4:224}]\n\nlayers:\n  - $0",
)


class Completion(NamedTuple):
    """What may stand in the place of `span`, which is what is there of the word already."""

    items: tuple[Item, ...]
    span: Span


def complete(
    source: Source, line: int, column: int, vocabulary: Vocabulary, known: Analysis | None = None
) -> Completion:
    """What may stand at a place; `known` is the last that could be read of the text."""
    lines = source.lines()
    row = lines[line - 1]
    before, after = row[: column - 1], row[column - 1 :]
    marked = Source(source.path, _with_mark(source, line, column), source.folder)
    root = outline(marked)
    found = _Reader(root, Candidates(root, line, column, vocabulary, known))
    items = tuple(found.sections())
    pattern = _FILE_BEFORE if found.is_file else _BEFORE
    start = pattern.search(before)
    end = _AFTER.match(after)
    assert start is not None and end is not None, "both match nothing, too"
    first, last = start.start() + 1, column + end.end()
    return Completion(items, Span(line, first, line, last, source))


def begin(source: Source, line: int, column: int) -> Completion:
    """What a text that is no spec yet, and nothing else, may begin with."""
    if len(source.text) > _SHORT:
        return Completion((), Span(line, column, line, column, source))
    row = source.lines()[line - 1]
    word = row[: column - 1]
    others = [text for text in source.lines() if text.strip() and not text.startswith("#")]
    is_new = others in ([], [row]) and "archspec".startswith(word) and row == word
    items = (_NEW,) if is_new else ()
    return Completion(items, Span(line, 1, line, column, source))


def _with_mark(source: Source, line: int, column: int) -> str:
    lines = list(source.lines())
    row = lines[line - 1]
    lines[line - 1] = f"{row[: column - 1]}{MARK}{row[column - 1 :]}"
    return "\n".join(lines)


def _is_marked(value: Value) -> bool:
    return isinstance(value, Scalar) and isinstance(value.value, str) and MARK in value.value


def _marked_key(mapping: Mapping) -> str | None:
    return next((key for key in mapping.keys if MARK in key), None)


def _is_key_marked(value: Value) -> bool:
    return not isinstance(value, Mapping) or _marked_key(value) is not None


def _inside(mapping: Mapping) -> str | None:
    """The key whose value has the mark in it."""
    return next((key for key, value in mapping.values.items() if _holds(value)), None)


def _holds(value: Value) -> bool:
    if isinstance(value, Scalar):
        return _is_marked(value)
    if isinstance(value, Sequence):
        return any(map(_holds, value.items))
    return _marked_key(value) is not None or any(map(_holds, value.values.values()))


class _Reader:
    """Reads its way from the sections to the mark, and says what may be there."""

    def __init__(self, root: Mapping, candidates: Candidates) -> None:
        self.root = root
        self.offer = candidates
        self.is_file = False

    def sections(self) -> Iterator[Item]:
        if _marked_key(self.root) is not None:
            yield from self.offer.keys(words.SECTIONS, self.root, _marked_key(self.root))
            return
        section = _inside(self.root)
        value = self.root.values.get(section or "")
        if section is None or value is None:
            return
        if section == "layers":
            yield from self._steps(value, "", False)
        elif section == "blocks" and isinstance(value, Mapping):
            yield from self._block(value)
        elif section == "expect":
            yield from self._fields_of(value, words.EXPECTED, Expectations)
        elif section == "preprocess":
            yield from self._fields_of(value, words.PREPROCESS, Preprocess)
        elif section in ("extends", "imports"):
            self.is_file = True
            yield from self._files(section, value)
        elif section == "outputs":
            yield from self.offer.values(None)
        elif section == "archspec":
            yield Item("1", "value", "the version of the language")
        elif section in ("vars", "input", "inputs") and not _is_marked(value):
            yield from self.offer.variables("", False)

    def _fields_of(self, value: Value, texts: Any, model: Any) -> Iterator[Item]:
        """A section of fields: their names, or the words of one."""
        if not isinstance(value, Mapping):
            yield from self.offer.keys(texts, Mapping({}, {}, value.span), None)
        elif _marked_key(value) is not None:
            yield from self.offer.keys(texts, value, _marked_key(value))
        elif (field := _inside(value)) is not None:
            yield from self.offer.words(words.section_words(model, field))
            if field == "output":
                yield from self.offer.variables("", False)

    def _files(self, section: str, value: Value) -> Iterator[Item]:
        if section == "imports" and isinstance(value, Mapping) and _marked_key(value) is None:
            self.is_file = False
            yield from self.offer.blocks_of(_inside(value) or "", value)
        else:
            yield from self.offer.files(": [$1]" if section == "imports" else "")

    def _block(self, section: Mapping) -> Iterator[Item]:
        name = _inside(section)
        body = section.values.get(name or "")
        if name is None or body is None:
            return  # A new block's name is its author's to find.
        if not isinstance(body, Mapping):
            yield from self.offer.keys(BLOCK_TEXTS, Mapping({}, {}, body.span), None)
        elif _marked_key(body) is not None:
            yield from self.offer.keys(BLOCK_TEXTS, body, _marked_key(body))
        elif (part := _inside(body)) in LISTS:
            yield from self._steps(body.values[part], name, False)
        elif part == "args" and not _is_key_marked(body.values[part]):
            yield from self.offer.variables(name, False)

    def _steps(self, value: Value, block: str, repeats: bool) -> Iterator[Item]:
        """A list of steps of a block; `repeats` says whether there are counts of a repeat."""
        if _is_marked(value):
            yield from self.offer.steps(block, repeats, "- ", False)
        if not isinstance(value, Sequence):
            return
        for item in value.items:
            if _is_marked(item):
                yield from self.offer.steps(block, repeats, "", self.offer.is_flow(value))
            elif isinstance(item, Mapping) and _holds(item):
                word = next(iter(item.keys))
                if MARK in word:
                    yield from self.offer.words_of_steps(block, repeats)
                else:
                    yield from self._step(word, item.values[word], block, repeats)

    def _step(self, word: str, body: Value, block: str, repeats: bool) -> Iterator[Item]:
        """What is behind a step's word."""
        kinds = self.offer.vocabulary
        main = words.main_field(word, kinds)
        if isinstance(body, Sequence) and main == "layers":
            yield from self._steps(body, block, repeats)
        elif isinstance(body, Mapping) and _marked_key(body) is not None:
            yield from self.offer.fields(word, body, _marked_key(body))
        elif isinstance(body, Mapping):
            field = _inside(body)
            repeats = repeats or ("repeat" in body.keys and field != "repeat")
            if field is not None:
                yield from self._field(word, field, body.values[field], block, repeats)
        elif self.offer.is_below(body):
            yield from self.offer.fields(word, Mapping({}, {}, body.span), None)
        elif main is not None and word not in STRUCTURES:
            yield from self._field(word, main, body, block, repeats)

    def _field(
        self, word: str, field: str, value: Value, block: str, repeats: bool
    ) -> Iterator[Item]:
        """What may be the value of a field."""
        kind = self.offer.vocabulary.layers.get(word)
        if (field == "layers" and word in STRUCTURES) or (
            field == "shortcut" and isinstance(value, Sequence)
        ):
            yield from self._steps(value, block, repeats)
        elif field == "branches" and isinstance(value, Sequence):
            for branch in value.items:
                if _is_marked(branch):
                    yield from self.offer.steps(block, repeats, "- ", False)
                elif _holds(branch):
                    yield from self._steps(branch, block, repeats)
        elif field in ("from", "shares") or (kind and kind.reference == field):
            yield from self.offer.values(field)
            yield from self.offer.variables(block, repeats)
        elif field != "name" or self.offer.is_variable:
            if _is_marked(value):
                yield from self.offer.words(words.field_words(word, field, self.offer.vocabulary))
                if word in self.offer.blocks:
                    yield from self.offer.words_of_steps(block, repeats)
            yield from self.offer.variables(block, repeats)
