"""The JSON Schema of a spec's file: its sections."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from archspec.document.documentation import BLOCK_TEXTS
from archspec.document.expectations import Expectations
from archspec.document.model import COMMON, STRUCTURES, Sections
from archspec.document.names import ALWAYS, FROM_WORDS
from archspec.document.settings import IN_REPEAT
from archspec.kinds import Vocabulary
from archspec.layers import LAYERS
from archspec.layers.documentation import field_texts
from archspec.layers.fields import LARGEST
from archspec.preprocess import Preprocess
from archspec.schema.kinds import STEPS, Definitions, reference, text
from archspec.schema.steps import WORD, add_steps
from archspec.schema.types import (
    EXPRESSION,
    OF_THE_WHOLE,
    JsonSchema,
    either,
    in_draft_7,
    on_one_line,
    plainly,
    unoffered,
)

DRAFT = "http://json-schema.org/draft-07/schema#"

_SHAPE: JsonSchema = {
    "type": ["array", "string"],
    "pattern": EXPRESSION,
    "items": {
        "type": ["integer", "string"],
        "minimum": 1,
        "maximum": LARGEST,
        "pattern": rf"^{WORD}$|{EXPRESSION}",
    },
    "minItems": 1,
    "maxItems": 4,
    "defaultSnippets": [
        {"label": "[3, 224, 224]", "body": "[${1:3}, ${2:224}, ${3:224}]"},
        {"label": "[3, H, W]", "body": "[${1:3}, H, W]"},
    ],
}
"""Of an input: sizes, words that stand for sizes, expressions."""


def json_schema(vocabulary: Vocabulary) -> JsonSchema:
    """The JSON Schema, draft 7, of a spec that may use these kinds."""
    definitions = Definitions()
    add_steps(vocabulary, definitions)
    model = in_draft_7(Sections.model_json_schema())
    texts = field_texts(Sections)
    own = _sections(definitions)
    sections = {
        name: {
            "title": name,
            **text(texts[name]),
            **own.get(name, on_one_line(plainly(model["properties"][name]))),
        }
        for name in model["properties"]
    }
    return {
        "$schema": DRAFT,
        "title": "archspec",
        "description": "A network for archspec: its layers, and what is known of it.",
        "type": "object",
        "properties": sections,
        "required": ["archspec"],
        "additionalProperties": False,
        **_SECTIONS_TOGETHER,
        "defaultSnippets": [{"label": "a network", "body": _SKELETON}],
        "definitions": dict(sorted(definitions.items())),
    }


_SKELETON = {
    "archspec": 1,
    "name": "${1:name}",
    "input": "[${2:3}, ${3:224}, ${4:224}]",
    "layers": ["$5"],
}

_ONLY_BLOCKS: JsonSchema = {
    "required": ["blocks"],
    "properties": dict.fromkeys(("name", "layers", "input", "inputs", "extends"), False),
}
"""A file that others import blocks from need not be a network."""

_SECTIONS_TOGETHER: JsonSchema = {
    "allOf": [
        {"if": {"required": ["input"]}, "then": {"properties": {"inputs": False}}},
        {"if": _ONLY_BLOCKS, "else": {"required": ["name"]}},
        {
            "if": {"anyOf": [{"required": ["extends"]}, _ONLY_BLOCKS]},
            "else": {
                "required": ["layers"],
                "anyOf": [{"required": ["input"]}, {"required": ["inputs"]}],
            },
        },
    ]
}


def _sections(definitions: Definitions) -> dict[str, JsonSchema]:
    """The sections that are read on from the text, and those that have a model of their own."""
    definitions["input"] = _SHAPE
    definitions["block"] = _block()
    output: JsonSchema = {"type": ["array", "object", "string"], "pattern": EXPRESSION}
    return {
        "layers": STEPS | {"minItems": 1},
        "extends": {"type": "string", "minLength": 1},
        "imports": {"type": "object", "additionalProperties": _NAMES},
        "vars": _named({}, without=ALWAYS | IN_REPEAT),
        "input": _SHAPE,
        "inputs": _named(reference("input"), without=FROM_WORDS) | {"minProperties": 1},
        "blocks": either(
            _named(reference("block"), without={*LAYERS, *STRUCTURES}), {"type": "null"}
        ),
        "expect": _model(Expectations, {"output": output}),
        "preprocess": _model(Preprocess, {}),
    }


_NAMES: JsonSchema = {
    "type": ["array", "string"],
    "items": {"type": "string"},
    "minItems": 1,
}


def _block() -> JsonSchema:
    steps = ("layers", "sequential", "inline")
    args = either(_named({}, without={*COMMON, *ALWAYS, *IN_REPEAT}), {"type": "null"})
    types = {"args": args} | dict.fromkeys(steps, STEPS)
    return {
        "type": "object",
        "properties": {name: text(said) | types[name] for name, said in BLOCK_TEXTS.items()},
        "additionalProperties": False,
        "if": {"type": "object"},
        "then": {"oneOf": [{"required": [name]} for name in steps]},
        "defaultSnippets": [
            {"label": "a block", "body": {"args": {"${1:channels}": "~"}, "layers": ["$2"]}}
        ],
    }


def _named(schema: JsonSchema, without: Any) -> JsonSchema:
    """A mapping by names that an expression can hold, but for some."""
    pattern = rf"^(?!(?:{'|'.join(sorted(without))})$){WORD}$"
    return {
        "type": "object",
        "patternProperties": {pattern: schema},
        "additionalProperties": False,
    }


def _model(model: type[BaseModel], own: dict[str, JsonSchema]) -> JsonSchema:
    """A section with a model of its own, which may be left empty."""
    found: JsonSchema = in_draft_7(model.model_json_schema()) | {"type": ["object", "null"]}
    texts = field_texts(model)
    found["properties"] = {
        name: text(texts[name]) | own.get(name, on_one_line(plainly(field)))
        for name, field in found["properties"].items()
    }
    found |= {key: unoffered(found[key]) for key in OF_THE_WHOLE if key in found}
    return {key: value for key, value in found.items() if key != "description"}
