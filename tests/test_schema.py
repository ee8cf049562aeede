"""The JSON Schema that editors read takes what archspec takes, and refuses what it refuses."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError as Refusal
from jsonschema.exceptions import best_match
from pydantic import BaseModel, TypeAdapter, ValidationError

from archspec import source, zoo
from archspec.cli import main
from archspec.diagnostics import Diagnostic, Severity, Sink, Span
from archspec.document.documentation import BLOCK_TEXTS, COMMON_TEXTS, STRUCTURE_TEXTS
from archspec.document.expectations import Expectations
from archspec.document.model import STRUCTURES, Sections
from archspec.kinds import Vocabulary, read_kinds
from archspec.layers import LAYERS
from archspec.layers.base import LayerError
from archspec.layers.documentation import documentation
from archspec.pipeline import compile_bytes, compile_file
from archspec.preprocess import Preprocess
from archspec.schema import json_schema
from archspec.schema.types import on_one_line, with_expressions, without
from archspec.source import Value
from tests.kinds import CASES
from tests.profiles import examples
from tests.specs import unmarked
from tests.strategies_fields import fields_of, frozen, shapes
from tests.test_diagnostics import BROKEN

ROOT = Path(__file__).parent.parent
COMMITTED = ROOT / "docs" / "archspec.schema.json"
SCHEMA = json_schema(Vocabulary())
VALIDATOR = Draft7Validator(SCHEMA)
SNAKE = ROOT / "examples" / "snake"

STRUCTURAL = {"AS201", "AS203", "AS204", "AS205", "AS206", "AS210"}
"""The codes of what one value shows by itself, where no expression is involved, nor a block, nor
another file.
"""
ALSO_SEEN = {
    "AS004": "an empty file has no sections",
    "AS202": "a word that no block may have, or that is meant for a kind",
    "AS207": "a name that none may have",
    "AS208": "a block or an argument called as a word of the language",
    "AS404": "a number too large for any field",
}
"""Other codes, some of whose errors the schema refuses too."""


def thawed(value: Any) -> Any:
    """A value of our YAML reader as JSON has it."""
    if isinstance(value, tuple):
        return [thawed(item) for item in value]
    if isinstance(value, dict):
        return {key: thawed(item) for key, item in value.items()}
    return value


def parsed(name: str, text: bytes) -> Value | None:
    """A spec's values with their places; None where it is no YAML."""
    sink = Sink()
    decoded = source.decode(name, text, sink)
    value = None if decoded is None else source.parse(decoded, sink)
    return None if sink.has_errors else value


def refusals(document: Any) -> list[Refusal]:
    return list(VALIDATOR.iter_errors(document))


def of_steps(*steps: Any, **sections: Any) -> dict[str, Any]:
    """A spec of these steps."""
    head = {"archspec": 1, "name": "t", "input": [3, 8, 8]}
    return head | sections | {"layers": [*steps]}


def is_taken(*steps: Any, **sections: Any) -> bool:
    return not refusals(of_steps(*steps, **sections))


# What it is


