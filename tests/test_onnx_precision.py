"""ONNX files in half precision: valid, close to float32, and without a number lost in silence.

onnxruntime's CPU provider runs float16, though much of it through float32; it has no bfloat16
convolution. So bfloat16, and float16 as it is rounded from operation to operation, are run by the
reference implementation of onnx. On a GPU nothing of this was run.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, checker, defs, helper, shape_inference
from onnx.reference import ReferenceEvaluator

import archspec
from archspec import weights as archspec_weights
from archspec.backends.onnx import Options, write_model
from archspec.backends.onnx.elements import BFLOAT16, FLOAT16, HALVES, Element
from archspec.backends.onnx.model import Skeleton
from archspec.backends.onnx.sensitive import KEPT
from archspec.backends.onnx.skeleton import build_model
from archspec.backends.torch import to_module
from archspec.graph import Graph, TensorType
from archspec.layers.activation import LogSoftmax, Relu, Sigmoid, Softmax, Softplus
from archspec.layers.arithmetic import Clamp
from archspec.layers.base import Layer
from archspec.layers.conv import Conv
from archspec.layers.linear import FullyConnected
from archspec.layers.norm import BatchNorm, L2Normalize, LocalResponseNorm
from archspec.layers.pool import AvgPool, GlobalAvgPool
from archspec.metadata import Precision
from tests.cases import Case
from tests.graphs import chain_of, graph_of
from tests.kinds import CASES
from tests.test_onnx import AWKWARD, NET, Array, random_inputs, random_weights, run
from tests.zoo import SPECS

FLOAT = TensorProto.FLOAT
ROUNDING = {"fp16": 2.0**-11, "bf16": 2.0**-8}

halves = pytest.mark.parametrize("precision", ["fp16", "bf16"])


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """onnxruntime warns of the casts that its CPU provider adds."""
    onnxruntime.set_default_logger_severity(3)
    yield
    onnxruntime.set_default_logger_severity(2)


def by_reference(path: Path, inputs: Mapping[str, Any]) -> list[Any]:
    """What the reference implementation of onnx makes of the inputs, each operation rounded."""
    outputs: Any = ReferenceEvaluator(str(path)).run(None, dict(inputs))
    return list(outputs)


def error(found: Array, expected: Array) -> float:
    """The largest difference, relative to the largest number."""
    assert found.dtype == expected.dtype == np.float32
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found - expected).max()) / scale


# Rounding


def to_half(element: Element, array: Array) -> NDArray[np.uint16]:
    """The bits of the array's halves."""
    return np.concatenate([piece.view(np.uint16).ravel() for piece in element.pieces(array, "x")])


NUMBERS = np.concatenate(
    [
        np.array([0.0, -0.0, np.inf, -np.inf, 1e-45, 6e-8, 2e-8, 65504, -65519, 1e-30], np.float32),
        # Halfway between two halves, to the even one: 1 + 2^-11, 1 + 3 × 2^-11; and for bfloat16.
        np.array([1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8], np.float32),
        np.random.default_rng(1).standard_normal(200_000, np.float32),
    ]
)


@pytest.mark.parametrize(
    ("element", "dtype"), [(FLOAT16, torch.float16), (BFLOAT16, torch.bfloat16)]
)
def test_numbers_are_rounded_as_pytorch_rounds_them(element: Element, dtype: torch.dtype) -> None:
    expected = torch.from_numpy(NUMBERS).to(dtype).view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(to_half(element, NUMBERS), expected)


@pytest.mark.parametrize("element", [FLOAT16, BFLOAT16])
def test_what_is_no_number_stays_none(element: Element) -> None:
    bits = np.array([0x7FC00000, 0x7F800001, 0xFFFFFFFF, 0x7FFFFFFF], np.uint32)
    found = element.widened(to_half(element, bits.view(np.float32)))
    assert np.isnan(found).all()


# Files


def small(kinds: int) -> list[Case]:
    """So many cases of each kind, the first of them."""
    seen: dict[str, list[Case]] = defaultdict(list)
    for case in CASES:
        seen[case.kind].append(case)
    return [case for cases in seen.values() for case in cases[:kinds]]


