"""Optimised networks: what they are held against is the network that they were made of."""

from __future__ import annotations

import pkgutil
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import checker

from archspec import passes
from archspec.analysis.cost import cost
from archspec.backends.onnx import write_model
from archspec.backends.torch import to_module
from archspec.backends.torch.values import values_by_torch
from archspec.graph import Graph, Node, infer
from archspec.kinds import Kind
from archspec.layers import LAYERS
from archspec.layers.activation import Identity, Tanh
from archspec.layers.base import Layer, Shape
from archspec.layers.linear import FullyConnected
from archspec.layers.norm import BatchNorm
from archspec.passes import LEVELS, PASSES, Level, Network, optimize, remove_identity
from archspec.weights import load, save_safetensors
from tests.agreement import (
    assert_agreement,
    assert_values,
    values_in_float64,
    weights_of,
)
from tests.cases import IMAGES, Case
from tests.graphs import ORIGIN, chain_of
from tests.graphs import graph_of as alone
from tests.kinds import CASES
from tests.specs import graph_of, spec
from tests.test_onnx import AWKWARD, random_inputs, session
from tests.zoo import load_at

Array = NDArray[Any]


def network_of(graph: Graph) -> Network:
    """The graph with weights as trained ones are, no two alike."""
    return Network(graph, load(graph, weights_of(graph)))


def optimized(graph: Graph, tmp_path: Path, level: Level = "all") -> Network:
    """The network of this graph, optimised, when it has been held against itself before that."""
    before = network_of(graph)
    after = optimize(*before, level)
    assert_same_network(before, after, tmp_path / "model.onnx")
    return after


def assert_same_network(before: Network, after: Network, path: Path, batch: int = 2) -> None:
    """Both have the same contract and, value by value, the same values, in both backends."""
    old, new = before.graph, after.graph
    assert (new.name, new.inputs, new.outputs) == (old.name, old.inputs, old.outputs)
    assert (new.metadata, new.symbols) == (old.metadata, old.symbols)
    assert list(after.weights) == [name for name, _ in new.tensors()]
    assert {name for name, _ in new.tensors() if not name.endswith("bias")} <= set(before.weights)

    inputs = random_inputs(sized(old), batch)
    module = to_module(*before)
    exact, values = values_in_float64(module, inputs), values_by_torch(module, inputs)
    folded = to_module(*after)
    state = [name for name in folded.state_dict() if not name.endswith("num_batches_tracked")]
    assert sorted(state) == sorted(after.weights)
    found = values_by_torch(folded, inputs)
    assert found.keys() <= exact.keys()
    assert_values(found, values, exact)

    write_model(new, after.weights, path)
    checker.check_model(path, full_check=True)
    outputs: list[Array] = session(path).run(None, dict(inputs))
    assert_values(dict(zip(new.outputs, outputs, strict=True)), values, exact)


def sized(graph: Graph) -> Graph:
    """The graph with numbers for symbolic sizes of its inputs, to make inputs for it."""
    inputs = {
        name: type_._replace(
            shape=tuple([size if type(size) is int else 32 for size in type_.shape])
        )
        for name, type_ in graph.inputs.items()
    }
    return replace(graph, inputs=inputs)


def kinds_of(graph: Graph) -> list[str]:
    return [node.kind for node in graph.nodes]


def names_of(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes]


def by_name(graph: Graph) -> dict[str, Node]:
    return {node.name: node for node in graph.nodes}


# The passes as a whole


def test_every_pass_of_the_folder_is_listed_once() -> None:
    modules = {module.name for module in pkgutil.iter_modules(passes.__path__)}
    assert sorted(each.name for each in PASSES) == sorted(modules - {"network", "folding"})
    for each in PASSES:
        assert each.run.__module__ == f"archspec.passes.{each.name}"


def test_at_the_level_none_a_network_is_left_as_it_is() -> None:
    graph, weights = network_of(
        graph_of(spec("- conv: {out_channels: 2, kernel_size: 3}\n- batch_norm\n- dropout\n- relu"))
    )
    after = optimize(graph, weights, "none")
    assert after.graph is graph
    assert after.weights is weights