def test_it_is_a_schema_of_draft_7() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from _parts(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _parts(part)


def test_every_reference_has_its_definition_and_every_definition_its_use() -> None:
    used = {part["$ref"] for part in _parts(SCHEMA) if isinstance(part.get("$ref"), str)}
    assert used == {f"#/definitions/{name}" for name in SCHEMA["definitions"]}


def test_the_committed_file_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == COMMITTED.read_text("utf-8")


def _definition(schema: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")]
    return found


@pytest.mark.parametrize("kind", LAYERS)
def test_every_field_of_a_kind_has_its_text_and_its_default(kind: str) -> None:
    layer, body = LAYERS[kind], SCHEMA["definitions"][kind]
    assert body["title"] == kind
    assert documentation(layer).summary in body.get("markdownDescription", body["description"])
    fields = body["then"]["properties"]
    assert {*fields} == {*documentation(layer).fields, *COMMON_TEXTS}
    for name, schema in fields.items():
        field = _definition(schema)
        text = {**documentation(layer).fields, **COMMON_TEXTS}[name]
        assert field.get("markdownDescription", field["description"]) == text
        assert field["description"] == text.replace("`", "")
        info = layer.model_fields.get(name)
        if info is None or info.is_required() or info.default is None:
            assert "default" not in field
        else:
            type_: TypeAdapter[Any] = TypeAdapter(info.rebuild_annotation())
            assert type_.validate_python(frozen(field["default"])) == info.default


def test_sections_structures_and_blocks_have_their_texts() -> None:
    sections = SCHEMA["properties"]
    assert [*sections] == [*Sections.model_fields]
    assert [*sections["preprocess"]["properties"]] == [*Preprocess.model_fields]
    assert [*sections["expect"]["properties"]] == [*Expectations.model_fields]
    block = SCHEMA["definitions"]["block"]["properties"]
    assert [*block] == [*BLOCK_TEXTS]
    held = [sections["preprocess"]["properties"], sections["expect"]["properties"], block]
    assert all(field["description"] for fields in (sections, *held) for field in fields.values())
    for word, names in STRUCTURES.items():
        fields = SCHEMA["definitions"][word]["then"]["properties"]
        assert {*fields} == {*names, *COMMON_TEXTS}
        for name in names:
            text = STRUCTURE_TEXTS[word].fields[name]
            assert _definition(fields[name])["description"] == text.replace("`", "")


def test_words_that_are_steps_alone_are_offered_with_their_texts() -> None:
    offered = {part["const"]: part for part in SCHEMA["definitions"]["step"]["anyOf"][2:]}
    assert {word for word in LAYERS if is_taken(word)} == {*offered}
    assert {"relu", "flatten", "batch_norm", "dropout"} <= {*offered}
    for word, part in offered.items():
        assert part["description"] == SCHEMA["definitions"][word]["description"]


# What it takes


def _specs() -> list[Path]:
    examples = [*(ROOT / "examples").glob("*.yaml"), *SNAKE.glob("*.yaml")]
    return [*zoo.networks().values(), *examples]


@pytest.mark.parametrize("path", _specs(), ids=lambda path: path.stem)
def test_every_spec_that_we_ship_is_taken(path: Path) -> None:
    value = parsed(str(path), path.read_bytes())
    assert value is not None
    assert refusals(thawed(source.plain(value))) == []


@pytest.mark.parametrize("kind", LAYERS)
def test_every_row_of_the_kinds_options_is_taken(kind: str) -> None:
    rows = [case for case in CASES if case.kind == kind]
    assert rows
    steps = []
    for case in rows:
        fields = thawed(case.fields)
        if len(case.shapes) > 1 and LAYERS[kind].reference:
            fields[LAYERS[kind].reference] = "other"
        elif LAYERS[kind].takes_many:
            fields["from"] = ["a", "b"]
        steps.append({kind: fields})
    assert refusals(of_steps(*steps)) == []


@pytest.mark.parametrize(
    "step",
    [
        "$act",
        "$act if $first else relu",
        {"$act": {"from": "a", "anything": 1}},
        {"$act": None},
        "basic",
        {"basic": {"channels": [1, 2], "repeat": "$depth", "name": "layer$number"}},
        {"basic": None},
        {"snake": 2},
        {"relu": None},
        {"dropout": None},
        {"dropout": 0.5},
        {"dropout": "$rate"},
        {"mean": {"axes": None}},
        {"conv": {"out_channels": "$width * 2", "kernel_size": ["$k", 3], "padding": "$k // 2"}},
        {"conv": {"out_channels": 4, "kernel_size": 3, "padding": {"total": "$k - 1"}}},
        {"conv": {"out_channels": 4, "kernel_size": 3, "padding": [["$a", 1], 2]}},
        {"filter": [[1, "$a"], [0, 0.5]]},
        {"residual": [{"fc": 3}, "relu"]},
        {"residual": {"layers": [], "shortcut": ["relu"], "when": "$x > 1"}},
        {"sequential": ["relu", {"sequential": [{"gelu": "tanh"}]}]},
        {"add": {"branches": [[], ["relu", {"fc": 3}]]}},
        {"add": {"from": "x"}},
        {"upsample": {"like": "x", "mode": "bilinear", "align_corners": True}},
        {"upsample": {"scale_factor": 2, "mode": "$mode", "align_corners": True}},
        {"relu": {"expect": [3, "(H + 1) // 2", "W"], "name": "r{$index + 2}"}},
        {"relu": {"expect": "$shape", "from": ["a", "previous"], "shares": "a"}},
    ],
    ids=str,
)
def test_a_step_that_may_be_right_is_taken(step: Any) -> None:
    assert is_taken(step)


@pytest.mark.parametrize(
    "document",
    [
        {"archspec": 1, "name": "a", "extends": "resnet50", "vars": {"n": [3, 4]}},
        {"archspec": 1, "blocks": {"b": {"layers": ["relu"]}}},
        {"archspec": 1, "blocks": {"b": {"inline": []}}, "vars": {"a": {"b": None}}},
        {"archspec": 1, "blocks": {"b": {"layers": []}}, "imports": {"o.yaml": ["a", "c"]}},
        {"archspec": 1, "name": "a", "inputs": {"l": [3], "r": [3, "H"]}, "layers": ["b"]},
        of_steps("relu", imports={"other.yaml": "basic"}, outputs=["relu1"], references=["x"]),
        of_steps("relu", expect={"params": "<= 5M", "macs": 12, "output": [3, "$n", 8]}),
        of_steps("relu", expect={"output": {"a": [3], "b": [4]}}, blocks=None, labels=["a"]),
        of_steps("relu", preprocess={"channels": "gray", "mean": [0.5], "resize": [4, 5]}),
        of_steps("relu", preprocess={"mean": [1, 2, 3], "std": 2.5, "crop": 4}, labels="l.txt"),
        of_steps("relu", blocks={"b": {"args": {"a": None, "c": "$in"}, "sequential": ["$a"]}}),
        of_steps("relu", input="$shape"),
    ],
    ids=str,
)
def test_a_file_that_may_be_right_is_taken(document: Any) -> None:
    assert refusals(document) == []


# What it refuses


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ("conv", []),
        ("Conv2d", []),
        ("ReLU", []),
        ("max pool", []),
        (3, []),
        (None, []),
        ({}, []),
        ({"relu": None, "tanh": None}, []),
        ({"BatchNorm2d": {}}, []),
        ({"conv": None}, ["conv"]),
        ({"conv": 64}, ["conv"]),
        ({"conv": [64]}, ["conv"]),
        ({"relu": 1}, ["relu"]),
        ({"dropout": 2}, ["dropout"]),
        ({"fc": None}, ["fc"]),
        ({"fc": "ten"}, ["fc"]),
        ({"fc": 0}, ["fc"]),
        ({"pad": {"total": 1}}, ["pad"]),
        ({"conv": {"out_channels": 4}}, ["conv"]),
        ({"conv": {"out_channels": 4, "kernel_size": 3, "kernal": 2}}, ["conv"]),
        ({"conv": {"out_channels": None, "kernel_size": 3}}, ["conv", "out_channels"]),
        ({"conv": {"out_channels": 4, "kernel_size": [3, 0]}}, ["conv", "kernel_size", 1]),
        ({"conv": {"out_channels": 4, "kernel_size": []}}, ["conv", "kernel_size"]),
        (
            {"conv": {"out_channels": 4, "kernel_size": 3, "padding": "full"}},
            ["conv", "padding"],
        ),
        ({"conv": {"out_channels": 4, "kernel_size": 3, "bias": "yes"}}, ["conv", "bias"]),
        ({"pad": {"padding": 1, "mode": "reflect", "value": 2}}, ["pad", "value"]),
        ({"clamp": {}}, ["clamp"]),
        ({"clamp": {"min": None}}, ["clamp", "min"]),
        ({"split": {"parts": 2, "sizes": [1, 2]}}, ["split"]),
        ({"upsample": None}, ["upsample"]),
        ({"upsample": {"size": 3, "like": "a"}}, ["upsample"]),
        ({"upsample": {"size": 3, "align_corners": True}}, ["upsample", "align_corners"]),
        ({"add": None}, ["add"]),
        ({"add": {"branches": [["relu"]]}}, ["add", "branches"]),
        ({"add": {"branches": [[], ["conv"]]}}, ["add", "branches", 1, 0]),
        ({"sequential": None}, ["sequential"]),
        ({"residual": {"layers": [{"fc": "x"}]}}, ["residual", "layers", 0, "fc"]),
        ({"residual": {"layers": [], "shortcut": "projecton"}}, ["residual", "shortcut"]),
        ({"relu": {"repeat": -1}}, ["relu", "repeat"]),
        ({"relu": {"repeat": None}}, ["relu", "repeat"]),
        ({"relu": {"when": 1}}, ["relu", "when"]),
        ({"relu": {"name": "a.b"}}, ["relu", "name"]),
        ({"relu": {"from": []}}, ["relu", "from"]),
        ({"relu": {"from": 3}}, ["relu", "from"]),
        ({"relu": {"expect": 3}}, ["relu", "expect"]),
        ({"basic": {"repeat": "often"}}, ["basic", "repeat"]),
        ({"$act": 3}, ["$act"]),
        ({"$act": {"branches": [[], []]}}, ["$act"]),
    ],
    ids=str,
)
def test_a_wrong_step_is_refused_where_it_is_wrong(step: Any, path: list[Any]) -> None:
    found = best_match(refusals(of_steps("relu", step)))
    assert found is not None
    assert list(found.absolute_path) == ["layers", 1, *path]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (None, []),
        ([], []),
        ({"archspec": 1}, []),
        ({"archspec": 1, "name": "a", "extends": "b", "layer": ["relu"]}, []),
        ({"name": "a", "extends": "b"}, []),
        ({"archspec": 1, "extends": "b"}, []),
        ({"archspec": 1, "name": "a", "blocks": {}}, []),
        (of_steps(), ["layers"]),
        (of_steps("relu", archspec=2), ["archspec"]),
        (of_steps("relu", archspec=True), ["archspec"]),
        (of_steps("relu", name=""), ["name"]),
        (of_steps("relu", vars=None), ["vars"]),
        (of_steps("relu", vars={"a-b": 1}), ["vars"]),
        (of_steps("relu", input=[]), ["input"]),
        (of_steps("relu", input=[3, 0]), ["input", 1]),
        (of_steps("relu", input=[1, 2, 3, 4, 5]), ["input"]),
        (of_steps("relu", inputs={"a": [3]}), []),
        (of_steps("relu", extends=""), ["extends"]),
        (of_steps("relu", imports={"a.yaml": []}), ["imports", "a.yaml"]),
        (of_steps("relu", blocks={"b": {"layers": ["relu"], "inline": []}}), ["blocks", "b"]),
        (of_steps("relu", blocks={"conv": {"layers": ["relu"]}}), ["blocks"]),
        (of_steps("relu", blocks={"b": {"args": ["a"], "layers": []}}), ["blocks", "b", "args"]),
        (of_steps("relu", expect={"params": "many"}), ["expect", "params"]),
        (of_steps("relu", expect={"params": -1}), ["expect", "params"]),
        (of_steps("relu", expect={"flops": 3}), ["expect"]),
        (of_steps("relu", preprocess={"std": 0}), ["preprocess", "std"]),
        (of_steps("relu", preprocess={"mean": [1, 2]}), ["preprocess", "mean"]),
        (of_steps("relu", preprocess={"crop": 99999}), ["preprocess", "crop"]),
        (of_steps("relu", preprocess={"channels": "cmyk"}), ["preprocess", "channels"]),
        (of_steps("relu", labels=3), ["labels"]),
        (of_steps("relu", labels=[3]), ["labels", 0]),
    ],
    ids=str,
)
def test_a_wrong_file_is_refused_where_it_is_wrong(document: Any, path: list[Any]) -> None:
    found = best_match(refusals(document))
    assert found is not None
    assert list(found.absolute_path) == path


