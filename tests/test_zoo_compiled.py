"""The networks of `specs/` in both backends, with weights and inputs that others had: what comes
out is what torchvision's modules, and the reference code's, give for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import archspec
from archspec.graph import Graph
from archspec.layers.base import Shape
from tests import golden, zoo
from tests.references import golden as references
from tests.zoo import DIGITS, OTHERS, REFERENCES, TORCHVISION, Array, assert_close


class Run(NamedTuple):
    """A network, and of a reference the number of its case."""

    name: str
    case: int = 0

    @property
    def id(self) -> str:
        return f"{self.name}@{self.case}" if self.case else self.name


OF_TORCHVISION = [Run(name) for name in TORCHVISION]
OF_REFERENCES = [Run(name, i) for name in REFERENCES for i in range(len(zoo.cases(name)))]
RUNS = [*OF_TORCHVISION, *OF_REFERENCES, *(Run(name) for name in (*DIGITS, *OTHERS))]

LARGE = 50_000_000
"""Of a VGG's 140 million weights, 100 are one tensor, the same in all eight."""


@lru_cache(maxsize=1)
def large(name: str, shape: Shape) -> Array:
    return golden.fill(name, shape)


def fill(tensors: Mapping[str, Shape]) -> dict[str, Array]:
    return {
        name: (large if np.prod(shape) > LARGE else golden.fill)(name, shape)
        for name, shape in tensors.items()
    }


@dataclass
class Built:
    """A network with golden weights, its ONNX file, and the inputs that the backends are fed."""

    run: Run
    graph: Graph
    weights: Mapping[str, Array]
    path: Path
    inputs: tuple[Array, ...]

    @cached_property
    def from_torch(self) -> list[Array]:
        return zoo.run_torch(self.graph, *self.inputs, weights=self.weights)

    @cached_property
    def from_onnxruntime(self) -> list[Array]:
        return zoo.run_onnx(self.path, *self.inputs)


# Golden weights and not initial ones: these leave nothing of the image after 34 plain layers, so
# that a wrong network would give the same logits.


def build(run: Run, path: Path) -> Built:
    graph = archspec.load(run.name)
    weights = fill(zoo.tensors(graph))
    inputs = (golden.images((2, *graph.inputs["input"].shape)),)
    return Built(run, graph, weights, path, inputs)


def build_reference(run: Run, path: Path) -> Built:
    case = zoo.cases(run.name)[run.case]
    sizes = {name: it.shape[1:] for name, it in case.inputs.items()}
    graph = zoo.load_at(run.name, sizes)
    theirs = references.read(REFERENCES[run.name]).weights()
    weights = {name: theirs[zoo.published(run.name, name)] for name, _ in graph.tensors()}
    return Built(run, graph, weights, path, tuple(it.batch() for it in case.inputs.values()))


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: run.id)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    run: Run = request.param
    path = tmp_path_factory.mktemp(run.name) / "model.onnx"
    found = build_reference(run, path) if run.name in REFERENCES else build(run, path)
    archspec.to_onnx(found.graph, path, found.weights)
    yield found
    path.unlink()  # pytest would keep half a gigabyte of each VGG


@pytest.fixture(scope="module", autouse=True)
def nothing_large_is_kept() -> Iterator[None]:
    yield
    large.cache_clear()


def test_the_onnx_file_is_valid(built: Built) -> None:
    onnx = pytest.importorskip("onnx")
    onnx.checker.check_model(built.path, full_check=True)
    model = onnx.load(built.path)
    # No shape hangs on a weight's values, and inference would copy them four times.
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    kept = [tensor for name, tensor in stored.items() if name not in built.weights]
    for name in built.weights:
        dtype, dims = stored[name].data_type, stored[name].dims
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, dtype, dims))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    inferred = onnx.shape_inference.infer_shapes(
        model, check_type=True, strict_mode=True, data_prop=True
    )
    shapes = {
        value.name: tuple(size.dim_value for size in value.type.tensor_type.shape.dim[1:])
        for value in (*inferred.graph.value_info, *inferred.graph.output)
    }
    made = {operation.name: operation.output[0] for operation in model.graph.node}
    for node in built.graph.nodes:
        assert shapes[made[node.name]] == node.output.shape


def test_pytorch_and_onnxruntime_agree(built: Built) -> None:
    for ours, theirs in zip(built.from_torch, built.from_onnxruntime, strict=True):
        assert_close(theirs, ours, 1e-5)
        assert np.abs(ours[0] - ours[1]).max() > 1e-3 * np.abs(ours).max(), "the input matters"


@pytest.mark.parametrize("built", OF_TORCHVISION, ids=lambda run: run.id, indirect=True)
def test_logits_are_torchvisions_in_both_backends(built: Built) -> None:
    expected = golden.read(built.run.name)
    assert built.inputs[0].shape == expected.input
    for (logits,) in (built.from_torch, built.from_onnxruntime):
        assert_close(logits[:, :8], expected.logits, 1e-5)


@pytest.mark.parametrize("built", OF_REFERENCES, ids=lambda run: run.id, indirect=True)
def test_outputs_are_the_references_in_both_backends(built: Built) -> None:
    expected = zoo.cases(built.run.name)[built.run.case].outputs
    for outputs in (built.from_torch, built.from_onnxruntime):
        assert len(outputs) == len(expected)
        for found, output in zip(outputs, expected.values(), strict=True):
            assert output.distance(found) < 1e-5


def test_alexnet_2012_becomes_caffes_by_its_variables(tmp_path: Path) -> None:
    expected = references.read("bvlc_alexnet")
    (case,) = expected.cases
    graph = archspec.load("alexnet_2012", alpha=1e-4, k=1)
    x, weights = case.inputs["input"].batch(), expected.weights()
    archspec.to_onnx(graph, tmp_path / "model.onnx", weights)
    for (found,) in (
        zoo.run_torch(graph, x, weights=weights),
        zoo.run_onnx(tmp_path / "model.onnx", x),
    ):
        assert case.outputs["output"].distance(found) < 1e-5
