"""MACs by the conventions of others, against the figures of their packages.

`tests/data/conventions.json` has what the packages said, and of which versions; `python -m
benchmarks.conventions --record` made it. Where they are installed, they are asked again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import zoo
from archspec.analysis.conventions import CONVENTIONS, Convention, NoRule, Part, recounted
from archspec.analysis.cost import cost
from archspec.cli import check, main
from archspec.graph import Graph
from archspec.layers import LAYERS
from archspec.layers.activation import Relu
from archspec.layers.pool import AdaptiveAvgPool, GlobalAvgPool
from archspec.layers.sizes import is_number
from tests.cases import Case
from tests.graphs import graph_of as graph_of_layer
from tests.specs import graph_of, spec

EXAMPLE = Path(__file__).parent.parent / "examples" / "snake"
RECORD: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "conventions.json").read_text("utf-8")
)
TOOLS = tuple(CONVENTIONS)
NETWORKS = [
    pytest.param(network, tool, figure, id=f"{network}-{tool}")
    for network, figures in RECORD["networks"].items()
    for tool, figure in figures.items()
]


def _frozen(value: Any) -> Any:
    """A field's value as a spec has it: what JSON calls a list is a tuple."""
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value


def _case(row: dict[str, Any]) -> Case:
    return Case(row["kind"], _frozen(row["fields"]), _frozen(row["shapes"]))


@cache
def _network(name: str) -> Graph:
    return archspec.load(name)


# The rules


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=TOOLS)
def test_a_convention_has_a_rule_for_every_kind_and_for_nothing_else(
    convention: Convention,
) -> None:
    assert {kind for kind, layer in LAYERS.items() if layer not in convention.rules} == set()
    assert set(convention.rules) - set(LAYERS.values()) == set()


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=TOOLS)
def test_a_rule_that_counts_nothing_says_why(convention: Convention) -> None:
    silent = [kind for kind, rule in convention.rules.items() if bool(rule.terms) == bool(rule.why)]
    assert silent == []


# Against the packages


def test_the_rules_are_of_the_versions_that_were_asked() -> None:
    assert RECORD["packages"] == {name: one.packages for name, one in CONVENTIONS.items()}


@pytest.mark.parametrize(("network", "tool", "figure"), NETWORKS)
def test_a_network_counts_what_the_tool_counts(network: str, tool: str, figure: int) -> None:
    assert CONVENTIONS[tool].macs(_network(network)) == figure


@pytest.mark.parametrize("network", zoo.networks())
def test_every_network_was_counted_by_every_tool(network: str) -> None:
    inputs = _network(network).inputs.values()
    if all(is_number(size) for type_ in inputs for size in type_.shape):
        # timm counts only networks of its own.
        assert {*RECORD["networks"][network], "timm"} == set(CONVENTIONS)


@pytest.mark.parametrize("row", RECORD["kinds"], ids=lambda row: _case(row).id)
def test_a_layer_counts_what_the_tool_counts(row: dict[str, Any]) -> None:
    case = _case(row)
    graph = graph_of_layer(case.layer, *case.shapes)
    # timm asks fvcore, of networks whose pools it does not count.
    timm = 0 if isinstance(case.layer, GlobalAvgPool | AdaptiveAvgPool) else row["macs"]["fvcore"]
    found = {tool: convention.macs(graph) for tool, convention in CONVENTIONS.items()}
    assert found == {**row["macs"], "timm": timm}


