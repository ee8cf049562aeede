"""Every word of the language says what it means."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from archspec.document.documentation import (
    BLOCK_TEXTS,
    COMMON_TEXTS,
    SHORTCUT_TEXTS,
    STRUCTURE_TEXTS,
    VARIABLE_TEXTS,
)
from archspec.document.expectations import Expectations
from archspec.document.model import COMMON, SHORTCUTS, STRUCTURES, Sections
from archspec.document.names import ALWAYS
from archspec.document.settings import IN_REPEAT
from archspec.layers import LAYERS
from archspec.layers.base import Layer
from archspec.layers.documentation import documentation, field_texts, prose
from archspec.preprocess import Preprocess


def _is_text(text: str) -> bool:
    """Whether it is a sentence, or more of them."""
    return text.endswith(".") and (text[0] == "`" or text[0].isupper())


@pytest.mark.parametrize("kind", LAYERS)
def test_a_kind_says_what_it_does_to_a_shape_and_what_each_field_means(kind: str) -> None:
    layer = LAYERS[kind]
    found = documentation(layer)
    assert found.summary and found.description.startswith(found.summary)
    assert "->" in found.shape
    assert {*found.fields} >= {*layer.model_fields}
    assert ("branches" in found.fields) == layer.takes_many
    assert (layer.reference or "branches") in found.fields or layer.reference is None
    for name, text in found.fields.items():
        assert _is_text(text), name


@pytest.mark.parametrize("model", [Sections, Expectations, Preprocess])
def test_every_section_and_what_it_holds_says_what_it_means(model: type[BaseModel]) -> None:
    texts = field_texts(model)
    assert list(texts) == list(model.model_fields)
    for name, text in texts.items():
        assert _is_text(text), name


def test_every_other_word_says_what_it_means() -> None:
    assert tuple(COMMON_TEXTS) == COMMON
    assert {word: tuple(said.fields) for word, said in STRUCTURE_TEXTS.items()} == STRUCTURES
    assert tuple(SHORTCUT_TEXTS) == SHORTCUTS
    assert {*VARIABLE_TEXTS} == ALWAYS | IN_REPEAT
    tables = (COMMON_TEXTS, SHORTCUT_TEXTS, BLOCK_TEXTS, VARIABLE_TEXTS)
    assert all(_is_text(text) for table in tables for text in table.values())


@pytest.mark.parametrize("kind", LAYERS)
def test_a_docstring_speaks_of_no_field_that_is_not_there(kind: str) -> None:
    for cls in LAYERS[kind].__mro__:
        if not (issubclass(cls, Layer) and cls is not Layer):
            continue
        _, _, section = (cls.__doc__ or "").partition("    Fields:\n")
        names = [line.split(":")[0].strip() for line in section.splitlines() if line[8:9].strip()]
        assert {*names} <= {*cls.model_fields, cls.reference}, cls


class _Base(Layer):
    """A base.

    Fields:
        a: The first
            and its second line.
        b: Of the base.
    """

    a: int
    b: int = 1


class _Derived(_Base):
    """A kind: (C,) -> (C,).

    Over two
    paragraphs.

    Fields:
        b: Of the kind.
        c: What it has besides.
    """

    main_field = "c"

    c: int = 2
    d: int


class _Silent(_Derived):
    pass


def test_a_docstring_is_read_along_the_classes_that_a_kind_is_made_from() -> None:
    found = documentation(_Derived)
    assert found.summary == "A kind: (C,) -> (C,)."
    assert found.description == "A kind: (C,) -> (C,).\n\nOver two paragraphs."
    assert found.shape == "(C,) -> (C,)"
    assert list(found.fields.items()) == [
        ("c", "What it has besides."),
        ("a", "The first and its second line."),
        ("d", ""),
        ("b", "Of the kind."),
    ]


def test_a_kind_that_says_nothing_has_the_texts_of_the_fields_that_it_inherits() -> None:
    found = documentation(_Silent)
    assert (found.summary, found.description) == ("", "")
    assert found.fields == documentation(_Derived).fields
    assert prose(_Silent) == []