def test_a_level_runs_its_own_passes_and_those_of_the_levels_before() -> None:
    graph = graph_of(
        spec("- conv: {out_channels: 2, kernel_size: 3}\n- batch_norm\n- dropout\n- relu")
    )
    assert [kinds_of(optimize(*network_of(graph), level).graph) for level in LEVELS] == [
        ["conv", "batch_norm", "dropout", "relu"],
        ["conv", "dropout", "relu"],
        ["conv", "relu"],
    ]


ZOO: tuple[tuple[str, Shape, int, int], ...] = (
    # The batch norms that stand behind a conv, and the other layers that go, as the specs have them
    # written: dropout, drop_path's identities, layer scales, poolings to the size that is there.
    ("resnet18_cifar", (3, 32, 32), 20, 0),
    ("mobilenet_v3_small", (3, 64, 64), 34, 1),
    ("densenet121", (3, 64, 64), 59, 0),
    ("shufflenet_v2_x0_5", (3, 64, 64), 56, 0),
    ("googlenet", (3, 64, 64), 57, 1),
    ("convnext_tiny", (3, 64, 64), 0, 36),
    ("unet", (3, 16, 16), 18, 0),
    ("srresnet", (3, 12, 12), 33, 17),
)


@pytest.mark.parametrize(("name", "shape", "norms", "others"), ZOO, ids=[row[0] for row in ZOO])
def test_networks_of_the_zoo_compute_the_same_with_fewer_layers(
    name: str, shape: Shape, norms: int, others: int, tmp_path: Path
) -> None:
    graph = load_at(name, {"input": shape})
    after = optimized(graph, tmp_path)
    assert len(graph.nodes) - len(after.graph.nodes) == norms + others
    assert cost(after.graph).macs == cost(graph).macs
    before = kinds_of(graph).count("batch_norm")
    assert kinds_of(after.graph).count("batch_norm") == before - norms


def test_a_transposed_conv_and_towers_that_share_are_optimised_too(tmp_path: Path) -> None:
    dcgan = optimized(load_at("dcgan", {"input": (100, 1, 1)}), tmp_path)
    assert "batch_norm" not in kinds_of(dcgan.graph)
    optimized(load_at("siamese", {"data": (1, 28, 28), "data_p": (1, 28, 28)}), tmp_path)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "name", ["resnet18_cifar", "shufflenet_v2_x0_5", "convnext_tiny", "vgg11_bn"]
)
def test_to_optimise_twice_is_to_optimise_once(name: str, level: Level) -> None:
    graph = load_at(name, {"input": (3, 224, 224)})
    once = optimize(graph, load(graph, None), level)
    twice = optimize(*once, level)
    assert twice.graph is once.graph
    assert twice.weights is once.weights


def test_folding_a_batch_norm_costs_its_parameters_and_a_bias_is_paid_for() -> None:
    # ResNet-18 of CIFAR: 4,800 channels in 20 convs without a bias, each with a norm of 2 learnt
    # numbers: 11,173,962 parameters as kuangliu's, less 9,600, and 4,800 biases.
    graph = load_at("resnet18_cifar", {"input": (3, 32, 32)})
    after = optimize(graph, load(graph, None), "fold").graph
    assert (cost(graph).params, cost(after).params) == (11_173_962, 11_169_162)


def test_symbolic_sizes_stay_and_no_condition_is_added(tmp_path: Path) -> None:
    text = spec(
        """
        - conv: {out_channels: 8, kernel_size: 3, padding: 1, stride: 2, bias: false}
        - batch_norm
        - upsample: 1
        - relu
        - max_pool: {kernel_size: 1, stride: 1}
        - upsample: {size: [16, 16]}
        - slice
        - mean
        """,
        input="[3, H, W]",
    )
    graph = graph_of(text)
    assert graph.symbols is not None
    before = (dict(graph.symbols.numbers), list(graph.symbols.ties))
    after = optimized(graph, tmp_path)
    assert (dict(graph.symbols.numbers), list(graph.symbols.ties)) == before
    # A size of 16 may be the input's, and need not.
    assert kinds_of(after.graph) == ["conv", "relu", "upsample", "mean"]
    assert str(after.graph.nodes[0].output.shape) == str(graph.nodes[1].output.shape)


# Folding


