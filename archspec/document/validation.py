"""pydantic's errors, said in the words of a spec and at the place in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archspec.diagnostics import Sink, Span
from archspec.expressions import describe
from archspec.layers.base import LayerError
from archspec.source import KeyPath, Plain
from archspec.words import closest, suggestion

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "finite_number": "a finite number",
}


def validate(
    model: type[Model],
    values: dict[str, Plain],
    place: Callable[[KeyPath], Span],
    sink: Sink,
    *,
    subject: str,
    ignored: Iterable[str] = (),
    key_place: Callable[[KeyPath], Span] | None = None,
) -> Model | None:
    """`values` as a `model`, or None where that is reported to `sink`.

    `place` gives the place of the value at a path, and of the whole for the empty one, `key_place`
    that of its key; `subject` is what the values belong to, as messages call it. Errors about
    `ignored` fields are dropped; where there are any, fields need not go together.
    """
    try:
        return model.model_validate(values)
    except LayerError as error:
        # Fields that do not go together, which can be said once all of them are known.
        if not tuple(ignored):
            at = place((error.field,) if error.field else ())
            sink.report(error.code, error.message, at, help=error.help)
        return None
    except ValidationError as error:
        seen = set(ignored)
        for details in error.errors(include_url=False, include_context=True):
            # A union reports once for each of its members: the first speaks for all.
            field = str(details["loc"][0]) if details["loc"] else ""
            if field not in seen:
                seen.add(field)
                _report(model, details, place, sink, subject, key_place)
        return None
    except Exception as error:
        if model.__module__.startswith("archspec."):
            raise
        message = f"{subject} cannot be made: {type(error).__name__}: {error}"[:300]
        help = f"mend {model.__module__}.{model.__name__}, which is from outside"
        sink.report("AS214", message, place(()), help=help)
        return None


def _report(
    model: type[BaseModel],
    details: ErrorDetails,
    place: Callable[[KeyPath], Span],
    sink: Sink,
    subject: str,
    key_place: Callable[[KeyPath], Span] | None,
) -> None:
    path: KeyPath = details["loc"]
    field = ".".join(str(step) for step in path if isinstance(step, str))
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "missing":
        sink.report("AS204", f"{subject} needs `{field}`", place(path[:-1]), help=_addition(field))
    elif kind == "extra_forbidden":
        known = _model_at(model, path[:-1]).model_fields
        help = suggestion(str(path[-1]), known, f"it takes {listed(known)}")
        within = f"`{'.'.join(map(str, path[:-1]))}`" if len(path) > 1 else subject
        sink.report("AS203", f"{within} has no `{path[-1]}`", (key_place or place)(path), help=help)
    elif kind == "literal_error":
        expected = context["expected"].replace("'", "`").replace(" or ", ", or ")
        near = closest(value, context["expected"].split("'")[1::2]) if type(value) is str else None
        help = f"did you mean `{near}`?" if near else f"write {expected}"
        message = f"`{field}` must be {expected}, not {describe(value)}"
        sink.report("AS206", message, place(path), help=help)
    elif kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        message = f"`{field}` must be {word} {context[key]}, not {describe(value)}"
        sink.report("AS206", message, place(path), help=f"make it {word} {context[key]}")
    elif kind in ("value_error", "assertion_error"):  # of a class from outside
        message = f"the fields of {subject} do not go together: {context['error']}"
        if field:
            message = f"`{field}` of {subject} cannot be {describe(value)}: {context['error']}"
        sink.report("AS206", message, place(path), help="change it")
    else:
        expected = context.get("expected") or _EXPECTED.get(kind) or details["msg"]
        message = f"`{field}` must be {expected}, not {describe(value)}"
        code = "AS206" if kind == "range" else "AS205"
        help = context.get("help") or _way_out(kind, value) or f"write {expected}"
        sink.report(code, message, place(path), help=help)


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel]:
    """The model of what lies at `path` inside a `model`."""
    for step in path:
        annotation = model.model_fields[str(step)].annotation
        members = (annotation, *get_args(annotation))
        inner = [m for m in members if isinstance(m, type) and issubclass(m, BaseModel)]
        model = inner[0] if inner else model
    return model


def _addition(field: str) -> str:
    """How to write a field that is missing."""
    return "add `archspec: 1`, the language's version" if field == "archspec" else f"add `{field}:`"


_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
    "string_too_short": ("a string of length at least", "min_length"),
    "string_too_long": ("a string of length at most", "max_length"),
}


_EXAMPLES = {
    "int_type": "write a whole number: 3",
    "int_from_float": "write a whole number: 3",
    "float_type": "write a number: 0.5",
    "bool_type": "write true, or false",
    "string_type": "write a word, or a text in quotes",
    "tuple_type": "write a list: [a, b]",
    "dict_type": "write a mapping: {key: value}",
    "model_type": "write a mapping: {key: value}",
    "finite_number": "write a number that is not infinite",
}


def _way_out(kind: str, value: Plain) -> str:
    if isinstance(value, str) and kind in ("bool_type", "int_type", "float_type"):
        if value.lower() in ("yes", "on", "no", "off"):
            return f"write {str(value.lower() in ('yes', 'on')).lower()}"
        if value.replace(".", "", 1).isdigit():
            return f"remove the quotes: {value}"
    if kind in ("int_type", "int_from_float") and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}; in an expression, divide with `//`"
    if kind in ("int_type", "int_from_float") and isinstance(value, float):
        return "write a whole number, or round it: `round(...)`, `//`"
    if kind == "string_type" and type(value) in (int, float):
        return f'put it in quotes: "{value}"'
    return _EXAMPLES.get(kind, "")


def listed(words: Iterable[str]) -> str:
    """`a, b, c`, in backticks."""
    return ", ".join(f"`{word}`" for word in words) or "no fields"
