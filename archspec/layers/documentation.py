"""What the docstrings say of a kind and of each of its fields, as data.

A docstring ends in a section of its class's own fields, each a line, continued on deeper ones:

    Fields:
        kernel_size: Rows of the kernel: one number for every spatial axis, or a list of
            one an axis.

What a class inherits is said in the class that declares it. Python run with -OO has no docstrings,
and every text is empty.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel

from archspec.layers.base import Layer

_SECTION = re.compile(r"^Fields:\n", re.MULTILINE)
_FIELD = re.compile(r"^ {4}(\w+): (.+(?:\n {5,}.+)*)", re.MULTILINE)
_SHAPE = re.compile(r"\([^()]*\)(?:, \([^()]*\))* -> \([^()]*\)")


class KindDocumentation(NamedTuple):
    """What there is to say of a kind, as Markdown.

    `summary` is the docstring's first paragraph, and `description` all of them. `shape` is the
    input's shape and the output's, `(C, ...) -> (out_channels, ...)`. `fields` are those that a
    step of the kind may give, the main one first, then those that it must have; `like` and
    `branches`, which are no fields of the class, come last.
    """

    summary: str
    description: str
    shape: str
    fields: Mapping[str, str]


@cache
def documentation(kind: type[Layer]) -> KindDocumentation:
    """The documentation of a kind. What its docstrings do not say is empty."""
    paragraphs = prose(kind)
    return KindDocumentation(
        summary=paragraphs[0] if paragraphs else "",
        description="\n\n".join(paragraphs),
        shape=_shape(kind),
        fields=_texts(kind, fields_of(kind)),
    )


def fields_of(kind: type[Layer]) -> tuple[str, ...]:
    """The fields that a step of this kind may give, besides those that every step may have."""
    fields = kind.model_fields
    ranked = sorted(
        fields, key=lambda name: (name != kind.main_field, not fields[name].is_required())
    )
    reference = (kind.reference,) if kind.reference else ()
    return (*ranked, *reference, *(("branches",) if kind.takes_many else ()))


def field_texts(model: type[BaseModel]) -> Mapping[str, str]:
    """The texts of a model's fields, in the order of the model."""
    return _texts(model, model.model_fields)


def prose(model: type[BaseModel]) -> list[str]:
    """The paragraphs of a class's own docstring before its fields, each in one line."""
    text = _SECTION.split(inspect.cleandoc(model.__dict__.get("__doc__") or ""))[0]
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]


def _texts(model: type[BaseModel], names: Iterable[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for cls in reversed(_lineage(model)):
        said.update(_section(cls))
    return {name: said.get(name, "") for name in names}


def _section(model: type[BaseModel]) -> dict[str, str]:
    """The fields that a class's own docstring speaks of."""
    _, *sections = _SECTION.split(inspect.cleandoc(model.__dict__.get("__doc__") or ""))
    return {
        name: " ".join(text.split())
        for section in sections
        for name, text in _FIELD.findall(section)
    }


def _shape(kind: type[Layer]) -> str:
    """The first shapes, input and output, that the kind says, or what it is made from."""
    for cls in _lineage(kind):
        found = _SHAPE.search(" ".join(prose(cls)))
        if found:
            return found.group()
    return ""


def _lineage(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The class and those that it is made from, up to pydantic's own."""
    return [cls for cls in model.__mro__ if issubclass(cls, BaseModel) and cls is not BaseModel]
