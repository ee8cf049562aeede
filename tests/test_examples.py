"""The examples are true: they check clean, and both backends compile them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.yaml"))


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_alike_in_both_backends(path: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    onnxruntime = pytest.importorskip("onnxruntime")
    graph = archspec.load(path)
    # A size that is a name may be any that fits.
    names = () if graph.symbols is None else graph.symbols.names
    sizes: dict[str, Any] = {name: 16 * n for n, name in enumerate(names, 2)}
    numbers = archspec.load(path, **sizes)
    noise = np.random.default_rng(0)
    weights = {
        # Healthy scales: with the usual initialisation a deep network forgets its input.
        name: np.abs(noise.standard_normal(tensor.shape)).astype(np.float32) * 0.1 + 0.9
        if len(tensor.shape) == 1
        else (noise.standard_normal(tensor.shape) * tensor.size**-0.5).astype(np.float32)
        * np.float32(tensor.shape[0] ** 0.5 * 1.4)
        for name, tensor in graph.tensors()
    }
    feeds = {
        name: noise.standard_normal((2, *type_.shape)).astype(np.float32)
        for name, type_ in numbers.inputs.items()
    }
    module = archspec.to_torch(graph, weights)
    with torch.inference_mode():
        made = module(*(torch.from_numpy(feed) for feed in feeds.values()))
    outputs = made if isinstance(made, tuple) else (made,)
    archspec.to_onnx(graph, tmp_path / "model.onnx", weights)
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    for name, ours, theirs in zip(graph.outputs, outputs, session.run(None, feeds), strict=True):
        assert tuple(theirs.shape) == (2, *numbers.outputs[name].shape)
        assert np.abs(theirs[0] - theirs[1]).max() > 1e-6, "the output depends on the input"
        np.testing.assert_allclose(
            ours.numpy(), theirs, rtol=1e-4, atol=1e-4 * float(np.abs(theirs).max())
        )
