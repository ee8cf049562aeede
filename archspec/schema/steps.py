"""The JSON Schema of steps: kinds, structures, blocks, and words that are neither."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.document.documentation import SHORTCUT_TEXTS, STRUCTURE_TEXTS
from archspec.document.model import STRUCTURES
from archspec.kinds import Vocabulary
from archspec.schema.kinds import (
    COMMON,
    STEPS,
    Definitions,
    add_kind,
    common,
    is_bare,
    reference,
    snippet,
    text,
)
from archspec.schema.types import EXPRESSION, JsonSchema

WORD = "[A-Za-z_][A-Za-z0-9_]*"
"""What a name in an expression, and a block's name, is made of."""


def add_steps(vocabulary: Vocabulary, definitions: Definitions) -> None:
    """Define `step`, and all that it is made of."""
    for name, schema in COMMON.items():
        definitions[f"step.{name}"] = schema
    kinds = {word: add_kind(kind, definitions) for word, kind in vocabulary.layers.items()}
    structures = {word: _add_structure(word, definitions) for word in STRUCTURES}
    bare = [word for word, kind in vocabulary.layers.items() if is_bare(kind)]
    near = slips_of((*kinds, *structures))
    other = rf"^(?!(?:{near})$){WORD}$"
    definitions["call"] = {
        "title": "block",
        "description": "A block of this file, or an imported one, with its arguments, or a kind "
        "from outside with its fields.",
        "properties": common(),
    }
    definitions["chosen"] = {
        "description": "What the expression names: a kind with its fields, or a block with its "
        "arguments.",
        "type": ["object", "null"],
        "properties": {**common(), "branches": False},
    }
    # A word alone stands among alternatives, where editors look for words to complete and explain.
    definitions["step"] = {
        "anyOf": [
            {
                "type": "string",
                "pattern": f"{other}|{EXPRESSION}",
                "patternErrorMessage": "A step is the word of a block, or of a kind that needs no "
                "fields, or a word with its fields: `fc: 10`.",
            },
            {"type": "object"},
            *({"const": word} | _said(definitions[word]) for word in bare),
        ],
        "if": {"type": "object"},
        "then": {
            "properties": {**structures, **kinds},
            "patternProperties": {other: reference("call"), EXPRESSION: reference("chosen")},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    }


def slips_of(words: Iterable[str]) -> str:
    """A pattern of what is so near one of these words that it was meant for it: in other letters,
    without its `_`, or with PyTorch's `2d`.
    """
    return "|".join(
        "".join(
            "_?" if letter == "_" else f"[{letter.upper()}{letter}]" if letter.isalpha() else letter
            for letter in word
        )
        + "(?:_?[123][Dd])?"
        for word in words
    )


def _said(schema: JsonSchema) -> JsonSchema:
    return {key: schema[key] for key in ("title", "description", "markdownDescription")}


def _add_structure(word: str, definitions: Definitions) -> JsonSchema:
    said = STRUCTURE_TEXTS[word]
    types: dict[str, JsonSchema] = {
        "layers": STEPS,
        "shortcut": {
            "default": "identity",
            "anyOf": [
                {
                    "enum": list(SHORTCUT_TEXTS),
                    "enumDescriptions": list(SHORTCUT_TEXTS.values()),
                },
                STEPS,
            ],
        },
    }
    fields = {name: text(said.fields[name]) | types[name] for name in said.fields}
    definitions[word] = {
        "title": word,
        **text(said.description),
        "if": {"type": "object"},
        "then": {
            "properties": {
                **{
                    name: definitions.take(f"{word}.{name}", field)
                    for name, field in fields.items()
                },
                **common(),
            },
            "required": ["layers"],
            "additionalProperties": False,
        },
        "else": STEPS,
        **snippet("\n- $1" if len(fields) == 1 else "\nlayers:\n  - $1"),
    }
    return reference(word)