def _folds() -> list[tuple[str, Sequence[Layer], Shape]]:
    """Layers that take others in, on 1 to 3 axes, with what may follow them."""
    found: list[tuple[str, Sequence[Layer], Shape]] = []
    norms = (BatchNorm(), BatchNorm(affine=False, eps=0.1))
    for shape in IMAGES:
        axes, bias = len(shape) - 1, len(shape) % 2 == 0
        for kind, fields in (
            ("conv", {"out_channels": 4, "kernel_size": 3, "padding": 1}),
            ("conv", {"out_channels": 6, "kernel_size": 2, "groups": 3, "stride": 2}),
            (
                "conv",
                {"out_channels": 4, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
            ),
            ("depthwise", {"kernel_size": 3, "padding": "same_upper"}),
            ("depthwise", {"kernel_size": 2, "multiplier": 2}),
            ("conv_transpose", {"out_channels": 4, "kernel_size": 3, "stride": 2}),
            ("conv_transpose", {"out_channels": 8, "kernel_size": 2, "groups": 2, "padding": 1}),
            ("fc", {"out_features": 5, "position_wise": True}),
        ):
            for norm in norms:
                bias = not bias
                layer = Case(kind, {**fields, "bias": bias}, (shape,)).layer
                found.append((f"{kind}-{axes}d", (layer, norm), shape))
    for bias in (True, False):
        for norm in norms:
            found.append(("fc", (FullyConnected(out_features=4, bias=bias), norm), (10,)))
        patches = Case("patch_embedding", {"out_channels": 5, "patch_size": 3, "bias": bias}, ())
        found.append(("patch_embedding", (patches.layer, BatchNorm()), (6, 12, 9)))
    return found


FOLDS = _folds()


@pytest.mark.parametrize(("name", "layers", "shape"), FOLDS, ids=[fold[0] for fold in FOLDS])
def test_a_batch_norm_folds_into_each_layer_that_has_weights_for_it(
    name: str, layers: Sequence[Layer], shape: Shape, tmp_path: Path
) -> None:
    graph = chain_of(*layers, shape=shape)
    after = optimized(graph, tmp_path, "fold")
    (node,) = after.graph.nodes
    assert type(node.layer) is type(layers[0])
    assert list(after.weights) == ["layer0.weight", "layer0.bias"]
    assert node.signature.macs == graph.nodes[0].signature.macs
    # Once more with weights of its own: the new graph is as good as any.
    assert_agreement(after.graph, tmp_path / "again.onnx")


SCALES = (
    "scale: 0.5",
    "scale: [1.5, -2, 0.25, 3]",
    "layer_scale: 0.1",
    "shift: 0.75",
    "shift: [1, 2, 3, 4]",
)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("scale", SCALES)
def test_what_scales_and_shifts_channels_folds_too(scale: str, bias: bool, tmp_path: Path) -> None:
    conv = f"- conv: {{out_channels: 4, kernel_size: 3, padding: 1, bias: {str(bias).lower()}}}"
    after = optimized(graph_of(spec(f"{conv}\n- {scale}")), tmp_path, "fold")
    (node,) = after.graph.nodes
    # What only multiplies needs no bias.
    assert ("bias" in node.signature.parameters) == (bias or "shift" in scale)


def test_a_whole_run_folds_at_once_in_whichever_order(tmp_path: Path) -> None:
    text = """
    - conv: {out_channels: 4, kernel_size: 3}
    - batch_norm
    - scale: [1, 2, 3, 4]
    - batch_norm
    - shift: -0.5
    - layer_scale: 2
    - batch_norm: {affine: false}
    """
    after = optimized(graph_of(spec(text)), tmp_path, "fold")
    assert kinds_of(after.graph) == ["conv"]


def test_a_fold_is_right_to_the_last_bit_of_float32() -> None:
    graph = chain_of(FullyConnected(out_features=3), BatchNorm(eps=1e-3), shape=(5,))
    weights = weights_of(graph)
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    factor = w["layer1.weight"] / np.sqrt(w["layer1.running_var"] + 1e-3)
    bias = (w["layer0.bias"] - w["layer1.running_mean"]) * factor + w["layer1.bias"]
    after = optimize(graph, load(graph, weights), "fold").weights
    expected = (w["layer0.weight"] * factor[:, None]).astype(np.float32)
    np.testing.assert_array_equal(after["layer0.weight"], expected)
    np.testing.assert_array_max_ulp(after["layer0.bias"], bias.astype(np.float32), 1)
    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in after.values())


