"""What a file says of its network besides the layers goes with it, or is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

import archspec
from archspec.pipeline import Compiled, compile_bytes, compile_file
from tests.specs import spec


def compiled(layers: str, sections: str = "", shape: str = "[3, 8, 8]") -> Compiled:
    text = f"archspec: 1\nname: t\ninput: {shape}\nlayers: {layers}\n{sections}\n"
    return compile_bytes("t.yaml", text.encode(), {})


@pytest.mark.parametrize(
    ("layers", "scores"),
    [
        ("[global_avg_pool, flatten, softmax]", "probabilities"),
        ("[global_avg_pool, softmax, flatten]", "probabilities"),
        ("[global_avg_pool, softmax, flatten, dropout: 0.1]", "probabilities"),
        ("[softmax, global_avg_pool, flatten]", "logits"),
        ("[flatten, fc: 4]", "logits"),
    ],
)
def test_scores_are_probabilities_behind_a_softmax_and_its_views(layers: str, scores: str) -> None:
    assert compiled(layers).graph.metadata["scores"] == scores


def test_the_output_decides_and_not_the_last_layer() -> None:
    layers = "[flatten, softmax: {name: p}, relu]"
    assert compiled(layers, "outputs: [p]").graph.metadata["scores"] == "probabilities"


@pytest.mark.parametrize(
    "preprocess",
    [
        "{channels: gray, crop: 8}",
        "{crop: 9}",
        "{resize: [8, 9]}",
        "{resize: 20, crop: [8, 7]}",
    ],
)
def test_a_picture_that_would_not_be_the_input_is_reported(preprocess: str) -> None:
    found = compiled("[relu]", f"preprocess: {preprocess}")
    assert [(d.code, d.span.line) for d in found.diagnostics] == [("AS306", 5)]


@pytest.mark.parametrize("preprocess", ["{crop: 8}", "{resize: [8, 8]}", "{resize: 9, crop: 8}"])
def test_a_picture_that_is_the_input_is_fine(preprocess: str) -> None:
    assert compiled("[relu]", f"preprocess: {preprocess}").ok


def test_an_unmet_budget_leaves_the_figures_to_see() -> None:
    found = compiled("[flatten, fc: 10]", 'expect: {params: "<= 1K"}')
    assert [d.code for d in found.diagnostics] == ["AS306"]
    assert not found.ok and found.complete


def test_labels_are_a_label_a_line(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes("\ufeffcat\r\ndog\n".encode())
    spec = tmp_path / "t.yaml"
    spec.write_text(
        "archspec: 1\nname: t\ninput: [2]\nlayers: [relu]\nlabels: classes.txt\n", "utf-8"
    )
    assert compile_file(str(spec)).graph.metadata["labels"] == ["cat", "dog"]


def test_labels_in_a_circle_of_links_are_reported(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    spec = tmp_path / "t.yaml"
    spec.write_text("archspec: 1\nname: t\ninput: [2]\nlayers: [relu]\nlabels: a\n", "utf-8")
    assert [d.code for d in compile_file(str(spec)).diagnostics] == ["AS001"]


def test_a_picture_that_does_not_fit_does_not_travel(tmp_path: Path) -> None:
    text = spec(
        "- relu",
        input="[3, $size, $size]",
        sections="""
        vars: {size: 32}
        preprocess: {resize: [32, 32], mean: 1}
    """,
    )
    path = tmp_path / "base.yaml"
    path.write_text(text, "utf-8")
    assert "preprocess" in archspec.load(path).metadata
    assert "preprocess" not in archspec.load(path, size=64).metadata
    derived = tmp_path / "derived.yaml"
    derived.write_text("archspec: 1\nname: d\nextends: base.yaml\ninput: [1, 32, 32]\n", "utf-8")
    assert "preprocess" not in archspec.load(derived).metadata
