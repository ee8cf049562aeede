"""Figures of whole networks, against brute force and by hand."""

from __future__ import annotations

import random
from typing import Any

import pytest

import archspec
from archspec.analysis.cost import cost
from archspec.analysis.memory import peak_activation_bytes
from archspec.analysis.receptive_field import Reach, last_local, receptive_fields, sizes
from archspec.graph import Graph, Node
from archspec.layers.base import AxisWindow
from archspec.layers.conv import Conv
from archspec.layers.pool import AvgPool, MaxPool
from archspec.layers.shape import Subsample
from tests.specs import graph_of, spec

# The receptive field against brute force: a numpy-free run of the network on sets. Every element
# of a 1-D value is the set of the input's rows that it depends on, found by moving the windows
# themselves and not by any formula of reaches.

Rows = list[frozenset[int]]


def _slid(x: Rows, kernel: int, stride: int, dilation: int, before: int, output: int) -> Rows:
    made = []
    for index in range(output):
        taps = [index * stride - before + tap * dilation for tap in range(kernel)]
        made.append(frozenset().union(*(x[row] for row in taps if 0 <= row < len(x))))
    return made


def _run(node: Node, inputs: list[Rows]) -> Rows:
    layer, x = node.layer, inputs[0]
    if isinstance(layer, Conv | MaxPool | AvgPool):
        (axis,) = layer.axes(node.input_shapes[0])
        return _slid(x, axis.kernel, axis.stride, axis.dilation, axis.before, axis.output)
    match node.kind:
        case "relu" | "batch_norm" | "identity" | "pad_channels":
            return x
        case "subsample":
            assert isinstance(layer, Subsample)
            return x[:: layer.strides(node.input_shapes[0])[0]]
        case "add" | "concat":
            return [frozenset().union(*rows) for rows in zip(*inputs, strict=True)]
        case "global_avg_pool":
            return [frozenset().union(*x)]
        case "multiply":
            length = max(map(len, inputs))
            wide = [rows * length if len(rows) == 1 else rows for rows in inputs]
            return [frozenset().union(*rows) for rows in zip(*wide, strict=True)]
        case kind:
            raise AssertionError(kind)


def _brute_force(graph: Graph) -> dict[str, Rows]:
    values: dict[str, Rows] = {
        name: [frozenset({row}) for row in range(type_.shape[1])]
        for name, type_ in graph.inputs.items()
    }
    for node in graph.nodes:
        values[node.name] = _run(node, [values[name] for name in node.inputs])
    return values


def _agrees(graph: Graph, length: int) -> None:
    found, fields = _brute_force(graph), receptive_fields(graph)
    for name, rows in found.items():
        field = fields[name]
        for index, seen in enumerate(rows):
            if field is None:
                assert len(seen) == length, (name, index)
                continue
            (reach,) = field
            low, high = index * reach.jump + reach.low, index * reach.jump + reach.high
            if low < 0 or high >= length or not seen:
                continue  # at the border the image ends first
            assert (min(seen), max(seen)) == (low, high), (name, index)


def _random_steps(generator: random.Random, depth: int = 0) -> list[Any]:
    steps: list[Any] = []
    for _ in range(generator.randint(1, 4)):
        kernel, stride = generator.choice([1, 2, 3, 5]), generator.choice([1, 1, 2, 3])
        word = generator.choice(["conv", "conv", "max_pool", "avg_pool", "relu", "merge", "skip"])
        if word == "conv":
            way = generator.choice(["same", "same_upper", "same_lower", "0", "1"])
            dilation = generator.choice([1, 1, 2])
            steps.append(
                f"{{conv: {{out_channels: 3, kernel_size: {kernel}, stride: {stride}, "
                f"dilation: {dilation}, padding: {way}}}}}"
            )
        elif word in ("max_pool", "avg_pool"):
            steps.append(f"{{{word}: {{kernel_size: {kernel}, stride: {stride}, padding: same}}}}")
        elif word == "merge" and depth < 2:
            branches = [
                "[]" if generator.random() < 0.3 else f"[{', '.join(_same(generator))}]"
                for _ in range(generator.randint(2, 3))
            ]
            steps.append(f"{{add: {{branches: [{', '.join(branches)}]}}}}")
        elif word == "skip" and depth < 2:
            inner = ", ".join(_random_steps(generator, 2))
            steps.append(f"{{residual: {{shortcut: if_same_shape, layers: [{inner}]}}}}")
        else:
            steps.append("relu")
    return steps


def _same(generator: random.Random) -> list[str]:
    """Steps that keep the size, each with a reach of its own."""
    return [
        f"{{conv: {{out_channels: 3, kernel_size: {generator.choice([1, 2, 3, 4])}, "
        f"dilation: {generator.choice([1, 2, 3])}, padding: same}}}}"
        for _ in range(generator.randint(1, 3))
    ]


