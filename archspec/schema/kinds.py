"""The JSON Schema of a kind of layer: what may stand behind its word."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from archspec.document.documentation import COMMON_TEXTS
from archspec.layers.base import Layer
from archspec.layers.documentation import documentation, fields_of
from archspec.schema.types import (
    EXPRESSION,
    OF_THE_WHOLE,
    JsonSchema,
    either,
    in_draft_7,
    on_one_line,
    unoffered,
    with_expressions,
    without,
)
from archspec.source import Plain


def text(markdown: str) -> JsonSchema:
    """A description, for editors that read Markdown and for those that do not."""
    plain = {"description": markdown.replace("`", "")} if markdown else {}
    return plain | ({"markdownDescription": markdown} if "`" in markdown else {})


def reference(name: str) -> JsonSchema:
    """What stands for a definition."""
    return {"$ref": f"#/definitions/{name}"}


STEPS: JsonSchema = {"type": "array", "items": reference("step")}

NAME: JsonSchema = {"type": "string", "minLength": 1}
"""The name of a value or a step."""

_SHAPE: JsonSchema = {
    "type": ["array", "string"],
    "pattern": EXPRESSION,
    "items": {"type": ["integer", "string"], "minimum": 1},
    "minItems": 1,
    "defaultSnippets": [{"label": "[channels, height, width]", "body": "[$1]"}],
}

_COMMON_TYPES: dict[str, JsonSchema] = {
    "name": {
        "type": "string",
        "maxLength": 400,
        "pattern": r"^[A-Za-z0-9_]{1,100}$|\$[A-Za-z_]|\{.*\}",
        "patternErrorMessage": "A name has letters, digits and _.",
    },
    "from": {"type": ["string", "array"], "minLength": 1, "items": NAME, "minItems": 1},
    "repeat": with_expressions({"type": "integer", "minimum": 0}) | {"examples": [2]},
    "when": with_expressions({"type": "boolean"}),
    "expect": _SHAPE,
    "shares": NAME,
}

COMMON: dict[str, JsonSchema] = {
    name: text(said) | on_one_line(_COMMON_TYPES[name]) for name, said in COMMON_TEXTS.items()
}
"""The fields that every step may have."""


def common() -> dict[str, JsonSchema]:
    """References to the fields that every step may have."""
    return {name: reference(f"step.{name}") for name in COMMON}


class Definitions(dict[str, JsonSchema]):
    """Definitions by name; what says the same is one definition, under its first name."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[str, str] = {}

    def take(self, name: str, schema: JsonSchema) -> JsonSchema:
        """A reference to a schema, which becomes a definition of this name if it is a new one."""
        known = self._names.setdefault(json.dumps(schema, sort_keys=True), name)
        self.setdefault(known, schema)
        return reference(known)


def add_kind(kind: type[Layer], definitions: Definitions) -> JsonSchema:
    """What may stand behind the word of a kind, as a reference among the definitions.

    That is a mapping of fields, the value of its main field, or nothing where it needs none.
    """
    said = documentation(kind)
    model = _model(kind)
    for name, inner in kind.model_json_schema().get("$defs", {}).items():
        definitions[name] = in_draft_7(inner)
    own = {
        name: text(said.fields[name]) | _field(kind, name, model["properties"].get(name))
        for name in said.fields
    }
    shown = {name: definitions.take(f"{kind.kind}.{name}", on_one_line(own[name])) for name in own}
    required = model.get("required", [])
    fields: JsonSchema = {
        "properties": {**shown, **common()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
        **{key: unoffered(model[key]) for key in OF_THE_WHOLE if key in model},
    }
    if kind.takes_many:
        values = {"anyOf": [{"required": ["branches"]}, {"required": ["from"]}]}
        fields["allOf"] = [*fields.get("allOf", ()), values]
    shape = [f"`{said.shape}`"] if said.shape else []
    notes = text("\n\n".join([*shape, said.description]))
    body = {"title": kind.kind} | notes | _body(kind, fields, own)
    definitions[kind.kind] = body
    return reference(kind.kind)


@cache
def _model(kind: type[Layer]) -> JsonSchema:
    """What pydantic says of a kind's fields."""
    model: JsonSchema = in_draft_7(kind.model_json_schema())
    return {"properties": {}} | model


def is_bare(kind: type[Layer]) -> bool:
    """Whether a kind needs no field: its word alone is a step."""
    model = _model(kind)
    needs = any(model.get(key) for key in ("required", "anyOf", "oneOf"))
    return not (needs or kind.takes_many)


def _body(kind: type[Layer], fields: JsonSchema, own: dict[str, JsonSchema]) -> JsonSchema:
    """A mapping of fields, or the value of the main field by itself, or nothing.

    What is no mapping is judged apart, so that what is wrong with it can be said plainly.
    """
    body: JsonSchema = {"if": {"type": "object"}, "then": fields}
    required, bare = fields.get("required", []), is_bare(kind)
    if kind.main_field is None or not {*required} <= {kind.main_field}:
        if bare:
            return body | {"else": {"type": ["object", "null"]}}
        return body | {"else": {"type": "object"}} | snippet(_first_fields(kind, required))
    # A mapping always has fields by name, and nothing is no field's value.
    main = without(own[kind.main_field], "object", "null")
    nothing: list[JsonSchema] = [{"type": "null"}] if bare else []
    examples = [*main.get("examples", ()), *_words(main)]
    return {
        **body,
        "else": either(main, *nothing),
        # Apart, or VS Code writes a colon after the word of a kind that needs no fields.
        **({"allOf": [{"examples": examples}]} if examples else {}),
        **({} if bare else snippet("$1")),
    }


def snippet(text: str) -> JsonSchema:
    """What VS Code writes behind a word. It does not know that the word stands in a list, whose
    dash indents what belongs to it.
    """
    body = text.replace("\n", "\n    ")
    return {"defaultSnippets": [{"label": "fields", "body": body}]}


def _first_fields(kind: type[Layer], required: list[str]) -> str:
    """The fields to begin with, for an author to fill in."""
    if kind.takes_many:
        return "\nfrom: [${1:previous}, $2]"
    names = [name for name in fields_of(kind) if name in required or not required]
    return "".join(f"\n{name}: ${number}" for number, name in enumerate(names, 1))


def _words(schema: JsonSchema) -> list[Any]:
    """The words that a schema admits."""
    members = schema.get("anyOf", [schema])
    return [word for member in members for word in member.get("enum", ())]


def _field(kind: type[Layer], name: str, schema: JsonSchema | None) -> JsonSchema:
    """What a field admits."""
    if name == "branches":
        return {"type": "array", "items": STEPS, "minItems": 2}
    if schema is None:
        return dict(NAME)  # the name of another value
    default = _written(kind, name, schema)
    schema = {key: value for key, value in schema.items() if key != "default"}
    return with_expressions(schema) | ({} if default is None else {"default": default})


def _written(kind: type[Layer], name: str, schema: JsonSchema) -> Plain:
    """A field's default as a spec would have it; None where it has none, or none to write."""
    default = schema.get("default")
    if default is None or isinstance(default, bool | int | float | str):
        return default
    # Of what is written in some other way than it is kept, an example may mean the same.
    field = kind.model_fields[name]
    type_: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
    for example in schema.get("examples", ()):
        try:
            if type_.validate_python(example) == field.default:
                return cast(Plain, example)
        except ValidationError:
            continue
    return None
