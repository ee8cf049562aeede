"""A network in both backends, held against what was inferred of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import checker, shape_inference
from torch import fx

from archspec.analysis.cost import cost
from archspec.backends.onnx import write_model
from archspec.backends.onnx.skeleton import build_model
from archspec.backends.torch import to_module
from archspec.backends.torch.values import values_by_torch
from archspec.graph import Graph
from archspec.layers.base import product
from archspec.verification.samples import lively_weights
from tests.test_onnx import dimensions, random_inputs, session

Array = NDArray[Any]
Values = Mapping[str, Array]
"""Every value of a network by its name, the inputs' too, or some of them."""

BATCH = 2


def weights_of(graph: Graph) -> dict[str, NDArray[np.float32]]:
    """Weights that keep values at about the size that they have, as trained ones do."""
    return lively_weights(graph, 0)


def values_in_float64(module: fx.GraphModule, inputs: Values) -> Values:
    """What the network is, but for rounding that matters to nobody."""
    return values_by_torch(
        copy.deepcopy(module).double(),
        {name: array.astype(np.float64) for name, array in inputs.items()},
    )


def _arguments(inputs: Values) -> list[torch.Tensor]:
    return [torch.from_numpy(array.copy()) for array in inputs.values()]


class Run(NamedTuple):
    """A module, the inputs it was run on, and the values that it made."""

    module: fx.GraphModule
    inputs: Values
    values: Values


def assert_agreement(graph: Graph, path: Path) -> Run:
    """Both backends have the shapes, parameters and values of the graph; `path` is for a file."""
    weights, inputs = weights_of(graph), random_inputs(graph, BATCH)
    module = to_module(graph, weights)
    written = written_model(graph, weights, path)
    assert_parameters(graph, module, written)

    values = values_by_torch(module, inputs)
    shapes = {node.name: (BATCH, *node.output.shape) for node in graph.nodes}
    assert {name: values[name].shape for name in shapes} == shapes
    exact = values_in_float64(module, inputs)
    run = Run(module, inputs, values)
    assert_outputs(graph, run, exact)

    outputs: list[Array] = session(path).run(None, dict(inputs))
    assert_values(dict(zip(graph.outputs, outputs, strict=True)), values, exact)
    # Once more with nothing hidden, and so with nothing fused.
    everything = replace(graph, outputs={node.name: node.output for node in graph.nodes})
    write_model(everything, weights, path)
    found = dict(zip(shapes, session(path).run(None, dict(inputs)), strict=True))
    assert {name: array.shape for name, array in found.items()} == shapes
    assert_values(found, values, exact)
    return run


def written_model(graph: Graph, weights: Values, path: Path) -> onnx.ModelProto:
    """The graph as ONNX, after onnx has checked it and inferred the shapes that it states."""
    write_model(graph, weights, path)
    written = onnx.load(path)
    checker.check_model(written, full_check=True)
    stated = dimensions(written)
    bare = copy.deepcopy(written)
    del bare.graph.value_info[:]
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    strictly = {"check_type": True, "strict_mode": True, "data_prop": True}
    for name, sizes in dimensions(shape_inference.infer_shapes(bare, **strictly)).items():
        # What a Resize does to a batch is not known to onnx, nor what comes after it.
        batch = stated[name][:1] if str(sizes[0]).startswith("unk__") else sizes[:1]
        assert [*batch, *sizes[1:]] == stated[name], name
    return written


def assert_parameters(graph: Graph, module: fx.GraphModule, written: onnx.ModelProto) -> None:
    """Tensors have the same names and shapes everywhere, and as many of their numbers are learnt
    as the report says.
    """
    tensors = {name: tensor.shape for name, tensor in graph.tensors()}
    state = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    # PyTorch's own counter of batches, which nothing else has.
    assert {n: s for n, s in state.items() if not n.endswith("num_batches_tracked")} == tensors
    called = {tensor.key: tensor.name for tensor in build_model(graph).initializers}
    stored = {tensor.name: tuple(tensor.dims) for tensor in written.graph.initializer}
    assert {name: stored[called[name]] for name in tensors} == tensors
    learnt = [name for name, _ in module.named_parameters()]
    assert cost(graph).params == sum(parameter.numel() for parameter in module.parameters())
    assert cost(graph).params == sum(product(stored[called[name]]) for name in learnt)


def assert_outputs(graph: Graph, run: Run, exact: Values) -> None:
    """Called as a whole, the module gives its values away and leaves its inputs as they are, and
    it does not matter how these lie in memory.
    """
    arguments = _arguments(run.inputs)
    for name, array in _called(graph, run.module, arguments).items():
        np.testing.assert_array_equal(array, run.values[name])
    for argument, array in zip(arguments, run.inputs.values(), strict=True):
        np.testing.assert_array_equal(argument.numpy(), array)
    strided = [torch.from_numpy(np.asfortranarray(array)) for array in run.inputs.values()]
    assert_values(_called(graph, run.module, strided), run.values, exact)


def _called(graph: Graph, module: fx.GraphModule, arguments: list[torch.Tensor]) -> Values:
    """The outputs of a call, by name."""
    with torch.no_grad():
        outputs = module(*arguments)
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    return {name: value.numpy() for name, value in zip(graph.outputs, several, strict=True)}


def assert_values(found: Values, values: Values, exact: Values) -> None:
    """What was found is what the network is, to 1e-4 of the largest of the value, and as far as
    float32 tells: where PyTorch's own rounding in `values` has grown on the way, so may another's,
    and what should be nothing may be the rounding of ones, times what a normalisation makes of it.
    """
    for name, array in found.items():
        true = exact[name]
        assert np.isfinite(true).all(), name
        scale = float(np.abs(true).max())
        rounding = float(np.abs(values[name] - true).max())
        error = float(np.abs(array - true).max())
        assert error <= 1e-4 * max(scale, 0.1) + 20 * rounding, (name, error, rounding, scale)