def test_a_word_that_a_block_may_have_is_taken_and_a_slip_of_a_kinds_is_not() -> None:
    for word in ("basic", "conv_bn", "relu_", "convolution", "norm2d", "Bottleneck", "bn", "cat"):
        assert is_taken(word) and is_taken({word: {"channels": 3}}), word
    for word in ("Conv", "conv2d", "Conv_2d", "MaxPool2d", "maxpool", "RELU6", "Flatten", "Add"):
        assert not is_taken(word) and not is_taken({word: {"channels": 3}}), word


# Broken specs

UNSEEN = {
    "1.0 for a version": "JSON has one kind of number: 1.0 is 1",
    "half a row of input": "JSON has one kind of number: 8.0 is 8",
    "3.0 for a count": "JSON has one kind of number: 3.0 is 3",
    "number_nan": "JSON has no NaN",
    "a ragged filter": "that lists are equally long",
    "filter_ragged": "that lists are equally long",
    "two_minus_ones": "that a number is there once",
    "output_padding_too_large": "how two fields' numbers compare",
    "split_index_out_of_range": "how two fields' numbers compare",
    "preprocess_crop": "how two fields' numbers compare",
    "an output that is an input": "what the inputs are called",
}
"""Structural errors that no JSON Schema of draft 7 sees, and why."""


