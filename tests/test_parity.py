"""Both backends, held against each other: the same graph and weights give the same outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archspec.backends.onnx import write_model
from archspec.backends.torch import to_module
from tests.graphs import graph_of
from tests.kinds import CASES, REFUSED, Case
from tests.test_onnx import AWKWARD, assert_close, random_inputs, random_weights, run


@pytest.mark.parametrize("case", (*CASES, *AWKWARD, *REFUSED), ids=lambda case: case.id)
def test_onnxruntime_and_pytorch_agree_on_every_kind(case: Case, tmp_path: Path) -> None:
    graph = graph_of(case.layer, *case.shapes)
    weights, inputs = random_weights(graph), random_inputs(graph, 2)
    path = tmp_path / "model.onnx"
    write_model(graph, weights, path)
    with torch.no_grad():
        expected = to_module(graph, weights)(*map(torch.from_numpy, inputs.values()))
    (found,) = run(path, inputs)
    assert_close(found, expected.numpy())
