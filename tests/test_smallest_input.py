"""The smallest input: what is published, what follows by hand, and what trying out gives."""

from __future__ import annotations

import json
from typing import Any

import pytest

import archspec
from archspec.analysis import smallest_input as analysis
from archspec.analysis.smallest_input import smallest_input
from archspec.graph import Graph
from archspec.layers.base import Shape
from archspec.reports import json as json_report
from archspec.reports import text
from tests import golden
from tests.specs import compiled, graph_of, spec


def smallest(graph: Graph) -> dict[str, Shape]:
    found = smallest_input(graph)
    assert found is not None and found.shapes is not None
    return dict(found.shapes)


def only(graph: Graph) -> Shape:
    """The smallest of a network with one input."""
    (shape,) = smallest(graph).values()
    return shape


@pytest.mark.parametrize("network", golden.networks())
def test_the_smallest_input_is_torchvisions(network: str) -> None:
    # `min_size` in torchvision's table of weights: the smallest square that its module takes.
    said = json.loads((golden.FOLDER / f"{network}.json").read_text("utf-8"))
    size = said["min_size"]
    assert only(archspec.load(network)) == (3, size, size)


def test_a_fully_connected_layer_fixes_the_size_to_what_pools_to_its_features() -> None:
    # 28 → 28 → 14 → 10 → 5 rows; 27 would leave 4, and 16 × 4 × 5 features are not 400.
    assert only(archspec.load("lenet5")) == (1, 28, 28)
    # ⌊n / 4⌋ = 7 rows for 28 to 31
    assert only(graph_of(spec("- max_pool: 4\n- flatten\n- fc: 2", "[3, 31, 30]"))) == (3, 28, 28)


def test_each_axis_has_its_own_smallest_size() -> None:
    layers = "- conv: {out_channels: 2, kernel_size: [5, 3, 1]}\n- max_pool: [1, 2, 4]"
    assert only(graph_of(spec(layers, "[1, 20, 30, 40]"))) == (1, 5, 4, 4)
    assert only(graph_of(spec("- conv: {out_channels: 2, kernel_size: 9}", "[1, 50]"))) == (1, 9)


def test_a_unet_takes_what_its_poolings_divide() -> None:
    layers = """
        - max_pool: {name: halves, kernel_size: 2}
        - max_pool: 2
        - upsample: 2
        - concat: {from: [previous, halves]}
        - upsample: 2
        - concat: {from: [previous, input]}
    """
    # ⌊n / 2⌋ and 2 ⌊n / 4⌋ are equal for 4 and 5, but 2 ⌊n / 2⌋ is n for even sizes alone
    assert only(graph_of(spec(layers, "[3, 64, 32]"))) == (3, 4, 4)


def test_inputs_of_the_same_size_stay_so() -> None:
    sections = "inputs: {a: [3, 32, 16], b: [1, 32, 16], flat: [7]}"
    layers = "- concat: {from: [a, b]}\n- conv: {out_channels: 2, kernel_size: 3}"
    text_of_spec = spec(layers, sections=sections).replace("input: [3, 8, 8]\n", "")
    assert smallest(graph_of(text_of_spec)) == {"a": (3, 3, 3), "b": (1, 3, 3), "flat": (7,)}


def test_sizes_that_are_not_legal_together_grow_until_they_are() -> None:
    # Each axis may be 1 beside another of 8, but a single number has no deviation.
    assert only(graph_of(spec("- instance_norm"))) == (3, 1, 2)


def test_a_flat_input_has_no_size_to_vary() -> None:
    assert smallest_input(graph_of(spec("- fc: 2", "[8]"))) is None
    assert "smallest input" not in text.layers(graph_of(spec("- fc: 2", "[8]")))


CHAINS = (
    "- conv: {out_channels: 2, kernel_size: 5, stride: 2, padding: 1}\n- avg_pool: 3",
    "- max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}\n- max_pool: 3",
    "- conv: {out_channels: 2, kernel_size: 4, dilation: 2}\n- flatten\n- fc: 3",
    "- max_pool: 3\n- upsample: 3\n- add: {from: [previous, input]}",
    "- conv: {out_channels: 2, kernel_size: 3, padding: 2, padding_mode: reflect}",
    "- pixel_unshuffle: 3\n- conv: {out_channels: 2, kernel_size: 2}",
    "- patch_embedding: {out_channels: 4, patch_size: 5}\n- position_embedding",
    "- conv_transpose: {out_channels: 2, kernel_size: 3, padding: 3}\n- max_pool: 2",
)


@pytest.mark.parametrize("layers", CHAINS)
def test_it_is_what_compiling_at_every_size_finds(layers: str) -> None:
    height, width = 30, 30
    sections = "vars: {h: 30, w: 30}"
    written = graph_of(spec(layers, "[3, $h, $w]", sections))
    tensors = dict(written.tensors())

    def is_legal(**sizes: int) -> bool:
        found = compiled(spec(layers, "[3, $h, $w]", sections), **sizes)
        return found.ok and dict(found.graph.tensors()) == tensors

    least = (
        next(n for n in range(1, height + 1) if is_legal(h=n)),
        next(n for n in range(1, width + 1) if is_legal(w=n)),
    )
    assert is_legal(h=least[0], w=least[1])
    assert only(written) == (3, *least)


def test_too_much_to_try_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    network = graph_of(spec("- max_pool: 7\n- flatten\n- fc: 2", "[3, 500, 500]"))
    assert only(network) == (3, 497, 497)
    monkeypatch.setattr(analysis, "MOST_INFERRED", 300)
    found = smallest_input(network)
    assert found is not None and found.shapes is None
    assert "smallest input   not found: there is too much to try" in text.layers(network)


def test_it_is_in_both_reports() -> None:
    found = compiled(spec("- conv: {out_channels: 2, kernel_size: [3, 5]}"))
    assert "\nsmallest input   3 × 3 × 5" in text.layers(found.graph)
    report: dict[str, Any] = json_report.report(found)
    assert report["smallest_input"] == {"input": [3, 3, 5]}
    broken = json_report.report(compiled(spec("- conv: {out_channels: 2, kernel_size: 9}")))
    assert broken["smallest_input"] is None


def test_several_inputs_are_told_apart_in_the_report() -> None:
    report = text.layers(archspec.load("siamese"))
    assert "\nsmallest input   data 1 × 28 × 28, data_p 1 × 28 × 28" in report