@cache
def _broken() -> dict[str, bytes]:
    """Broken specs by name: the table of the diagnostics' tests, and the corpus."""
    table = {name: unmarked(text)[0].encode() for name, text in BROKEN.items()}
    corpus = {path.stem: path.read_bytes() for path in (ROOT / "tests/corpus").glob("*.yaml")}
    assert not {*table} & {*corpus}
    return table | corpus


@cache
def _errors(name: str) -> tuple[Diagnostic, ...]:
    """What archspec says of a broken spec."""
    path = ROOT / "tests" / "corpus" / f"{name}.yaml"
    found = (
        compile_file(str(path), {}) if path.exists() else compile_bytes(name, _broken()[name], {})
    )
    return tuple([d for d in found.diagnostics if d.severity is Severity.ERROR])


def _path_to(value: Value, span: Span) -> list[str | int]:
    """The path to the innermost value, or its key, that a span begins in."""
    path: list[str | int] = []
    at = (span.line, span.column)
    while True:
        items: list[tuple[str | int, Value, Span]] = []
        if isinstance(value, source.Mapping):
            items = [(key, item, value.keys[key]) for key, item in value.values.items()]
        elif isinstance(value, source.Sequence):
            items = [(index, item, item.span) for index, item in enumerate(value.items)]
        begun = [(k, item) for k, item, start in items if (start.line, start.column) <= at]
        if not begun:
            return path
        key, value = begun[-1]
        path.append(key)


