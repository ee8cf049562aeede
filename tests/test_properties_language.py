"""What holds of every spec, right or wrong: the front end and the reports, on random ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, note
from hypothesis import strategies as st

from archspec.diagnostics.render.json import render as rendered_as_json
from archspec.diagnostics.render.text import render as rendered_as_text
from archspec.document.model import COMMON, SHORTCUTS, STRUCTURES
from archspec.graph import Graph
from archspec.pipeline import Compiled, compile_file
from archspec.reports import json as json_report
from archspec.reports import text as text_report
from tests.profiles import examples
from tests.specs import compiled, errors_of, graph_of
from tests.strategies import DUMPS, Spec, specs

ANY = st.integers(0, 3).flatmap(specs)
"""Specs for an input of any rank."""

# Mistakes


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to everything in a document."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


OTHER_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3, 10**12, -7.5, 1e-3, 1e300, float("inf"), "", "relu", "$in"),
    *("$", "$width * ", "max($in)", "conv1", "previous", "none", "0x", "é\u202e", [], {}),
    *([[]], [1, 2], [1, -1], ["a", "a"], {"total": 1}, {"a": None}, ["relu"], {"relu": {}}),
)
"""What may stand where something else should."""


@st.composite
def mistakes(draw: st.DrawFn) -> str:
    """A spec in which keys are dropped or called otherwise, and values are of another kind."""
    spec = draw(ANY)
    document = copy.deepcopy(spec.document)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(document))
        if not found:
            break
        *way, key = draw(st.sampled_from(found))
        holder = document
        for step in way:
            holder = holder[step]
        change = draw(st.sampled_from(("drop", "rename", "retype", "repeat")))
        if change == "drop":
            del holder[key]
        elif change == "rename" and isinstance(holder, dict):
            others = ("x", key[:-1], f"{key}s", *COMMON, *STRUCTURES, "conv", "add", "branches")
            holder[draw(st.sampled_from(others))] = holder.pop(key)
        elif change == "repeat" and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        else:
            holder[key] = copy.deepcopy(draw(st.sampled_from(OTHER_VALUES)))
    return str(draw(st.sampled_from(DUMPS))(document))


@examples(150)
@given(mistakes())
def test_a_mistake_is_reported_and_is_never_a_crash(text: str) -> None:
    note(text)
    assert_reported(compiled(text))


def assert_reported(found: Compiled) -> None:
    assert found.ok or errors_of(found)
    for diagnostic in found.diagnostics:
        assert diagnostic.message
        lines = diagnostic.span.source.lines()
        assert 1 <= diagnostic.span.line <= len(lines)
        assert 1 <= diagnostic.span.column <= len(lines[diagnostic.span.line - 1]) + 1
        assert diagnostic.code in rendered_as_text(diagnostic)
        json.dumps(rendered_as_json(diagnostic), allow_nan=False)
    json.dumps(json_report.report(found), allow_nan=False)
    if found.complete:
        text_report.layers(found.graph, formulas=True)


@examples(100)
@given(ANY, st.data())
def test_a_text_that_is_cut_or_garbled_is_reported_and_is_never_a_crash(
    spec: Spec, data: st.DataObject
) -> None:
    text = spec.text
    at = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(at, min(len(text), at + 9)) | st.just(len(text)))
    put = data.draw(st.sampled_from(("", "{", "]", ":", "\n", "\t", '"', "&a ", "*a", "- ", "#")))
    note(text[:at] + put + text[end:])
    assert_reported(compiled(text[:at] + put + text[end:]))


# The same network, said otherwise


def said(graph: Graph) -> list[Any]:
    """All that a graph is, but for where it is written."""
    return [
        graph.inputs,
        graph.outputs,
        [(node.name, node.layer, node.inputs, node.signature, node.owner) for node in graph.nodes],
    ]


@examples(50)
@given(ANY)
def test_json_and_yaml_say_the_same(spec: Spec) -> None:
    graphs = [said(graph_of(dump(spec.document))) for dump in DUMPS]
    assert all(graph == graphs[0] for graph in graphs)


def in_files(texts: dict[str, Any], folder: Path) -> Compiled:
    """What becomes of the first of the files, which hold these documents."""
    for name, document in texts.items():
        (folder / name).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return compile_file(str(folder / next(iter(texts))))


def test_a_spec_that_extends_another_and_changes_nothing_is_the_same(tmp_path: Path) -> None:
    @examples(40)
    @given(ANY, st.data())
    def same(spec: Spec, data: st.DataObject) -> None:
        derived: dict[str, Any] = {"archspec": 1, "name": "random", "extends": "base.yaml"}
        for section in ("vars", "blocks"):
            entries = spec.document.get(section, {})
            kept = data.draw(st.sets(st.sampled_from(sorted(entries)))) if entries else set()
            if kept:
                derived[section] = {key: entries[key] for key in kept}
        note(json.dumps(derived))
        found = in_files({"derived.yaml": derived, "base.yaml": spec.document}, tmp_path)
        assert found.ok, errors_of(found)
        assert said(found.graph) == said(graph_of(spec.text))

    same()


def test_blocks_that_are_imported_are_the_same_as_ones_own(tmp_path: Path) -> None:
    @examples(40)
    @given(ANY.filter(lambda spec: "blocks" in spec.document))
    def same(spec: Spec) -> None:
        own = dict(spec.document)
        library = {"archspec": 1, "blocks": own.pop("blocks"), "vars": own.get("vars", {})}
        own["imports"] = {"library.yaml": list(library["blocks"])}
        found = in_files({"own.yaml": own, "library.yaml": library}, tmp_path)
        assert found.ok, errors_of(found)
        assert said(found.graph) == said(graph_of(spec.text))

    same()


# Reports


@examples(50)
@given(ANY)
def test_the_reports_as_text_and_as_json_have_the_same_totals(spec: Spec) -> None:
    found = compiled(spec.text)
    totals, layers = (json_report.report(found)[key] for key in ("totals", "layers"))
    assert totals["params"] == sum(layer["params"] for layer in layers)
    assert totals["macs"] == sum(layer["macs"] for layer in layers)
    lines = text_report.layers(found.graph).splitlines()
    figures = {line.split("  ")[0]: line.split() for line in lines}
    _, *columns = figures["total"]
    weights, biases, macs = (int(column.replace(",", "")) for column in columns)
    assert (weights + biases, macs) == (totals["params"], totals["macs"])
    assert figures["parameters"][1] == f"{totals['params']:,}"
    assert figures["MACs"][1] == f"{totals['macs']:,}"
    summary = text_report.networks([found]).splitlines()[-1]
    for name in ("params", "macs"):
        assert f"  {totals[name]:,}  " in summary


# What is drawn


def test_random_specs_hold_every_word_of_the_language() -> None:
    words: set[str] = set()

    @examples(150)
    @given(ANY)
    def collect(spec: Spec) -> None:
        for path in places(spec.document):
            value: Any = spec.document
            for key in path:
                value = value[key]
            words.update(str(key) for key in path[-1:])
            words.update([value] if isinstance(value, str) else ())

    collect()
    assert {*COMMON, *STRUCTURES, *SHORTCUTS, "shortcut", "branches"} <= words
    assert {"input", "inputs", "vars", "blocks", "args", "inline", "expect", "previous"} <= words
    for part in ("$in", "$width", "$index", "$arg1"):
        assert any(part in word for word in words), part