@pytest.mark.parametrize("case", [*small(6), *AWKWARD], ids=lambda case: case.id)
def test_every_kind_in_float16_computes_on_onnxruntime_what_it_does_in_float32(
    case: Case, tmp_path: Path
) -> None:
    graph = graph_of(case.layer, *case.shapes)
    weights, inputs = random_weights(graph), random_inputs(graph, 2)
    plain, half = tmp_path / "plain.onnx", tmp_path / "half.onnx"
    write_model(graph, weights, plain)
    write_model(graph, weights, half, options=Options(precision="fp16"))
    checker.check_model(half, full_check=True)
    # The weights, the inputs and the result are rounded once each, and the sums in between little.
    assert error(run(half, inputs)[0], run(plain, inputs)[0]) < 3 * ROUNDING["fp16"]


# The reference implementation squares the shape of other than images, and has another LRN.
WITHOUT_REFERENCE = {"global_max_pool", "lrn"}


@halves
@pytest.mark.parametrize("case", small(2), ids=lambda case: case.id)
def test_every_kind_rounded_at_each_operation_is_near_to_float32(
    case: Case, precision: Precision, tmp_path: Path
) -> None:
    graph = graph_of(case.layer, *case.shapes)
    weights, inputs = random_weights(graph), random_inputs(graph, 2)
    plain, half = tmp_path / "plain.onnx", tmp_path / "half.onnx"
    write_model(graph, weights, plain)
    options = Options(precision=precision, fold_constants=True)
    write_model(graph, weights, half, options=options)
    checker.check_model(half, full_check=True)
    if case.kind in WITHOUT_REFERENCE:
        return
    (found,) = by_reference(half, inputs)
    assert error(found, run(plain, inputs)[0]) < 4 * ROUNDING[precision]


def with_weights_as_inputs(skeleton: Skeleton) -> onnx.ModelProto:
    """The model as the checker takes it when its weights are nowhere."""
    model = onnx.ModelProto()
    model.CopyFrom(skeleton.model)
    model.graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.element.code, tensor.shape)
        for tensor in skeleton.initializers
    )
    return model


def types(model: onnx.ModelProto) -> dict[str, int]:
    """The element type of each value that the model makes."""
    return {
        value.name: value.type.tensor_type.elem_type
        for value in (*model.graph.value_info, *model.graph.output)
    }


@halves
@pytest.mark.parametrize("name", sorted(path.stem for path in SPECS.glob("*.yaml")))
def test_every_network_in_half_precision_is_valid(name: str, precision: Precision) -> None:
    graph = archspec.load(name)
    skeleton = build_model(graph, Options(precision=precision, fold_constants=True))
    model = with_weights_as_inputs(skeleton)
    checker.check_model(model, full_check=True)
    borders = [*skeleton.model.graph.input, *skeleton.model.graph.output]
    assert {value.type.tensor_type.elem_type for value in borders} == {FLOAT}
    stated = types(model)
    del model.graph.value_info[:]
    inferred = shape_inference.infer_shapes(
        model, check_type=True, strict_mode=True, data_prop=True
    )
    assert types(inferred) == stated

    nodes = model.graph.node
    assert len({node.name for node in nodes}) == len(nodes)  # onnxruntime insists on it.
    casts = [node for node in nodes if node.op_type == "Cast"]
    cast = {node.output[0] for node in casts}
    assert not any(node.input[0] in cast for node in casts)
    # No value is cast twice to the same type, and none that an operation is in float32 for.
    assert len({(node.input[0], node.attribute[0].i) for node in casts}) == len(casts)
    half = HALVES[precision].code
    for node in nodes:
        if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            assert stated[node.output[0]] == half
        if node.op_type in KEPT:
            assert stated[node.output[0]] == FLOAT
    learnt = sum(tensor.nbytes for tensor in skeleton.initializers)
    whole = sum(tensor.nbytes for tensor in build_model(graph).initializers)
    # Of the networks here, MobileNet and its like have the most in batch normalisation.
    assert learnt < 0.52 * whole