def test_the_receptive_field_is_that_of_brute_force_on_random_networks() -> None:
    generator, length = random.Random(1), 200
    for _ in range(150):
        steps = ", ".join(_random_steps(generator))
        text = f"archspec: 1\nname: t\ninput: [3, {length}]\nlayers: [{steps}]\n"
        _agrees(graph_of(text), length)


@pytest.mark.parametrize(
    "layers",
    [
        "- residual: {shortcut: projection, layers: [conv: {out_channels: 4, kernel_size: 3, "
        "stride: 2, padding: 1}]}",
        "- residual: {shortcut: pad, layers: [conv: {out_channels: 4, kernel_size: 5, stride: 2, "
        "padding: 2}]}",
        "- conv: {out_channels: 2, kernel_size: 3}\n- multiply: {branches: [[], [global_avg_pool]]}"
        "\n- conv: {out_channels: 2, kernel_size: 3}",
        "- concat: {branches: [[conv: {out_channels: 1, kernel_size: 7, padding: 3}], "
        "[max_pool: {kernel_size: 3, stride: 1, padding: 1}], []]}",
        "- max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}\n- relu",
    ],
)
def test_the_receptive_field_goes_through_shortcuts_gates_and_branches(layers: str) -> None:
    _agrees(graph_of(spec(layers, input="[3, 101]")), 101)


def test_the_receptive_field_is_where_the_gradient_of_the_torch_module_is_not_zero() -> None:
    torch = pytest.importorskip("torch")
    graph = graph_of(
        spec(
            """
            - conv: {out_channels: 2, kernel_size: [3, 5], stride: [2, 1], dilation: [1, 2]}
            - concat: {branches: [[], [conv: {out_channels: 2, kernel_size: 3, padding: same}]]}
            - residual: [conv: {out_channels: 4, kernel_size: 2, padding: same, dilation: 3}]
            - avg_pool: {kernel_size: 2, stride: 2}
            """,
            input="[1, 61, 61]",
        )
    )
    module = archspec.to_torch(graph)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(parameter.abs() + 0.01)
    image = torch.ones(1, 1, 61, 61, requires_grad=True)
    output = module(image)
    row, column = output.shape[2] // 2, output.shape[3] // 2
    output[0, 0, row, column].backward()
    touched = image.grad[0, 0].nonzero()
    low, high = touched.min(dim=0).values.tolist(), touched.max(dim=0).values.tolist()
    field = receptive_fields(graph)[graph.nodes[-1].name]
    assert field is not None
    for position, reach, first, last in zip((row, column), field, low, high, strict=True):
        assert (position * reach.jump + reach.low, position * reach.jump + reach.high) == (
            first,
            last,
        )


def test_the_receptive_field_of_published_networks() -> None:
    # AlexNet 195: Araujo, Norris and Sim 2019, Computing Receptive Fields of Convolutional Neural
    # Networks. The rest by hand, for torchvision's networks (stride on the 3 × 3). VGG-19: each
    # 3 × 3 adds 2 jumps, each pool 1: 1 + 2 · (2 · 1 + 2 · 2 + 4 · 4 + 4 · 8 + 4 · 16)
    # + (1 + 2 + 4 + 8 + 16) = 268. ResNets: 11 after stem and pool, at jump 4; then 2 jumps a
    # 3 × 3, of which the first of a stage is at the jump before it:
    # 11 + 2 · (3 · 4 + 4 + 3 · 8 + 8 + 5 · 16 + 16 + 2 · 32) = 427, and so on.
    fields = {"alexnet": 195, "vgg19": 268, "resnet34": 899, "resnet50": 427, "resnet152": 1451}
    for network, size in fields.items():
        found = last_local(receptive_fields(archspec.load(network)))
        assert found is not None and found[1] == (size, size), network


def test_receptive_fields_by_hand() -> None:
    graph = graph_of(
        spec(
            "- conv: {out_channels: 1, kernel_size: 3}\n- max_pool: 2\n"
            "- conv: {out_channels: 1, kernel_size: 3, padding: 1}\n- flatten\n- fc: 2",
            input="[1, 20, 20]",
        )
    )
    fields = receptive_fields(graph)
    # 3; 3 + 1 = 4; 4 + 2 · 2 = 8, from row 2 i − 2 to 2 i + 5
    assert [sizes(fields[node.name]) for node in graph.nodes] == [
        (3, 3),
        (4, 4),
        (8, 8),
        None,
        None,
    ]
    assert fields["conv2"] == (Reach(2, -2, 5),) * 2
    assert last_local(fields) == ("conv2", (8, 8))


