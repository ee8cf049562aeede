"""pydantic's errors, said in the words of a spec and at the place in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archspec.diagnostics import Fix, Sink, Span
from archspec.document.mending import first_line, readings, replacing, respelling
from archspec.document.settings import weight
from archspec.expressions import describe
from archspec.layers.base import LayerError
from archspec.source import KeyPath, Plain, text_at
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
    variables: Set[str] = frozenset(),
) -> Model | None:
    """`values` as a `model`, or None where that is reported to `sink`.

    `place` gives the place of the value at a path, and of the whole for the empty one, `key_place`
    that of its key; `subject` is what the values belong to, as messages call it. Errors about
    `ignored` fields are dropped; where there are any, fields need not go together. `variables` are
    those that the values could have been.
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
        missing: dict[KeyPath, list[str]] = {}
        for details in error.errors(include_url=False, include_context=True):
            # A union reports once for each of its members: the first speaks for all.
            field = str(details["loc"][0]) if details["loc"] else ""
            if field not in seen:
                seen.add(field)
                if details["type"] == "missing":
                    missing.setdefault(details["loc"][:-1], []).append(str(details["loc"][-1]))
                else:
                    _report(model, values, details, place, sink, subject, key_place, variables)
        for path, names in missing.items():
            _report_missing(model, names, place(path), sink, subject)
        return None
    except Exception as error:
        if model.__module__.startswith("archspec."):
            raise
        message = f"{subject} cannot be made: {type(error).__name__}: {error}"[:300]
        help = f"mend {model.__module__}.{model.__name__}, which is from outside"
        sink.report("AS214", message, place(()), help=help)
        return None


def _report_missing(
    model: type[BaseModel], names: list[str], at: Span, sink: Sink, subject: str
) -> None:
    """Report all that is missing at one place, the main field first."""
    names.sort(key=lambda name: name != getattr(model, "main_field", None))
    keys = " and ".join(
        "`archspec: 1`, the language's version," if name == "archspec" else f"`{name}:`"
        for name in names
    )
    fix = first_line(at, "archspec: 1") if "archspec" in names else None
    help = f"add {keys}".rstrip(",")
    sink.report("AS204", f"{subject} needs {anded(names)}", at, help=help, fix=fix)


def _report(
    model: type[BaseModel],
    values: dict[str, Plain],
    details: ErrorDetails,
    place: Callable[[KeyPath], Span],
    sink: Sink,
    subject: str,
    key_place: Callable[[KeyPath], Span] | None,
    variables: Set[str],
) -> None:
    path: KeyPath = details["loc"]
    field = ".".join(str(step) for step in path if isinstance(step, str))
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        known = _model_at(model, path[:-1]).model_fields
        help = suggestion(str(path[-1]), known, f"it takes {listed(known)}")
        within = f"`{'.'.join(map(str, path[:-1]))}`" if len(path) > 1 else subject
        at = (key_place or place)(path)
        fix = respelling(str(path[-1]), known, at) if key_place else None
        sink.report("AS203", f"{within} has no `{path[-1]}`", at, help=help, fix=fix)
    elif kind == "literal_error":
        expected = context["expected"].replace("'", "`").replace(" or ", ", or ")
        words, near, fix = context["expected"].split("'")[1::2], None, None
        if type(value) is str:
            near, at = closest(value, words), place(path)
            fix = respelling(value, words, at) if text_at(at).strip("'\"") == value else None
        help = f"did you mean `{near}`?" if near else f"write {expected}"
        message = f"`{field}` must be {expected}, not {describe(value)}"
        sink.report("AS206", message, place(path), help=help, fix=fix)
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
        if "at" in context:  # One item of a list is to blame.
            path, value = (*path, context["at"]), value[context["at"]]
            field = f"{field}[{context['at']}]"
        message = f"`{field}` must be {expected}, not {shown(value)}"
        code = "AS206" if kind == "range" or context.get("is_of_type") else "AS205"
        from archspec.document.hints import way_out  # Most specs are right.

        written = text_at(place(path))
        help = context.get("help") or way_out(context.get("as", kind), value, variables, written)
        help = help or f"write {expected}"
        fix = _retyping(model, values, path, value, place(path))
        sink.report(code, message, place(path), help=help, fix=fix)


def shown(value: Plain) -> str:
    """A value as a message shows what was found: lists and mappings as they are, where short."""
    if isinstance(value, tuple | dict) and weight(value, _SHOWN) <= _SHOWN:
        text = yaml_of(value)
        return text if len(text) <= _SHOWN else describe(value)
    return describe(value)


_SHOWN = 40
"""Characters of a value in a message."""


def yaml_of(value: Plain) -> str:
    """A value as one would write it in a line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml_of(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(yaml_of, value))}]"
    constants = {None: "~", True: "true", False: "false"}
    return constants[value] if value is None or isinstance(value, bool) else str(value)[:_SHOWN]


def _retyping(
    model: type[BaseModel], values: dict[str, Plain], path: KeyPath, value: Plain, at: Span
) -> Fix | None:
    """The fix of a value of a wrong type that would be right if it were written otherwise."""
    for meant, text in readings(value, at):
        if _admits(model, _with(values, path, meant), path):
            return replacing(at, text)
    return None


def _with(values: Plain, path: KeyPath, value: Plain) -> Plain:
    """The values with another one at `path`; as they are, where there is none."""
    step, *rest = path
    if isinstance(values, dict) and step in values:
        return {**values, step: _with(values[step], tuple(rest), value) if rest else value}
    return values


def _admits(model: type[BaseModel], values: dict[str, Plain], path: KeyPath) -> bool:
    """Whether nothing is wrong with the value at `path`, whatever else is."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return not any(details["loc"][: len(path)] == path for details in error.errors())
    except LayerError as error:
        return error.field != path[0]
    except Exception:  # a class from outside raises what it likes
        return False
    return True


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel]:
    """The model of what lies at `path` inside a `model`."""
    for step in path:
        annotation = model.model_fields[str(step)].annotation
        members = (annotation, *get_args(annotation))
        inner = [m for m in members if isinstance(m, type) and issubclass(m, BaseModel)]
        model = inner[0] if inner else model
    return model


_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
    "string_too_short": ("a string of length at least", "min_length"),
    "string_too_long": ("a string of length at most", "max_length"),
}


def listed(words: Iterable[str]) -> str:
    """`a, b, c`, in backticks."""
    return ", ".join(f"`{word}`" for word in words) or "no fields"


def anded(names: Iterable[str]) -> str:
    """`a`, `b` and `c`, in backticks."""
    *others, last = [f"`{name}`" for name in names]
    return f"{', '.join(others)} and {last}" if others else last