@pytest.mark.parametrize(
    "name", ["lenet5", "squeezenet1_1", "resnet18_cifar", "mobilenet_v3_small"]
)
def test_networks_in_float16_are_as_near_to_float32_as_pytorchs(name: str, tmp_path: Path) -> None:
    graph = archspec.load(name)
    weights = archspec_weights.load(graph, None, seed=1)
    write_model(graph, weights, tmp_path / "half.onnx", options=Options(precision="fp16"))
    inputs = random_inputs(graph, 2)
    (found,) = run(tmp_path / "half.onnx", inputs)
    module = to_module(graph, weights)
    (given,) = (torch.from_numpy(array) for array in inputs.values())
    with torch.no_grad():
        expected = module(given).numpy()
        theirs = module.half()(given.half()).float().numpy()
    scale = float(np.abs(expected).max())
    ours = float(np.abs(found - expected).max()) / scale
    assert ours < 0.01
    assert ours <= 1.5 * float(np.abs(theirs - expected).max()) / scale


@pytest.mark.parametrize("name", ["lenet5", "resnet18_cifar"])
def test_networks_in_bfloat16_are_as_near_to_float32_as_pytorchs(name: str, tmp_path: Path) -> None:
    graph = archspec.load(name)
    weights = archspec_weights.load(graph, None, seed=1)
    write_model(graph, weights, tmp_path / "half.onnx", options=Options(precision="bf16"))
    inputs = random_inputs(graph, 1)
    (found,) = by_reference(tmp_path / "half.onnx", inputs)
    module = to_module(graph, weights)
    (given,) = (torch.from_numpy(array) for array in inputs.values())
    with torch.no_grad():
        expected = module(given).numpy()
        theirs = module.bfloat16()(given.bfloat16()).float().numpy()
    scale = float(np.abs(expected).max())
    ours = float(np.abs(found - expected).max()) / scale
    assert ours < 0.1
    assert ours <= 2 * float(np.abs(theirs - expected).max()) / scale


# What is stored, and in which type


def written(graph: Graph, path: Path, **options: Any) -> onnx.ModelProto:
    write_model(graph, random_weights(graph), path, options=Options(**options))
    checker.check_model(path, full_check=True)
    return onnx.load(path)