def test_an_adaptive_pool_of_a_multiple_reads_that_part_alone() -> None:
    graph = graph_of(spec("- adaptive_avg_pool: 3\n- relu", input="[1, 12, 12]"))
    assert sizes(receptive_fields(graph)["relu1"]) == (4, 4)


def test_windows_say_what_a_layer_reads() -> None:
    made = Conv.model_validate(
        {
            "out_channels": 1,
            "kernel_size": 3,
            "stride": 2,
            "padding": ((1, 0), (0, 2)),
            "dilation": (2, 1),
        }
    )
    assert made.windows(((1, 9, 9),)) == (AxisWindow(5, 2, 1), AxisWindow(3, 2, 0))


# Peak activation memory


def _naive_peak(graph: Graph) -> int:
    """Run the network on a heap: at each step, count every buffer that something later reads."""
    buffer: dict[str, str] = {name: name for name in graph.inputs}
    for node in graph.nodes:
        buffer[node.name] = buffer[node.inputs[0]] if node.layer.is_view else node.name
    size = {name: type_.elements for name, type_ in graph.inputs.items()}
    size |= {n.name: n.output.elements for n in graph.nodes if not n.layer.is_view}
    peak = sum(type_.elements for type_ in graph.inputs.values())
    for now, node in enumerate(graph.nodes):
        alive = {
            buffer[name]
            for name in graph.outputs
            if name in graph.inputs
            or any(earlier.name == name for earlier in graph.nodes[: now + 1])
        }
        alive |= {buffer[node.name]}
        made = {*graph.inputs, *(earlier.name for earlier in graph.nodes[: now + 1])}
        for later in graph.nodes[now:]:
            alive |= {buffer[name] for name in later.inputs if name in made}
        peak = max(peak, sum(size[name] for name in alive))
    return 4 * peak


def test_peak_memory_is_that_of_a_naive_simulation() -> None:
    generator = random.Random(2)
    for _ in range(150):
        steps = ["{identity: {name: start}}", *_random_steps(generator)]
        for word in ("dropout", "identity", "flatten", "{fc: 7}", "relu"):
            if word not in ("{fc: 7}", "relu") and generator.random() < 0.5:
                steps.append(word)
        outputs = generator.choice(["", "outputs: [start]\n"])
        text = f"archspec: 1\nname: t\ninput: [3, 150]\n{outputs}layers: [{', '.join(steps)}]\n"
        found = graph_of(text)
        assert peak_activation_bytes(found) == _naive_peak(found), text


@pytest.mark.parametrize(
    ("layers", "values"),
    [
        ("- relu", 192 + 192),
        ("- relu\n- relu\n- relu", 192 + 192),
        ("- flatten\n- fc: 10", 192 + 10),  # a flatten takes nothing
        ("- flatten\n- dropout\n- identity", 192),
        ("- max_pool: 2\n- relu", 192 + 48),
        ("- conv: {out_channels: 6, kernel_size: 1}\n- relu", 384 + 384),
        # The skip lives through the body: 192 of it, and in and out of the second layer.
        ("- residual: [relu, relu]", 192 * 3),
        ("- residual: [relu, relu, relu, relu]", 192 * 3),
        ("- concat: {branches: [[relu], [relu], [relu]]}", 192 * 3 + 576),
        ("- max_pool: 8\n- conv: {out_channels: 100, kernel_size: 1}", 192 + 3),
    ],
)
def test_peak_memory_by_hand(layers: str, values: int) -> None:
    # 3 × 8 × 8 values of 4 bytes come in; while a layer runs, its inputs and its output are there.
    assert peak_activation_bytes(graph_of(spec(layers))) == 4 * values


def test_an_output_lives_to_the_end() -> None:
    sections = "outputs: [relu1, max_pool2]"
    graph = graph_of(spec("- relu\n- max_pool: 2\n- max_pool: 2", sections=sections))
    assert peak_activation_bytes(graph) == 4 * (192 + 192)
    kept = graph_of(
        spec(
            "- max_pool: 2\n- concat: {from: [previous, previous]}\n- concat: "
            "{from: [previous, previous, previous]}",
            sections="outputs: [max_pool1, concat2]",
        )
    )
    assert peak_activation_bytes(kept) == 4 * (48 + 96 + 288)


# Cost


def test_the_cost_of_lenet5_is_that_of_the_slides() -> None:
    graph = archspec.load("lenet5")
    total = cost(graph)
    assert total.params == 61_706
    assert total.macs == 117_600 + 240_000 + 48_000 + 10_080 + 840
    assert total.weight_bytes == 4 * 61_706


def test_running_statistics_are_stored_and_not_learnt() -> None:
    total = cost(graph_of(spec("- batch_norm\n- batch_norm: {affine: false}")))
    assert total.params == 6
    assert total.weight_bytes == 4 * (6 + 12)
