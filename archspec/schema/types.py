"""pydantic's JSON Schema of a field, in the dialect and the language of a spec.

Editors read draft 7, and any scalar of a spec may be an expression instead. An editor says what is
wrong most plainly of one schema of several types, whose keywords speak of one type each, and less
so of schemas in an `anyOf`: alternatives are joined where that says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

JsonSchema = dict[str, Any]

EXPRESSION = r"\$[A-Za-z_]"
"""What a string holds that is an expression, and no other does."""

_EXPRESSION: JsonSchema = {
    "type": "string",
    "pattern": EXPRESSION,
    "patternErrorMessage": "A string here is an expression, with a $variable.",
}

_NOTES = ("default", "examples", "description", "markdownDescription")
"""Keywords that neither admit nor refuse anything."""

_SAYS_OF = {
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "string": {"minLength", "maxLength", "pattern", "patternErrorMessage"},
    "array": {"items", "additionalItems", "minItems", "maxItems", "uniqueItems"},
    "object": {
        "properties",
        "patternProperties",
        "additionalProperties",
        "required",
        "minProperties",
        "maxProperties",
    },
    "boolean": set[str](),
    "null": set[str](),
}
"""The keywords that speak of one type alone."""
_SAYS_OF["integer"] = _SAYS_OF["number"]


def types_of(schema: JsonSchema) -> tuple[str, ...]:
    """The types that a schema names."""
    named = schema.get("type", ())
    return (named,) if isinstance(named, str) else tuple(named)


def with_expressions(schema: JsonSchema) -> JsonSchema:
    """What a schema admits where any value, and any part of one, may be an expression."""
    members = [_inside(member) for member in _alternatives(schema)]
    if not any(map(_admits_strings, members)):
        members.append(_EXPRESSION)
    return _notes(schema) | _joined(members)


def either(*schemas: JsonSchema) -> JsonSchema:
    """What one of these admits, without their notes."""
    return _joined([member for schema in schemas for member in _alternatives(schema)])


def plainly(schema: JsonSchema) -> JsonSchema:
    """The same, with alternatives joined where their types tell them apart."""
    return _notes(schema) | either(schema)


def on_one_line(schema: JsonSchema) -> JsonSchema:
    """The same, where an editor that writes a field for its author would begin a list for what
    need be none: VS Code's does, wherever `items` stand beside the field's types.
    """
    of_lists = {key: schema[key] for key in schema if key in _SAYS_OF["array"]}
    if "array" not in types_of(schema) or len(types_of(schema)) == 1 or not of_lists:
        return schema
    rest = {key: value for key, value in schema.items() if key not in of_lists}
    return rest | {"if": {"type": "array"}, "then": of_lists}


def unoffered(schema: Any) -> Any:
    """The same, where it says something of fields that are defined elsewhere, and an editor would
    offer each of them a second time.
    """
    if isinstance(schema, list):
        return [unoffered(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: unoffered(value) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        fields = schema["properties"].items()
        found["properties"] = {
            name: said | {"doNotSuggest": True} if isinstance(said, dict) else said
            for name, said in fields
        }
    return found


OF_THE_WHOLE = ("anyOf", "oneOf", "allOf", "not", "if", "then", "else", "dependencies")
"""What a class says of its fields together."""


def without(schema: JsonSchema, *names: str) -> JsonSchema:
    """What a schema admits that is not of these types."""
    members = []
    for member in _alternatives(schema):
        types = [type_ for type_ in types_of(member) if type_ not in names]
        if types or "type" not in member:
            gone = {"type", *_keywords(names)} - _keywords(types)
            left = {key: member[key] for key in member if key not in gone}
            members.append(left | ({"type": _one_or_all(types)} if types else {}))
    return _notes(schema) | _joined(members)


def in_draft_7(schema: Any) -> Any:
    """What pydantic says in draft 2020-12, in draft 7, as a spec would have it: a default that says
    that there is none is none. Titles, which pydantic makes up, are left out.
    """
    if isinstance(schema, list):
        return [in_draft_7(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: JsonSchema = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: in_draft_7(item) for name, item in value.items()}
        elif key == "default":
            if value not in (None, "", [], {}):
                whole = isinstance(value, float) and value.is_integer()
                found[key] = int(value) if whole else value
        elif key in ("examples", "const", "enum"):
            found[key] = value
        elif key == "prefixItems":
            found |= {"items": in_draft_7(value), "additionalItems": schema.get("items", False)}
        elif key == "$ref":
            found[key] = value.replace("#/$defs/", "#/definitions/")
        elif key not in ("title", "$defs") and not (key == "items" and "prefixItems" in schema):
            found[key] = in_draft_7(value)
    return found


def _alternatives(schema: JsonSchema) -> list[JsonSchema]:
    """Schemas without an `anyOf`, one of which admits what this one does."""
    bare = {key: value for key, value in schema.items() if key not in _NOTES}
    if bare.keys() != {"anyOf"}:
        return [bare]
    return [member for part in bare["anyOf"] for member in _alternatives(part)]


def _notes(schema: JsonSchema) -> JsonSchema:
    return {key: schema[key] for key in _NOTES if key in schema}


def _inside(schema: JsonSchema) -> JsonSchema:
    """The schema, whose parts may be expressions."""
    found = dict(schema)
    for key in ("items", "additionalItems", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = with_expressions(found[key])
        elif isinstance(found.get(key), list):
            found[key] = [with_expressions(item) for item in found[key]]
    if "properties" in found:
        parts = found["properties"].items()
        found["properties"] = {name: with_expressions(part) for name, part in parts}
    return found


def _admits_strings(schema: JsonSchema) -> bool:
    """Whether a schema admits any string, of expressions too."""
    return not schema or ("string" in types_of(schema) and not {"pattern", "enum"} & schema.keys())


def _joined(members: Iterable[JsonSchema]) -> JsonSchema:
    """What one of these admits, as one schema where their types tell them apart."""
    joined: list[JsonSchema] = []
    for member in members:
        for index, other in enumerate(joined):
            if _are_apart(member, other):
                types = (*types_of(other), *types_of(member))
                joined[index] = other | member | {"type": _one_or_all(types)}
                break
        else:
            joined.append(member)
    return joined[0] if len(joined) == 1 else {"anyOf": joined}


def _are_apart(one: JsonSchema, other: JsonSchema) -> bool:
    """Whether two schemas are of different types, and speak of these alone."""
    keywords = [{*_keywords(types_of(schema))} for schema in (one, other)]
    both = {*types_of(one)} & {*types_of(other)}
    shared = keywords[0] & keywords[1]
    alone = all(
        "type" in schema and schema.keys() <= own | {"type"}
        for schema, own in zip((one, other), keywords, strict=True)
    )
    return alone and not both and not shared


def _keywords(types: Iterable[str]) -> set[str]:
    return set[str]().union(*(_SAYS_OF[name] for name in types))


def _one_or_all(types: Iterable[str]) -> str | list[str]:
    found = list(types)
    return found[0] if len(found) == 1 else found