def _is_of_one_value(name: str, value: Value, error: Diagnostic) -> bool:
    """Whether an error is about one value of the file that shows it by itself: no value of an
    expression, no call of a block, no other file.
    """
    path = _path_to(value, error.span)
    if error.span.source.path not in (name, str(ROOT / "tests" / "corpus" / f"{name}.yaml")):
        return False
    found: Any = source.plain(value)
    words: list[str] = []
    for index, key in enumerate(path):
        found = found[key]
        if index and isinstance(path[index - 1], int) and isinstance(key, str):
            words.append(key)  # of a step
    if isinstance(found, str) and words[-1:] == [] and path[:1] in (["layers"], ["blocks"]):
        words.append(found)
    strange = [word for word in words if word not in LAYERS and word not in STRUCTURES]
    written = json.dumps(thawed(found), default=str)
    of_files = path[:1] in (["extends"], ["imports"])
    return not (strange or "$" in written or of_files)


@pytest.mark.parametrize("name", _broken())
def test_a_broken_spec_is_refused_where_its_mistake_is_in_its_form(name: str) -> None:
    value = parsed(name, _broken()[name])
    if value is None:
        return  # It is no YAML, which the editor says.
    errors = _errors(name)
    refused = refusals(thawed(source.plain(value)))
    structural = [
        error
        for error in errors
        if error.code in STRUCTURAL and _is_of_one_value(name, value, error)
    ]
    if name in UNSEEN:
        assert structural and not refused
    elif structural:
        assert refused
    elif refused:
        assert {error.code for error in errors} & {*ALSO_SEEN, *STRUCTURAL}, refused[0].message