def stored_types(model: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


NORMAL = chain_of(
    Conv(out_channels=4, kernel_size=3), BatchNorm(), Relu(), GlobalAvgPool(), shape=(3, 8, 8)
)


@halves
def test_weights_are_in_the_half_and_those_of_batch_normalisation_in_float32(
    precision: Precision, tmp_path: Path
) -> None:
    model = written(NORMAL, tmp_path / "model.onnx", precision=precision)
    half = HALVES[precision].code
    assert stored_types(model) == {
        "layer0.weight": half,
        "layer0.bias": half,
        "layer1.weight": FLOAT,
        "layer1.bias": FLOAT,
        "layer1.running_mean": FLOAT,
        "layer1.running_var": FLOAT,
    }
    # What stands between two in float32 is in float32, with no casts around it.
    assert operators(model) == [
        "Cast",
        "Conv",
        "Cast",
        "BatchNormalization",
        "Relu",
        "GlobalAveragePool",
    ]
    assert [node.name for node in model.graph.node if node.op_type == "Cast"] == [
        f"input/{precision}",
        "layer0/fp32",
    ]


def test_a_tiny_variance_is_no_division_by_nothing(tmp_path: Path) -> None:
    graph = chain_of(BatchNorm(eps=1e-12), shape=(3, 4, 4))
    weights = {**random_weights(graph), "layer0.running_var": np.full(3, 1e-10, np.float32)}
    weights["layer0.running_mean"] = np.zeros(3, np.float32)
    write_model(graph, weights, tmp_path / "model.onnx", options=Options(precision="fp16"))
    given = {"input": np.full((1, 3, 4, 4), 1e-5, np.float32)}
    (found,) = run(tmp_path / "model.onnx", given)
    # The input goes into it as it is.
    expected = weights["layer0.weight"] * 1e-5 / np.sqrt(1.01e-10) + weights["layer0.bias"]
    np.testing.assert_allclose(found[0, :, 0, 0], expected, 1e-5)


@pytest.mark.parametrize(
    ("reduced_io", "border"), [(False, TensorProto.FLOAT), (True, TensorProto.FLOAT16)]
)
def test_inputs_and_outputs_are_reduced_only_where_that_is_asked(
    reduced_io: bool, border: int, tmp_path: Path
) -> None:
    model = written(NET, tmp_path / "model.onnx", precision="fp16", reduced_io=reduced_io)
    values = (*model.graph.input, *model.graph.output)
    assert [value.name for value in values] == ["input", "layer2"]
    assert {value.type.tensor_type.elem_type for value in values} == {border}
    assert operators(model).count("Cast") == (0 if reduced_io else 2)
    inputs = random_inputs(NET, 2)
    if reduced_io:
        inputs = {name: array.astype(np.float16) for name, array in inputs.items()}
    (found,) = run(tmp_path / "model.onnx", inputs)
    assert found.dtype == (np.float16 if reduced_io else np.float32)


def test_an_output_in_float32_is_cast_where_the_precision_is_asked_of_it(tmp_path: Path) -> None:
    graph = chain_of(FullyConnected(out_features=3), Softmax(), shape=(5,))
    path = tmp_path / "model.onnx"
    assert operators(written(graph, path, precision="fp16")) == ["Cast", "Gemm", "Cast", "Softmax"]
    model = written(graph, path, precision="fp16", reduced_io=True)
    assert operators(model) == ["Gemm", "Cast", "Softmax", "Cast"]
    assert [node.name for node in model.graph.node] == [
        "layer0",
        "layer0/fp32",
        "layer1",
        "layer1/fp16",
    ]
    (found,) = run(path, {"input": np.ones((1, 5), np.float16)})
    assert abs(float(found.sum()) - 1) < 0.002


def test_an_output_that_other_layers_use_keeps_its_name_and_is_cast_once(tmp_path: Path) -> None:
    # One output is an input as it came; one is used by an operation of each type.
    scores = graph_of(FullyConnected(out_features=3), (3,), name="scores").nodes[0]
    shares = graph_of(Softmax(), (3,), name="shares").nodes[0]._replace(inputs=("scores",))
    gates = graph_of(Sigmoid(), (3,), name="gates").nodes[0]._replace(inputs=("scores",))
    types_ = {name: TensorType((3,)) for name in ("scores", "input", "gates", "shares")}
    graph = Graph("test", {"input": TensorType((3,))}, (scores, shares, gates), types_)
    path = tmp_path / "model.onnx"
    model = written(graph, path, precision="fp16")
    assert [value.name for value in model.graph.output] == list(types_)
    # The input down, the scores up for themselves and the softmax, the gates up.
    assert Counter(operators(model))["Cast"] == 3
    plain = tmp_path / "plain.onnx"
    write_model(graph, random_weights(graph), plain)
    given = random_inputs(graph, 2)
    for found, expected in zip(run(path, given), run(plain, given), strict=True):
        assert error(found, expected) < 4 * ROUNDING["fp16"]


def test_the_metadata_say_the_precision(tmp_path: Path) -> None:
    graph = Graph("net", NET.inputs, NET.nodes, NET.outputs, {"labels": ["a", "b"]})
    for precision in ("fp16", "bf16"):
        model = written(graph, tmp_path / "model.onnx", precision=precision)
        (entry,) = model.metadata_props
        expected = {"name": "net", "labels": ["a", "b"], "precision": precision}
        assert json.loads(entry.value) == expected


@pytest.mark.parametrize(
    ("layer", "precision", "opset", "ir_version"),
    [
        (Conv(out_channels=2, kernel_size=3), "fp16", 17, 8),
        # onnx says when: Conv has bfloat16 from 22 on, Relu from 14 on.
        (Conv(out_channels=2, kernel_size=3), "bf16", 22, 10),
        (Relu(), "bf16", 17, 8),
        # It stays in float32.
        (GlobalAvgPool(), "bf16", 17, 8),
    ],
)
def test_the_opset_is_raised_where_the_type_came_later(
    layer: Layer, precision: Precision, opset: int, ir_version: int, tmp_path: Path
) -> None:
    model = written(chain_of(layer, shape=(3, 8, 8)), tmp_path / "m.onnx", precision=precision)
    assert (model.opset_import[0].version, model.ir_version) == (opset, ir_version)


def test_what_is_kept_in_float32_are_operators_of_onnx() -> None:
    assert all(defs.has(operator) for operator in KEPT)


def test_the_same_network_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        written(NORMAL, tmp_path / name, precision="fp16", fold_constants=True)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


# Numbers that a half does not have


@pytest.mark.parametrize(
    ("layer", "value"),
    [
        # The squares are beyond float16, or nothing in it; so is an epsilon of 1e-12.
        (L2Normalize(), 1000.0),
        (L2Normalize(), 1e-4),
        (LocalResponseNorm(size=5, alpha=1.0), 1000.0),
        (LocalResponseNorm(size=4, alpha=1.0), 1000.0),
        # e to the input is beyond it.
        (Softplus(), 40.0),
        (LogSoftmax(), 40.0),
        # The sum over the plane is beyond it.
        (GlobalAvgPool(), 5000.0),
        (AvgPool(kernel_size=12), 5000.0),
        # It makes 1e-8 0, and the result at least that.
        (Clamp(min=1e-8), -1.0),
    ],
    ids=repr,
)
def test_what_float16_would_lose_on_the_way_is_kept(
    layer: Layer, value: float, tmp_path: Path
) -> None:
    graph = chain_of(layer, shape=(6, 12, 12))
    plain, half = tmp_path / "plain.onnx", tmp_path / "half.onnx"
    write_model(graph, {}, plain)
    write_model(graph, {}, half, options=Options(precision="fp16"))
    assert all(
        node.op_type == "Cast" or types(onnx.load(half))[node.output[0]] == FLOAT
        for node in onnx.load(half).graph.node
    )
    random = np.random.default_rng(2)
    given = {"input": (value * random.uniform(0.5, 1, (1, 6, 12, 12))).astype(np.float32)}
    (found,), (expected,) = run(half, given), run(plain, given)
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def with_weight(value: float) -> dict[str, Array]:
    weights = random_weights(NET)
    weights["layer2.weight"][1, 2] = value
    return weights


def test_a_weight_beyond_float16_is_named_with_its_value(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^`layer2\.weight` has -70000, and fp16 ends at 65504: "
    ) as caught:
        write_model(
            NET, with_weight(-70000), tmp_path / "model.onnx", options=Options(precision="fp16")
        )
    assert str(caught.value).endswith("build with `--precision bf16`, which has float32's range")
    assert list(tmp_path.iterdir()) == []
    write_model(
        NET, with_weight(-70000), tmp_path / "model.onnx", options=Options(precision="bf16")
    )


def test_a_weight_beyond_bfloat16_is_named_with_its_value(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"has 3\.40282e\+38, and bf16 ends at 3\.38953e\+38: build with `--precision fp32`$",
    ):
        write_model(
            NET, with_weight(3.4028235e38), tmp_path / "m.onnx", options=Options(precision="bf16")
        )


def test_an_infinite_weight_stays_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_model(NET, with_weight(-np.inf), path, options=Options(precision="fp16"))
    (weight,) = (t for t in onnx.load(path).graph.initializer if t.name == "layer2.weight")
    assert np.isinf(onnx.numpy_helper.to_array(weight)).sum() == 1


def test_a_tensor_of_which_nothing_would_be_left_is_named(tmp_path: Path) -> None:
    weights = {name: array * np.float32(1e-9) for name, array in random_weights(NET).items()}
    with pytest.raises(
        ValueError,
        match=r"`layer0\.weight` has nothing larger than 1\.\d+e-09, which fp16 makes 0: ",
    ):
        write_model(NET, weights, tmp_path / "model.onnx", options=Options(precision="fp16"))
    assert list(tmp_path.iterdir()) == []
    # Zeros are zeros.
    zeros = {name: np.zeros_like(array) for name, array in weights.items()}
    write_model(NET, zeros, tmp_path / "model.onnx", options=Options(precision="fp16"))


# With the ends


@pytest.mark.parametrize("reduced_io", [False, True])
def test_the_ends_of_a_network_stay_in_float32(reduced_io: bool, tmp_path: Path) -> None:
    graph = archspec.load("resnet18_cifar")
    weights = archspec_weights.load(graph, None, seed=1)
    found, path = {}, tmp_path / "model.onnx"
    for precision in ("fp32", "fp16"):
        options = Options(precision, reduced_io, False, preprocess=False, softmax=True, top_k=3)
        write_model(graph, weights, path, options=options)
        checker.check_model(path, full_check=True)
        given: dict[str, Any] = random_inputs(graph, 2)
        if reduced_io and precision == "fp16":
            given = {name: array.astype(np.float16) for name, array in given.items()}
        found[precision] = run(path, given)
    for array, expected in zip(found["fp16"], found["fp32"], strict=True):
        assert array.dtype == expected.dtype
    np.testing.assert_allclose(found["fp16"][0], found["fp32"][0], rtol=0.02)
    np.testing.assert_array_equal(found["fp16"][1], found["fp32"][1])
