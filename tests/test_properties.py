"""Random networks and layers are in both backends what was inferred of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, note
from hypothesis import strategies as st

from archspec.backends.torch import to_module
from archspec.backends.torch.values import values_by_torch
from archspec.graph import Graph
from archspec.layers import LAYERS
from archspec.layers.base import Inputs, Layer
from tests.agreement import BATCH, Run, assert_agreement, weights_of
from tests.graphs import graph_of
from tests.profiles import examples
from tests.specs import compiled, errors_of
from tests.strategies import Spec, specs
from tests.strategies_fields import OF_ONE_KIND, OPTIONS, layers, strategy_of
from tests.test_onnx import random_inputs

pytestmark = pytest.mark.usefixtures("one_thread")

AXES = (0, 1, 2, 3)
"""Spatial axes of a network's input."""


@pytest.mark.parametrize("axes", AXES)
def test_both_backends_are_what_was_inferred_of_random_networks(axes: int, tmp_path: Path) -> None:
    dependent: list[bool] = []

    @examples(300)
    @given(specs(axes))
    def agree(spec: Spec) -> None:
        note(spec.text)
        found = compiled(spec.text)
        assert found.ok, errors_of(found)
        assert [type_.shape for type_ in found.graph.outputs.values()] == [spec.output]
        run = assert_agreement(found.graph, tmp_path / "model.onnx")
        dependent.append(depends_on_input(run, next(iter(found.graph.outputs))))

    agree()
    # Else the agreement would be one on constants. Some networks make nothing else: a softmax of
    # one channel, say.
    assert sum(dependent) > 0.75 * len(dependent)


def depends_on_input(run: Run, output: str) -> bool:
    """Whether another input makes another output."""
    random = np.random.default_rng(7)
    others = {
        name: random.standard_normal(array.shape, np.float32) for name, array in run.inputs.items()
    }
    again = values_by_torch(run.module, others)[output]
    return not np.allclose(again, run.values[output], rtol=1e-3, atol=1e-6)


@examples(60)
@given(st.integers(0, 3).flatmap(specs))
def test_gradients_do_not_suffer_where_memory_is_used_again(spec: Spec) -> None:
    note(spec.text)
    graph = compiled(spec.text).graph
    (output,) = graph.outputs
    # Where every value is an output, none may be overwritten.
    everything = replace(graph, outputs={node.name: node.output for node in graph.nodes})
    known = gradients(everything, output)
    found = gradients(graph, output)
    assert found.keys() == known.keys()
    for name, gradient in known.items():
        torch.testing.assert_close(found[name], gradient, equal_nan=True, msg=name)


def gradients(graph: Graph, output: str) -> dict[str, torch.Tensor]:
    """Of a sum of one output's elements, by every parameter and input that it depends on."""
    module = to_module(graph, weights_of(graph)).double()
    inputs = {
        name: torch.from_numpy(array).double().requires_grad_()
        for name, array in random_inputs(graph, BATCH).items()
    }
    made = module(*inputs.values())
    values = dict(zip(graph.outputs, made if isinstance(made, tuple) else (made,), strict=True))
    factors = torch.arange(values[output].numel()).double().reshape(values[output].shape).cos()
    if values[output].requires_grad:
        (values[output] * factors).sum().backward()
    tensors = {**inputs, **dict(module.named_parameters())}
    return {name: tensor.grad for name, tensor in tensors.items() if tensor.grad is not None}


@pytest.mark.parametrize("kind", LAYERS)
def test_both_backends_are_what_was_inferred_of_random_layers(kind: str, tmp_path: Path) -> None:
    @examples(20)
    @given(layers(kind))
    def agree(drawn: tuple[Layer, Inputs]) -> None:
        layer, shapes = drawn
        assert_agreement(graph_of(layer, *shapes), tmp_path / "model.onnx")

    agree()


def test_every_field_of_every_kind_is_drawn_from_something() -> None:
    fields = {(kind, field) for kind, layer in LAYERS.items() for field in layer.model_fields}
    for kind, field in fields:
        assert isinstance(strategy_of(kind, field, (4, 6, 6)), st.SearchStrategy), (kind, field)
    assert set(OF_ONE_KIND) <= fields
    assert set(OPTIONS) <= {field for _, field in fields}