def test_a_spec_whose_shapes_alone_are_wrong_is_taken() -> None:
    count = 0
    for name, text in _broken().items():
        codes = {error.code for error in _errors(name)}
        if codes and all(code.startswith("AS3") for code in codes):
            value = parsed(name, text)
            assert value is not None
            assert refusals(thawed(source.plain(value))) == [], name
            count += 1
    assert count > 50


def _blamed(value: Value, found: Refusal) -> Span:
    """The place that an editor underlines: a key's, where one is too many, or lacks a field."""
    *outer, last = found.absolute_path or ("",)
    around = _at(value, outer)
    if found.validator == "required" and isinstance(around, source.Mapping):
        return around.keys.get(str(last), around.span)
    within = _at(value, found.absolute_path)
    if found.validator == "additionalProperties" and isinstance(within, source.Mapping):
        assert isinstance(found.schema, dict)
        known = found.schema.get("properties", {})
        patterns = found.schema.get("patternProperties", {})
        return next(
            at
            for key, at in within.keys.items()
            if key not in known and not any(re.search(pattern, key) for pattern in patterns)
        )
    return within.span


def _at(value: Value, path: Iterable[str | int]) -> Value:
    for step in path:
        if isinstance(value, source.Mapping):
            value = value.values[str(step)]
        elif isinstance(value, source.Sequence):
            value = value.items[int(step)]
    return value


def test_what_is_refused_is_mostly_the_very_value_that_archspec_points_at() -> None:
    hits = refused = 0
    for name, text in _broken().items():
        value = parsed(name, text)
        if value is None:
            continue
        found = best_match(refusals(thawed(source.plain(value))))
        if found is not None:
            refused += 1
            lines = {error.span.line for error in _errors(name)}
            hits += _blamed(value, found).line in lines
    assert refused > 150
    assert hits / refused > 0.9


# It agrees with the classes

INEXACT = {
    "permute": "each axis once, up to the last one that is named",
    "reshape": "at most one size of -1",
    "filter": "lists that are equally long",
    "clamp": "a min that is no larger than the max",
}
"""Kinds whose classes refuse more than a schema can say."""

_NUMBERS = st.integers(-3, 9) | st.sampled_from(
    [0.5, -0.25, 1.5, 0.3, 2**31 - 1, 2**31, 2**40, 2**40 + 1, -(2**40) - 1, 1e39 + 0.5, 10**39]
)
_WORDS = st.sampled_from(
    ("", "same", "valid", "zeros", "reflect", "constant", "channels", "tanh", "bicubic", "4")
)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["total", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def _holds_integral_float(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_integral_float, value))
    if isinstance(value, dict):
        return any(map(_holds_integral_float, value.values()))
    return isinstance(value, float) and value.is_integer()


