"""The words that a file may hold, and what there is to say of each, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archspec.document import SHORTCUTS, STRUCTURES, Sections
from archspec.document.documentation import COMMON_TEXTS, SHORTCUT_TEXTS, STRUCTURE_TEXTS
from archspec.document.expectations import Expectations
from archspec.kinds import Vocabulary
from archspec.layers.base import Layer
from archspec.layers.documentation import KindDocumentation, documentation, field_texts, fields_of
from archspec.preprocess import Preprocess

Blocks = Mapping[str, Mapping[str, bool]]
"""The arguments of every block that is known, and whether each must be given."""

SECTIONS = field_texts(Sections)
EXPECTED = field_texts(Expectations)
PREPROCESS = field_texts(Preprocess)


def said_of(word: str, vocabulary: Vocabulary) -> KindDocumentation | None:
    """What there is to say of a kind or a structure."""
    if word in STRUCTURES:
        return STRUCTURE_TEXTS[word]
    kind = vocabulary.layers.get(word)
    return None if kind is None else documentation(kind)


def own_fields(word: str, blocks: Blocks, vocabulary: Vocabulary) -> Iterable[str]:
    """The fields of a step's word, or the arguments of a block."""
    said = said_of(word, vocabulary)
    return blocks.get(word, said.fields if said else {})


def field_text(field: str, word: str, vocabulary: Vocabulary) -> str:
    """What there is to say of a field of a step: its own, or one that every step may have."""
    said = said_of(word, vocabulary)
    text = (said.fields.get(field, "") if said else "") or COMMON_TEXTS.get(field, "")
    kind = vocabulary.layers.get(word)
    note = _default(kind, field) if kind else ""
    return f"{text} {note}".strip()


def _default(kind: type[Layer], field: str) -> str:
    """`Default: 1.`, where a field has one that can be written as it is."""
    found = kind.model_fields.get(field)
    if found is None:
        return ""
    if found.is_required():
        return "Required."
    default = found.default
    if type(default) not in (bool, int, float, str):
        return ""
    written = str(default).lower() if type(default) is bool else default
    return f"Default: `{written}`."


def required_fields(word: str, blocks: Blocks, vocabulary: Vocabulary) -> list[str]:
    """The fields that a step of this word cannot do without."""
    if word in blocks:
        return [name for name, is_required in blocks[word].items() if is_required]
    kind = vocabulary.layers.get(word)
    fields = kind.model_fields if kind else {}
    names = fields_of(kind) if kind else ()
    return [name for name in names if name in fields and fields[name].is_required()]


def main_field(word: str, vocabulary: Vocabulary) -> str | None:
    """The field whose value may stand behind the word alone."""
    if word in STRUCTURES:
        return STRUCTURES[word][0]
    kind = vocabulary.layers.get(word)
    return kind.main_field if kind else None


def field_words(word: str, field: str, vocabulary: Vocabulary) -> dict[str, str]:
    """The words that the value of a field may be, each with what there is to say of it."""
    if word == "residual" and field == "shortcut":
        return {name: SHORTCUT_TEXTS[name] for name in SHORTCUTS}
    if field == "when":
        return {"true": "", "false": ""}
    kind = vocabulary.layers.get(word)
    return {} if kind is None else dict.fromkeys(_words_of(kind.model_json_schema(), field), "")


def section_words(model: Any, field: str) -> dict[str, str]:
    """The words that a field of a section may be."""
    return dict.fromkeys(_words_of(model.model_json_schema(), field), "")


def _words_of(schema: dict[str, Any], field: str) -> Iterator[str]:
    for found in _flat(schema.get("properties", {}).get(field, {})):
        if found.get("type") == "boolean":
            yield from ("true", "false")
        yield from (word for word in found.get("enum", ()) if isinstance(word, str))
        if isinstance(found.get("const"), str):
            yield found["const"]


def _flat(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for member in schema.get("anyOf", ()):
        yield from _flat(member)