def test_every_kind_was_counted_by_every_tool() -> None:
    counted = {
        tool: {row["kind"] for row in RECORD["kinds"] if tool in row["macs"]} for tool in TOOLS
    }
    assert counted == {tool: set() if tool == "timm" else set(LAYERS) for tool in TOOLS}


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool != "timm"])
def test_the_installed_package_counts_the_same(tool: str) -> None:
    counters = pytest.importorskip("benchmarks.peers.counters")
    try:
        versions = counters.versions(tool)
    except PackageNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed: pip install -e '.[conventions]'")
    if versions != CONVENTIONS[tool].packages:
        pytest.skip(f"{versions} is installed, and the rules are of another version")
    from benchmarks.conventions import count

    networks = ("lenet5", "siamese", "mobilenet_v3_small", "resnet18")
    graphs = {name: _network(name) for name in networks}
    cases = map(_case, RECORD["kinds"])
    graphs |= {case.id: graph_of_layer(case.layer, *case.shapes) for case in cases}
    ours = {name: CONVENTIONS[tool].macs(graph) for name, graph in graphs.items()}
    assert ours == {name: count(graph, (tool,))[tool] for name, graph in graphs.items()}


# Published


@pytest.mark.parametrize(
    ("network", "gmacs"),
    [
        # timm's results/benchmark-infer-amp-nhwc-pt210-cu121-rtx3090.csv, at these sizes.
        ("convnext_tiny", 4.47),
        ("densenet121", 2.87),
        ("efficientnet_lite0", 0.4),
        ("inception_v3", 5.73),
        ("mobilenet_v2", 0.31),
        ("mobilenet_v3_large", 0.23),
        ("resnet50", 4.11),
        ("vgg16", 15.47),
        ("vit_b_16", 16.87),
    ],
)
def test_timms_tables_have_our_figure(network: str, gmacs: float) -> None:
    assert round(CONVENTIONS["timm"].macs(_network(network)) / 1e9, 2) == gmacs


def test_without_what_is_counted_again_ptflops_is_that_of_older_versions() -> None:
    # ptflops 0.6.9 and 0.7 of torchvision's resnet50.
    lines = CONVENTIONS["ptflops"].breakdown(_network("resnet50"))
    assert sum(lines.values()) - lines[Part.COUNTED_AGAIN] == 4_121_925_096


def test_archspecs_own_macs_are_torchvisions() -> None:
    for network in ("resnet18", "vit_b_16", "dcgan", "siamese"):
        graph = _network(network)
        assert CONVENTIONS["torchvision"].macs(graph) == cost(graph).macs


# By hand


@pytest.fixture(scope="module")
def small() -> Graph:
    layers = """
        - conv: {out_channels: 4, kernel_size: 3, padding: 1}
        - batch_norm
        - relu
        - max_pool: 2
        - conv_transpose: {out_channels: 2, kernel_size: 2, stride: 2}
        - global_avg_pool
        - flatten
        - fc: 10
    """
    return graph_of(spec(layers, input="[3, 8, 8]"))


PRODUCTS = {Part.PRODUCTS: 64 * 4 * 27 + 2 * 10}


@pytest.mark.parametrize(
    ("tool", "lines"),
    [
        # The transposed kernel is at each of 4 × 4 rows and columns, of 4 channels.
        ("torchvision", {Part.TRANSPOSED: 16 * 4 * 2 * 4}),
        (
            "fvcore",
            {Part.TRANSPOSED: 512, Part.BATCH_NORM: 2 * 256, Part.POOLING: 2 * 64},
        ),
        (
            "ptflops",
            {
                Part.TRANSPOSED: 512,
                Part.BIASES: 256 + 128 + 10,
                Part.BATCH_NORM: 512,
                Part.ACTIVATIONS: 256,
                Part.POOLING: 256 + 128,
                Part.COUNTED_AGAIN: 256 + 256 + 128,
            },
        ),
        (
            "thop",
            {
                Part.TRANSPOSED: 64 * 2 * 4 * 4,  # at each of the output's 8 × 8
                Part.BATCH_NORM: 4 * 256,
                Part.POOLING: 2 * (64 + 1),
            },
        ),
        ("timm", {Part.TRANSPOSED: 512, Part.BATCH_NORM: 512}),
    ],
)
def test_every_line_by_hand(small: Graph, tool: str, lines: dict[Part, int]) -> None:
    found = CONVENTIONS[tool].breakdown(small)
    assert {part: count for part, count in found.items() if count} == {**PRODUCTS, **lines}