@st.composite
def _some_fields(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Fields of a kind, of which some may be wrong, missing, or not the kind's at all."""
    fields = draw(fields_of(kind, draw(st.integers(1, 3).flatmap(shapes))))
    known = [*LAYERS[kind].model_fields, "inplace"]
    for name in draw(st.lists(st.sampled_from(known), max_size=2)):
        if draw(st.integers(0, 4)):
            fields[name] = draw(_ANYTHING)
        else:
            fields.pop(name, None)
    # As JSON has one kind of number, a schema cannot tell 2.0 from 2.
    return {key: value for key, value in fields.items() if not _holds_integral_float(value)}


def _is_a(model: type[BaseModel], fields: Mapping[str, Any]) -> bool:
    try:
        model.model_validate(frozen(fields))
    except (ValidationError, LayerError):
        return False
    return True


@examples(1500)
@given(st.sampled_from([*LAYERS]), st.data())
def test_fields_are_taken_if_and_only_if_the_class_takes_them(
    kind: str, data: st.DataObject
) -> None:
    layer = LAYERS[kind]
    fields = data.draw(_some_fields(kind))
    step = copy.deepcopy(fields)
    if layer.takes_many:
        step["from"] = ["a", "b"]
    if layer.reference and fields.get("scale_factor") is None and fields.get("size") is None:
        step[layer.reference] = "a"  # Without a size to take, it would have none.
    fits = _is_a(layer, fields)
    if fits or kind not in INEXACT:
        assert is_taken({kind: step}) == fits


@examples(1000)
@given(
    st.sampled_from([kind for kind in LAYERS if LAYERS[kind].main_field]),
    _ANYTHING.filter(lambda value: not isinstance(value, dict | None)),
)
def test_the_main_field_alone_is_taken_if_and_only_if_the_class_takes_it(
    kind: str, value: Any
) -> None:
    main_field = LAYERS[kind].main_field
    assert main_field
    fits = _is_a(LAYERS[kind], {main_field: value})
    if (fits or kind not in INEXACT) and not _holds_integral_float(value):
        assert is_taken({kind: value}) == fits


@examples(500)
@given(st.sampled_from([Preprocess, Expectations]), st.data())
def test_a_section_is_taken_if_and_only_if_its_model_takes_it(
    model: type[BaseModel], data: st.DataObject
) -> None:
    # How a crop fits into a picture, and whose shape an output has, is not in their form.
    known = st.sampled_from([*({*model.model_fields} - {"output", "crop"}), "other"])
    value = _ANYTHING | st.sampled_from(["rgb", "gray", "bilinear", "<= 5M", "5 MB", "> 1_000"])
    fields = data.draw(st.dictionaries(known, value, max_size=3))
    if not _holds_integral_float(list(fields.values())):
        section = model.__name__.lower().replace("expectations", "expect")
        assert is_taken("relu", **{section: fields}) == _is_a(model, fields)


# Its parts


def test_an_expression_stands_beside_types_and_alternatives() -> None:
    number = with_expressions({"type": "integer", "minimum": 1, "default": 1})
    assert number["type"] == ["integer", "string"] and number["default"] == 1
    assert "anyOf" not in number
    words = with_expressions({"enum": ["a", "b"], "type": "string"})
    assert {"enum": ["a", "b"], "type": "string"} in words["anyOf"]
    assert with_expressions({"type": "string"}) == {"type": "string"}
    assert with_expressions({}) == {}


def test_what_is_left_without_a_type_keeps_what_it_says_of_the_others() -> None:
    schema = {"type": ["integer", "object"], "minimum": 1, "required": ["a"], "default": 3}
    assert without(schema, "object") == {"type": "integer", "minimum": 1, "default": 3}
    assert without({"anyOf": [{"type": "object"}, {"enum": ["a"]}]}, "object") == {"enum": ["a"]}


def test_a_list_that_need_be_none_is_not_begun_by_the_editor() -> None:
    schema = {"type": ["integer", "array"], "items": {"type": "integer"}, "minimum": 1}
    apart = on_one_line(schema)
    assert apart["then"] == {"items": {"type": "integer"}} and "items" not in apart
    lists = {"type": "array", "items": {}}
    assert on_one_line(lists) == lists


# The command


def test_it_is_written_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "a.json"
    assert main(["schema", "-o", str(target)]) == 0
    assert target.read_bytes() == COMMITTED.read_bytes()
    assert capsys.readouterr().out == ""


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in (tmp_path, tmp_path / "no" / "a.json"):
        assert main(["schema", "-o", str(target)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"archspec: error: cannot write {target}: ")
    assert list(tmp_path.iterdir()) == []


def test_a_kind_from_a_file_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--kinds", str(SNAKE / "snake.py")]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft7Validator.check_schema(schema)
    validator = Draft7Validator(schema)
    assert validator.is_valid(of_steps({"snake": {"name": "a"}}))
    assert not validator.is_valid(of_steps({"snake": {"no_such_field": 1}}))
    assert is_taken({"snake": {"no_such_field": 1}})
    (kind,) = [kind.layer for kind in read_kinds(str(SNAKE / "snake.py"))]
    said = documentation(kind).fields["init"]
    assert said and schema["definitions"]["snake.init"]["description"] == said


def test_kinds_that_cannot_be_read_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", "--kinds", str(tmp_path / "none.py")]) == 2
    said = capsys.readouterr()
    assert said.out == "" and "cannot read" in said.err
