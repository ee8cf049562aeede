"""What follows from weights and constants alone is worked out when an ONNX file is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import checker, helper
from onnx.reference import ReferenceEvaluator

import archspec
from archspec.backends.onnx import Options, write_model
from archspec.backends.onnx.constants import ATTRIBUTES, FUNCTIONS
from archspec.backends.onnx.skeleton import build_model
from archspec.graph import Graph
from archspec.layers import LAYERS
from archspec.layers.activation import Relu
from tests import vit
from tests.cases import Case
from tests.graphs import chain_of, graph_of
from tests.kinds import CASES
from tests.specs import graph_of as graph_of_spec
from tests.symbolic import symbolic
from tests.test_onnx import Array, dimensions, random_inputs, random_weights, run

FOLDED = Options(fold_constants=True)

I64 = np.int64


def i64(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, np.int64)


CUBE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

SAMPLES: tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...] = (
    ("Identity", (CUBE,), {}),
    ("Transpose", (CUBE,), {"perm": [2, 0, 1]}),
    ("Transpose", (CUBE,), {}),
    ("Unsqueeze", (CUBE, i64(0, 2)), {}),
    ("Squeeze", (CUBE.reshape(1, 2, 1, 12), i64(0, 2)), {}),
    ("Squeeze", (CUBE.reshape(1, 2, 1, 12),), {}),
    ("Reshape", (CUBE, i64(0, -1)), {}),
    ("Reshape", (CUBE[:0], i64(0, 5)), {"allowzero": 1}),
    ("Concat", (CUBE, CUBE + 1), {"axis": 1}),
    ("Cast", (i64(3, 16777217),), {"to": onnx.TensorProto.FLOAT}),
    ("Cast", (CUBE + 0.5,), {"to": onnx.TensorProto.INT64}),
    ("Add", (CUBE, CUBE[0]), {}),
    ("Sub", (i64(5, 2), i64(7)), {}),
    ("Mul", (CUBE, CUBE[0]), {}),
    ("Div", (CUBE, CUBE + 3), {}),
    ("Div", (i64(7, -7, 7, -7, 6), i64(2, 2, -2, -2, -2)), {}),
    ("Min", (CUBE, 20 - CUBE, CUBE[:1]), {}),
    ("Max", (CUBE, 20 - CUBE, CUBE[:1]), {}),
    ("Floor", (CUBE / 3 - 4,), {}),
    ("Range", (I64(2), I64(11), I64(3)), {}),
)


@pytest.mark.parametrize(("operator", "arrays", "attributes"), SAMPLES)
def test_numpy_does_what_the_reference_implementation_of_onnx_does(
    operator: str, arrays: tuple[Any, ...], attributes: dict[str, Any]
) -> None:
    names = [f"input{index}" for index in range(len(arrays))]
    node = helper.make_node(operator, names, ["output"], **attributes)
    outputs: Any = ReferenceEvaluator(node).run(None, dict(zip(names, arrays, strict=True)))
    (expected,) = outputs
    found = np.asarray(FUNCTIONS[operator](*arrays, **attributes))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_every_operator_that_is_folded_is_tried_with_every_attribute() -> None:
    tried: dict[str, set[str]] = {operator: set() for operator in FUNCTIONS}
    for operator, _, attributes in SAMPLES:
        tried[operator].update(attributes)
    assert {operator: names for operator, names in tried.items() if names} == ATTRIBUTES
    assert set(FUNCTIONS) == {operator for operator, _, _ in SAMPLES}


def foldable(model: onnx.ModelProto) -> list[str]:
    """The operations whose inputs are all stored."""
    known = {tensor.name for tensor in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if all(name in known for name in node.input):
            found.append(node.op_type)
            known.update(node.output)
    return found


def assert_same(graph: Graph, folder: Path, inputs: dict[str, Array]) -> list[str]:
    """Folded, the model is valid and computes the same to the bit; what was folded."""
    weights = random_weights(graph)
    plain, folded = folder / "plain.onnx", folder / "folded.onnx"
    write_model(graph, weights, plain)
    write_model(graph, weights, folded, options=FOLDED)
    written = onnx.load(folded)
    checker.check_model(written, full_check=True)
    assert foldable(written) == []
    used = {name for node in written.graph.node for name in node.input}
    assert {tensor.name for tensor in written.graph.initializer} <= used
    assert set(dimensions(written)) <= {name for n in written.graph.node for name in n.output}
    for found, expected in zip(run(folded, inputs), run(plain, inputs), strict=True):
        np.testing.assert_array_equal(found, expected)
    return foldable(onnx.load(plain))


WITH_CONSTANTS = [
    case
    for case in CASES
    if case.kind in ("class_token", "position_embedding", "self_attention", "prelu")
    or (case.kind in ("group_norm", "fc") and len(case.shapes[0]) > 1)
]


@pytest.mark.parametrize("case", WITH_CONSTANTS, ids=lambda case: case.id)
def test_layers_with_weights_in_another_layout_compute_the_same(case: Case, tmp_path: Path) -> None:
    graph = graph_of(case.layer, *case.shapes)
    assert_same(graph, tmp_path, random_inputs(graph, 2))


def test_a_transformer_computes_the_same(tmp_path: Path) -> None:
    small = {"image": 32, "width": 24, "heads": 3, "mlp": 48, "depth": 2, "classes": 5}
    graph = graph_of_spec(vit.SPEC, **small)
    # Two tokens, and four matrices in each of two layers.
    assert assert_same(graph, tmp_path, random_inputs(graph, 2)) == ["Transpose"] * 10


def test_convnext_has_no_operation_left_on_its_weights() -> None:
    graph = archspec.load("convnext_tiny")
    skeleton = build_model(graph, FOLDED)
    weights = {tensor.name: tensor for tensor in skeleton.initializers}
    assert all(set(node.input) - set(weights) for node in skeleton.model.graph.node)
    # The matrices of 18 blocks are turned round, two in each.
    turned = [tensor for tensor in weights.values() if tensor.key is None]
    assert len(turned) == 36
    plain = {tensor.name: tensor.shape for tensor in build_model(graph).initializers}
    for tensor in turned:
        layer = tensor.name.removesuffix("/matrix")
        assert tensor.shape == plain[f"{layer}.weight"][::-1]
        assert f"{layer}.weight" not in weights


def test_what_follows_from_sizes_that_are_known_is_worked_out(tmp_path: Path) -> None:
    case = Case("upsample", {"size": (5, 7), "mode": "nearest"}, ((3, 4, 6),))
    free = symbolic(case)
    assert free is not None
    inputs = {"input0": random_inputs(graph_of(case.layer, (3, 4, 6)), 2)["input"]}
    # The rows of the output are numbered, and their scale's numerator is a number.
    assert "Range" in assert_same(free.graph(), tmp_path, inputs)


def test_what_would_take_more_room_stays_an_operation() -> None:
    case = Case("upsample", {"size": (5, 2000), "mode": "nearest"}, ((3, 4, 6),))
    free = symbolic(case)
    assert free is not None
    operators = [node.op_type for node in build_model(free.graph(), FOLDED).model.graph.node]
    assert operators.count("Range") == 1


def test_weights_are_not_read_before_they_are_written() -> None:
    graph = chain_of(
        LAYERS["fc"].model_validate({"out_features": 7, "position_wise": True}),
        Relu(),
        shape=(3, 4),
    )
    skeleton = build_model(graph, FOLDED)
    asked: list[str] = []

    class Asked(dict[str, Array]):
        def __getitem__(self, name: str) -> Array:
            asked.append(name)
            return super().__getitem__(name)

    weights = Asked(random_weights(graph))
    assert [tensor.name for tensor in skeleton.initializers] == ["layer0.bias", "layer0/matrix"]
    (array,) = skeleton.initializers[1].pieces(weights)
    np.testing.assert_array_equal(array, dict(weights)["layer0.weight"].T)
    assert asked == ["layer0.weight"]