def test_the_value_has_the_name_of_the_norm_and_the_tensors_those_of_the_conv(
    tmp_path: Path,
) -> None:
    text = spec(
        """
        - conv: {name: stem, out_channels: 4, kernel_size: 3, bias: false}
        - batch_norm: {name: norm}
        - relu
        """,
        sections="outputs: [norm, relu1]",
    )
    graph = graph_of(text)
    after = optimized(graph, tmp_path).graph
    conv, relu = after.nodes
    assert (conv.name, conv.kind, relu.inputs) == ("norm", "conv", ("norm",))
    assert list(after.outputs) == ["norm", "relu1"]
    assert [name for name, _ in after.tensors()] == ["stem.weight", "stem.bias"]
    module = to_module(*optimize(*network_of(graph), "all"))
    assert dict(module.named_modules()).keys() == {"", "stem", "relu1"}
    # The step, and the places of its fields, are the conv's.
    stem = graph.nodes[0]
    assert (conv.origin, conv.places, conv.frames) == (stem.origin, stem.places, stem.frames)
    written = onnx.load(tmp_path / "model.onnx").graph
    assert [(node.op_type, list(node.output)) for node in written.node] == [
        ("Conv", ["norm"]),
        ("Relu", ["relu1"]),
    ]


KEPT = {
    "another layer reads the conv's value": """
    - conv: {name: c, out_channels: 4, kernel_size: 1}
    - batch_norm: {name: n}
    - add: {from: [c, n]}
    """,
    "an activation stands between": """
    - conv: {out_channels: 4, kernel_size: 1}
    - relu
    - batch_norm
    """,
    "nothing with weights is before": """
    - filter: gaussian_blur
    - batch_norm
    """,
    "it is before the conv": """
    - batch_norm
    - conv: {out_channels: 4, kernel_size: 1}
    """,
    "the conv's weights are another's too": """
    - conv: {name: a, out_channels: 3, kernel_size: 1}
    - batch_norm
    - conv: {name: b, out_channels: 3, kernel_size: 1, shares: a}
    - batch_norm
    """,
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_a_batch_norm_stays_where(text: str, tmp_path: Path) -> None:
    graph = graph_of(spec(text))
    assert optimized(graph, tmp_path, "fold").graph is graph


def test_a_batch_norm_stays_where_the_value_before_it_is_an_output(tmp_path: Path) -> None:
    steps = "- conv: {name: c, out_channels: 4, kernel_size: 1}\n- batch_norm: {name: n}"
    graph = graph_of(spec(steps, sections="outputs: [n, c]"))
    assert optimized(graph, tmp_path, "fold").graph is graph


SHARED_NORM = """
- conv: {name: a, out_channels: 3, kernel_size: 1}
- batch_norm: {name: norm}
- relu
- conv: {name: b, out_channels: 3, kernel_size: 1}
- batch_norm: {name: again, shares: norm}
"""


def test_a_batch_norm_that_several_places_share_folds_into_each(tmp_path: Path) -> None:
    after = optimized(graph_of(spec(SHARED_NORM)), tmp_path, "fold").graph
    assert names_of(after) == ["norm", "relu1", "again"]
    assert [name for name, _ in after.tensors()] == ["a.weight", "a.bias", "b.weight", "b.bias"]


def test_a_norm_that_stays_has_the_tensors_of_the_one_that_folded(tmp_path: Path) -> None:
    text = SHARED_NORM + "- abs\n- batch_norm: {name: third, shares: norm}"
    after = optimized(graph_of(spec(text)), tmp_path, "fold").graph
    third = by_name(after)["third"]
    assert third.owner is None
    assert third.parameters.keys() == {"norm.weight", "norm.bias"}
    assert_agreement(after, tmp_path / "again.onnx")


# Weights


def test_folded_weights_are_made_one_at_a_time_and_only_when_asked_for(tmp_path: Path) -> None:
    layers = [layer for _ in range(4) for layer in (FullyConnected(out_features=1000), BatchNorm())]
    graph = chain_of(*layers, shape=(1000,))
    weights = load(graph, None)
    one_array = 4 * 1000 * 1000
    tracemalloc.start()
    try:
        after = optimize(graph, weights, "fold")
        _, folding = tracemalloc.get_traced_memory()
        for name in after.weights:
            assert after.weights[name].dtype == np.float32
        _, reading = tracemalloc.get_traced_memory()
        write_model(after.graph, after.weights, tmp_path / "model.onnx")
        _, writing = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert folding < 0.1 * one_array
    # The old weight, which is drawn here, and the new one, and nothing of the three others.
    assert reading < 2.2 * one_array
    assert writing < 2.2 * one_array


def test_what_was_not_changed_still_lies_in_its_file(tmp_path: Path) -> None:
    text = """
    - conv: {name: a, out_channels: 4, kernel_size: 1}
    - batch_norm
    - relu
    - conv: {name: b, out_channels: 4, kernel_size: 1}
    """
    graph, path = graph_of(spec(text)), tmp_path / "weights.safetensors"
    save_safetensors(path, weights_of(graph))
    before = load(graph, path)
    after = optimize(graph, before, "all").weights
    assert (after.location("a.weight"), after.location("a.bias")) == (None, None)
    assert after.location("b.weight") == before.location("b.weight") is not None


# Layers that do nothing


def before_tanh(*layers: Layer, shapes: tuple[Shape, ...]) -> Graph:
    """The layers one after another, and behind them one that makes the output."""
    if len(shapes) == 1:
        return chain_of(*layers, Tanh(), shape=shapes[0])
    (layer,) = layers
    one = alone(layer, *shapes)
    node = Node("tanh", Tanh(), ("layer",), infer(Tanh(), (one.nodes[0].output.shape,)), ORIGIN)
    return replace(one, nodes=(*one.nodes, node), outputs={"tanh": node.output})


def is_removed(graph: Graph) -> bool:
    """Whether the layer before the last goes, and if so, whether nobody can tell."""
    before = network_of(graph)
    after = remove_identity.run(before)
    if after is before:
        return False
    inputs = random_inputs(graph, 2)
    values, found = (values_by_torch(to_module(*network), inputs) for network in (before, after))
    for name, array in found.items():
        np.testing.assert_array_equal(array, values[name])
    gone, maker = graph.nodes[-2], graph.nodes[-2].inputs[0]
    np.testing.assert_array_equal(values[gone.name], values[maker])
    return names_of(after.graph) == names_of(graph)[:-2] + names_of(graph)[-1:]


NOTHINGS = tuple(
    Case(kind, fields, tuple(shapes))
    for kind, fields, *shapes in (
        ("identity", {}, (6, 5)),
        ("dropout", {}, (6, 5)),
        ("drop_path", {"p": 0.5}, (6, 5)),
        ("leaky_relu", {"negative_slope": 1.0}, (6, 5)),
        ("scale", {"value": 1}, (6, 5)),
        ("scale", {"value": (1, 1, 1)}, (3, 5)),
        ("shift", {"value": 0}, (6, 5)),
        ("shift", {"value": (0, 0, 0)}, (3, 5)),
        ("power", {"exponent": 1}, (6, 5)),
        ("add", {}, (6, 5)),
        ("multiply", {}, (6, 5)),
        ("maximum", {}, (6, 5)),
        ("concat", {}, (6, 5)),
        ("slice", {}, (6, 5)),
        ("slice", {"start": -6, "stop": 6}, (6, 5)),
        ("split", {"parts": 1}, (6, 5)),
        ("split", {"sizes": (6,), "index": -1}, (6, 5)),
        ("max_pool", {"kernel_size": 1}, (6, 5, 4)),
        ("max_pool", {"kernel_size": 1, "dilation": 2, "ceil_mode": True}, (6, 5, 4)),
        ("avg_pool", {"kernel_size": 1, "padding": "same"}, (6, 5)),
        ("global_avg_pool", {}, (6, 1, 1)),
        ("global_max_pool", {}, (6, 1, 1)),
        ("adaptive_avg_pool", {"output_size": (5, 4)}, (6, 5, 4)),
        ("adaptive_max_pool", {"output_size": 5}, (6, 5)),
        ("reshape", {"shape": (6, 5)}, (6, 5)),
        ("reshape", {"shape": (-1, 5)}, (6, 5)),
        ("permute", {"order": (0, 1, 2)}, (6, 5, 4)),
        ("pixel_shuffle", {"upscale_factor": 1}, (6, 5, 4)),
        ("pixel_unshuffle", {"downscale_factor": 1}, (6, 5, 4)),
        ("channel_shuffle", {"groups": 1}, (6, 5)),
        ("channel_shuffle", {"groups": 6}, (6, 5)),
        ("mean", {"axes": (1, 2), "keep": True}, (6, 1, 1)),
        ("upsample", {"scale_factor": 1}, (6, 5)),
        ("upsample", {"size": (5, 4), "mode": "bicubic"}, (6, 5, 4)),
        ("upsample", {"size": 5, "mode": "linear", "align_corners": True}, (6, 5)),
        ("upsample", {"mode": "linear"}, (6, 5), (2, 5)),
        ("flatten", {}, (6,)),
        ("flatten", {"start": 1}, (6, 5)),
        ("pad", {"padding": 0}, (6, 5)),
        ("pad_channels", {"out_channels": 6}, (6, 5)),
        ("subsample", {"stride": 1}, (6, 5)),
    )
)


@pytest.mark.parametrize("case", NOTHINGS, ids=lambda case: case.id)
def test_a_layer_that_does_nothing_is_removed(case: Case, tmp_path: Path) -> None:
    graph = before_tanh(case.layer, shapes=case.shapes)
    assert is_removed(graph)
    optimized(graph, tmp_path)


_POSITIVE = ("relu", "relu6", "abs", "sigmoid", "hard_sigmoid", "softmax")
REPEATS = (
    *((maker, kind) for maker in _POSITIVE for kind in ("relu", "leaky_relu", "abs")),
    *((maker, "relu6") for maker in ("relu6", "sigmoid", "hard_sigmoid", "softmax")),
)


def test_an_activation_is_removed_that_changes_nothing_in_what_the_one_before_it_makes() -> None:
    alike = [case for case in CASES if case.shapes == ((6, 13),)]
    makers = [
        case.layer for case in alike if not is_removed(before_tanh(case.layer, shapes=case.shapes))
    ]
    found = {
        (maker.kind, kind)
        for maker in makers
        for kind in ("relu", "leaky_relu", "abs", "relu6", "elu", "sigmoid")
        if is_removed(before_tanh(maker, LAYERS[kind](), shapes=((6, 13),)))
    }
    assert sorted(found) == sorted(REPEATS)


_ALWAYS = ("identity", "dropout", "drop_path")


def test_no_other_case_of_any_kind_is_removed_but_one_that_does_nothing() -> None:
    found = {
        case.kind
        for case in (*CASES, *AWKWARD)
        if is_removed(before_tanh(case.layer, shapes=case.shapes))
    }
    assert found >= {*_ALWAYS, "power"}


def test_each_kind_of_the_table_is_removed_somewhere_in_these_tests() -> None:
    kinds = {case.kind for case in NOTHINGS} | {kind for _, kind in REPEATS}
    assert {layer.kind for layer in remove_identity._IS_NOTHING} == kinds


def test_an_output_keeps_the_layer_that_makes_it(tmp_path: Path) -> None:
    text = spec(
        """
        - relu
        - dropout: {name: early}
        - dropout: {name: score}
        - conv: {out_channels: 2, kernel_size: 1}
        - identity: {name: last}
        """,
        sections="outputs: [last, score]",
    )
    after = optimized(graph_of(text), tmp_path).graph
    assert names_of(after) == ["relu1", "score", "conv1", "last"]
    assert by_name(after)["score"].inputs == ("relu1",)


def test_a_dropout_of_the_input_is_removed_and_does_not_hide_a_fold(tmp_path: Path) -> None:
    text = """
    - dropout
    - conv: {out_channels: 2, kernel_size: 3}
    - drop_path: 0.1
    - batch_norm
    """
    after = optimized(graph_of(spec(text)), tmp_path).graph
    assert [(node.name, node.inputs) for node in after.nodes] == [("batch_norm1", ("input",))]


# Layers that nobody reads, and layers twice


def test_what_no_output_follows_from_goes_with_its_weights(tmp_path: Path) -> None:
    text = spec(
        """
        - conv: {name: a, out_channels: 2, kernel_size: 3}
        - conv: {name: aside, from: a, out_channels: 9, kernel_size: 3}
        - batch_norm: {from: aside}
        - relu: {name: out, from: a}
        """,
        sections="outputs: [out]",
    )
    graph = graph_of(text)
    after = optimized(graph, tmp_path)
    assert names_of(after.graph) == ["a", "out"]
    assert list(after.weights) == ["a.weight", "a.bias"]


def test_what_only_a_removed_layer_read_goes_too(tmp_path: Path) -> None:
    text = spec(
        """
        - relu: {name: a}
        - conv: {name: size, from: input, out_channels: 1, kernel_size: 1}
        - upsample: {from: a, like: size}
        - tanh
        """
    )
    assert names_of(optimized(graph_of(text), tmp_path).graph) == ["a", "tanh1"]


def test_shared_weights_outlive_the_layer_that_had_them(tmp_path: Path) -> None:
    text = spec(
        """
        - conv: {name: a, out_channels: 3, kernel_size: 1}
        - conv: {name: b, from: input, out_channels: 3, kernel_size: 1, shares: a}
        - relu
        - conv: {name: c, out_channels: 3, kernel_size: 1, shares: a}
        """,
    )
    after = optimized(graph_of(text), tmp_path).graph
    assert [(node.name, node.owner) for node in after.nodes] == [
        ("b", None),
        ("relu1", None),
        ("c", "a"),
    ]
    assert [name for name, _ in after.tensors()] == ["a.weight", "a.bias"]


def test_a_tower_that_is_left_alone_folds_what_it_shared(tmp_path: Path) -> None:
    text = spec(
        """
        - conv: {name: a, out_channels: 3, kernel_size: 1}
        - batch_norm: {name: n}
        - conv: {name: b, from: input, out_channels: 3, kernel_size: 1, shares: a}
        - batch_norm: {name: m, shares: n}
        """
    )
    after = optimized(graph_of(text), tmp_path).graph
    assert names_of(after) == ["m"]
    assert [name for name, _ in after.tensors()] == ["a.weight", "a.bias"]


TWICE = """
- conv: {name: c, out_channels: 4, kernel_size: 3, padding: 1}
- relu: {name: one, from: c}
- max_pool: {name: one_pool, from: one, kernel_size: 2}
- relu: {name: two, from: c}
- max_pool: {name: two_pool, from: two, kernel_size: 2}
- max_pool: {name: third, from: two, kernel_size: 2, ceil_mode: true}
- batch_norm: {name: n, from: one_pool}
- batch_norm: {name: m, from: two_pool, shares: n}
- batch_norm: {name: other, from: two_pool}
- concat: {from: [n, m, third, other]}
"""


def test_what_is_computed_twice_is_computed_once(tmp_path: Path) -> None:
    after = optimized(graph_of(spec(TWICE)), tmp_path).graph
    assert names_of(after) == ["c", "one", "one_pool", "third", "n", "other", "concat1"]
    assert by_name(after)["concat1"].inputs == ("n", "n", "third", "other")


def test_layers_are_known_again_by_their_fields() -> None:
    for case in (*CASES, *AWKWARD):
        assert len({case.layer, case.layer}) == 1, case.id
    assert len({Case("scale", {"value": value}, ()).layer for value in (1, 2, (1, 2))}) == 3


def test_an_output_is_made_under_its_own_name_even_where_it_is_made_twice(tmp_path: Path) -> None:
    text = spec(TWICE, sections="outputs: [concat1, two, m]")
    after = optimized(graph_of(text), tmp_path).graph
    assert {"one", "two", "m"} <= set(names_of(after))


class Outside(Identity):
    """A kind from outside, which may do anything."""

    kind = "outside"


def test_kinds_from_outside_are_neither_merged_nor_taken_for_what_they_derive_from() -> None:
    graph = chain_of(Outside(), Outside(), Tanh(), shape=(4,))
    second = graph.nodes[1]._replace(inputs=("input",))
    graph = replace(graph, nodes=(graph.nodes[0], second, graph.nodes[2]))
    graph = replace(graph, outside={Outside: Kind(Outside)})
    graph = replace(graph, outputs={name: graph.outputs["layer2"] for name in ("layer2", "layer0")})
    assert optimize(graph, load(graph, {}), "all").graph is graph
    # Once none of them is left, the graph has no kinds from outside.
    graph = replace(graph, nodes=(*graph.nodes[:2], graph.nodes[2]._replace(inputs=("input",))))
    graph = replace(graph, outputs={"layer2": graph.outputs["layer2"]})
    assert optimize(graph, load(graph, {}), "all").graph.outside == {}