def test_a_recounted_network_has_the_conventions_figures_and_is_the_same_otherwise() -> None:
    graph = _network("resnet18")
    for convention in CONVENTIONS.values():
        again = recounted(graph, convention)
        assert cost(again).macs == convention.macs(graph)
        assert cost(again).params == cost(graph).params
        assert [node.name for node in again.nodes] == [node.name for node in graph.nodes]


def test_layers_on_shared_weights_count_each_time_they_run() -> None:
    once = graph_of(spec("- conv: {out_channels: 3, kernel_size: 1, name: a}"))
    twice = graph_of(
        spec(
            """
            - conv: {out_channels: 3, kernel_size: 1, name: a}
            - conv: {out_channels: 3, kernel_size: 1, name: b, shares: a}
            """
        )
    )
    for convention in CONVENTIONS.values():
        assert convention.macs(twice) == 2 * convention.macs(once) > 0


def test_symbolic_sizes_give_the_figures_of_numbers() -> None:
    pytest.importorskip("sympy")
    layers = """
        - conv: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
        - batch_norm
        - relu
        - max_pool: {kernel_size: 3, stride: 2, padding: 1}
        - conv_transpose: {out_channels: 4, kernel_size: 2, stride: 2}
        - upsample: 2
        - lrn: 3
        - softmax
        - global_avg_pool
        - flatten
        - fc: 10
    """
    formulas = graph_of(spec(layers, input="[3, H, W]"))
    for height, width in ((32, 32), (37, 50), (64, 41)):
        numbers = graph_of(spec(layers, input=f"[3, {height}, {width}]"))
        for tool, convention in CONVENTIONS.items():
            formula: Any = convention.macs(formulas)
            assert formula.value({"H": height, "W": width}) == convention.macs(numbers), tool


# What check prints


def test_check_knows_every_convention() -> None:
    assert check.CONVENTIONS == TOOLS


def test_check_counts_by_a_convention(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "resnet50", "--convention", "fvcore"]) == 0
    printed = capsys.readouterr().out
    assert "MACs (fvcore)    4,111,512,576\n" in printed
    assert printed.splitlines()[0].endswith("MACs (fvcore)")
    (first_norm,) = [line for line in printed.splitlines() if line.startswith("bn1 ")]
    assert first_norm.endswith(f"{2 * 64 * 112 * 112:,}")

    assert main(["check", "resnet50", "lenet5", "--convention", "thop"]) == 0
    head, _, row, _ = capsys.readouterr().out.splitlines()
    assert "MACs (thop)" in head
    assert "4,133,742,592" in row


def test_check_reconciles_the_conventions(capsys: pytest.CaptureFixture[str]) -> None:
    # By hand: 6 × 28 × 28 + 16 × 10 × 10 + 120 + 84 activations, with the last layer's 10 as many
    # biases; 6 × 28 × 28 + 16 × 10 × 10 values are pooled.
    assert main(["check", "lenet5", "--reconcile"]) == 0
    table, note, sources = capsys.readouterr().out.split("\n\n")
    assert table == (
        "                     torchvision   fvcore  ptflops     thop     timm\n"
        "────────────────────────────────────────────────────────────────────\n"
        "conv, fc, attention      416,520  416,520  416,520  416,520  416,520\n"
        "+ biases                                     6,518\n"
        "+ activations                                6,508\n"
        "+ pooling                                    6,304\n"
        "+ counted again                             12,812\n"
        "────────────────────────────────────────────────────────────────────\n"
        "= MACs                   416,520  416,520  448,662  416,520  416,520\n"
        "× 2 = FLOPs              833,040  833,040  897,324  833,040  833,040"
    )
    assert note.startswith("counted again: ")
    assert [line.split()[0] for line in sources.splitlines()] == list(TOOLS)
    assert "(ptflops 0.7.5)" in sources


def test_check_reconciles_several_networks_below_their_layers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "lenet5", "mlp", "--reconcile", "--layers"]) == 0
    printed = capsys.readouterr().out
    assert (
        printed.index("lenet5\n\nlayer") < printed.index("= MACs") < printed.index("mlp\n\nlayer")
    )
    assert printed.count("= MACs") == 2
    assert printed.count("(ptflops 0.7.5)") == 1


