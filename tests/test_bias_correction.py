"""Biases that take back what rounding the weights to integers shifts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from archspec.backends.onnx import write_model
from archspec.backends.onnx.bias_correction import correct_biases, with_input_means
from archspec.graph import Graph
from archspec.runtime import quantize as module
from archspec.runtime.quantize import quantize
from tests.agreement import weights_of
from tests.specs import graph_of, spec

Array = NDArray[Any]
OPSETS = [17, 18]

NET = spec(
    """
    - conv: {out_channels: 8, kernel_size: 3, padding: 1, groups: 2}
    - relu
    - depthwise: {kernel_size: 3, bias: true}
    - global_avg_pool
    - flatten
    - fc: 5
    """,
    "[4, 12, 12]",
)


def cancelling(graph: Graph) -> dict[str, Array]:
    """Weights whose filters nearly cancel, which of inputs far from 0 leaves little."""
    weights = weights_of(graph)
    for name, array in weights.items():
        if array.ndim == 4:
            mean = array.mean(axis=(1, 2, 3), keepdims=True)
            weights[name] = (array - 0.98 * mean).astype(np.float32)
    return weights


def samples() -> Array:
    """Inputs far from 0, and more so in one channel than in another."""
    noise = np.random.default_rng(0).normal(0, 0.3, (32, 4, 12, 12))
    shifted: Array = noise + np.array([4, -3, 6, 5]).reshape(-1, 1, 1)
    return shifted.astype(np.float32)


def run(path: Path, x: Array) -> Array:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: list[Array] = session.run(None, {"input": x})
    return found[0]


def test_the_means_are_those_of_what_each_layer_is_given(tmp_path: Path) -> None:
    graph, path = graph_of(NET), tmp_path / "net.onnx"
    write_model(graph, cancelling(graph), path)
    for opset in OPSETS:
        model = onnx.load(path)
        model.opset_import[0].version = opset
        onnx.save(model, path)
        measured = with_input_means(path)
        session = onnxruntime.InferenceSession(measured.model, providers=["CPUExecutionProvider"])
        x = samples()
        names = [*measured.of.values()]
        found = dict(zip(names, session.run(names, {"input": x}), strict=True))
        assert set(measured.of) == {"conv1", "depthwise1", "fc1"}
        np.testing.assert_allclose(
            found[measured.of["conv1"]], x.mean(axis=(0, 2, 3)), rtol=1e-5, atol=1e-5
        )
        assert found[measured.of["depthwise1"]].shape == (8,)
        assert found[measured.of["fc1"]].shape == (8,)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_bias_takes_back_what_the_layer_would_be_off_by(groups: int, tmp_path: Path) -> None:
    """Away from the borders, of a constant input, the error is the mean error: PyTorch's
    convolution with the integers' weights and with the true ones differ by it.
    """
    graph = graph_of(
        spec(f"- conv: {{out_channels: 8, kernel_size: 3, groups: {groups}}}", "[4, 5, 5]")
    )
    weights = weights_of(graph)
    source, target = tmp_path / "net.onnx", tmp_path / "int8.onnx"
    write_model(graph, weights, source)
    np.save(tmp_path / "samples.npy", samples()[:, :, :5, :5])
    quantize(source, target, tmp_path / "samples.npy")
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(target).graph.initializer}
    scale = stored["conv1.weight_scale"].reshape(-1, 1, 1, 1)
    rounded = stored["conv1.weight_quantized"] * scale
    means = samples()[:, :, :5, :5].mean(axis=(0, 2, 3), dtype=np.float64)
    constant = torch.from_numpy(np.broadcast_to(means.reshape(1, 4, 1, 1), (1, 4, 3, 3)).copy())
    off, true = (
        torch.nn.functional.conv2d(constant, torch.from_numpy(w.astype(np.float64)), groups=groups)
        for w in (rounded, weights["conv1.weight"])
    )
    bias_scale = stored["conv1.bias_quantized_scale"]
    bias = stored["conv1.bias_quantized"] * bias_scale
    expected = weights["conv1.bias"] - (off - true).numpy().reshape(-1)
    assert np.abs(bias - expected).max() <= 1.01 * np.abs(bias_scale).max()


def test_means_of_outputs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(spec("- depthwise: {kernel_size: 3, bias: true}", "[4, 12, 12]"))
    source, x = tmp_path / "net.onnx", samples()
    write_model(graph, cancelling(graph), source)
    np.save(tmp_path / "samples.npy", x)
    errors = {}
    for name, correct in {"with": correct_biases, "without": lambda *_: None}.items():
        monkeypatch.setattr(module, "correct_biases", correct)
        quantize(source, tmp_path / f"{name}.onnx", tmp_path / "samples.npy")
        shift = (run(tmp_path / f"{name}.onnx", x) - run(source, x)).mean(axis=(0, 2, 3))
        errors[name] = float(np.abs(shift).max())
    assert errors["with"] < 0.5 * errors["without"], errors