def test_check_tells_programs_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "lenet5", "--convention", "ptflops", "--format", "json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["specs"]
    assert entry["totals"]["conventions"] == {"ptflops": 448_662}
    assert entry["totals"]["macs"] == 416_520
    assert "reconcile" not in entry
    figures = [layer["conventions"]["ptflops"] for layer in entry["layers"]]
    assert figures[:3] == [117_600 + 4_704, 2 * 4_704, 2 * 4_704]
    assert sum(figures) == 448_662

    assert main(["check", "lenet5", "--reconcile", "--format", "json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["specs"]
    found = entry["reconcile"]
    assert found["macs"] == entry["totals"]["conventions"]
    assert found["flops"] == {tool: 2 * macs for tool, macs in found["macs"].items()}
    assert set(found["lines"]) == {part.value for part in Part}
    for tool in TOOLS:
        assert sum(line[tool] for line in found["lines"].values()) == found["macs"][tool]


def test_a_wrong_spec_has_no_figures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(spec("- relu\n- fc: 10"), "utf-8")
    assert main(["check", str(path), "--reconcile", "--format", "json"]) == 1
    (entry,) = json.loads(capsys.readouterr().out)["specs"]
    assert entry["totals"]["conventions"] == dict.fromkeys(TOOLS)
    assert entry["reconcile"] is None
    assert main(["check", str(path), "--convention", "thop"]) == 1
    assert main(["check", str(path), "--reconcile"]) == 1
    assert capsys.readouterr().out == ""


def test_a_kind_from_outside_is_told_to_be_uncounted(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    outside = [str(EXAMPLE / "snake.yaml"), "--kinds", str(EXAMPLE / "snake.py")]
    assert main(["check", *outside, "--convention", "fvcore"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "`snake`" in printed.err and "fvcore" in printed.err

    # What the layer says of itself is archspec's own count.
    assert main(["check", *outside, "--convention", "torchvision"]) == 0
    assert "MACs (torchvision)" in capsys.readouterr().out

    assert main(["check", *outside, "--reconcile"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (macs,) = [line for line in lines if line.startswith("= MACs")]
    assert macs.split()[3:] == ["unknown"] * 4
    assert any("`snake`" in line and "fvcore, ptflops, thop, timm" in line for line in lines)

    assert main(["check", *outside, "--reconcile", "--format", "json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["specs"]
    assert entry["reconcile"]["macs"]["fvcore"] is None
    assert entry["reconcile"]["macs"]["torchvision"] == entry["totals"]["macs"]


def test_a_kind_without_a_rule_is_never_counted_as_nothing() -> None:
    class Other(Relu):
        kind = "other"

    graph = graph_of_layer(Other(), (3, 8, 8))
    for name in ("fvcore", "ptflops", "thop", "timm"):
        with pytest.raises(NoRule, match=f"{name}.*`other`"):
            CONVENTIONS[name].macs(graph)


def test_check_reconciles_without_torch_or_the_tools() -> None:
    code = (
        "import sys\n"
        "from archspec.cli import main\n"
        "assert main(['check', 'resnet50', '--reconcile']) == 0\n"
        "heavy = {'torch', 'onnx', 'numpy', 'sympy', 'fvcore', 'ptflops', 'thop', 'timm'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_the_page_shows_what_check_prints(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parent.parent / "docs" / "conventions.md").read_text("utf-8")
    assert main(["check", "resnet50", "--reconcile"]) == 0
    assert f"```text\n{capsys.readouterr().out}```" in page
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    shown = {row[0]: row[1:] for row in rows if row[0] in RECORD["networks"] and len(row) == 6}
    assert len(shown) > 10
    for network, figures in shown.items():
        recorded = [RECORD["networks"][network].get(tool) for tool in TOOLS]
        assert figures == ["–" if count is None else f"{count:,}" for count in recorded]
