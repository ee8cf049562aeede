"""Networks with symbolic sizes in both backends: one file, one module, and every legal size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec
from archspec.analysis.smallest_input import shapes_at
from archspec.graph import Graph
from archspec.layers import LAYERS
from archspec.layers.base import Inputs
from archspec.weights import load as load_weights
from tests.kinds import CASES
from tests.specs import graph_of, spec
from tests.symbolic import Symbolic, free, symbolic
from tests.zoo import Array, assert_close, load_at, run_torch

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def images(shapes: Inputs) -> list[Array]:
    """A batch of noise for each shape, the same each time."""
    generator = np.random.default_rng(0)
    return [generator.standard_normal((2, *shape)).astype(np.float32) for shape in shapes]


def checked(graph: Graph, path: Path) -> Any:
    """The network as a file that the checker and strict shape inference accept, opened."""
    archspec.to_onnx(graph, path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(session: Any, inputs: Sequence[Array]) -> list[Array]:
    names = [value.name for value in session.get_inputs()]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))


def sample(kind: str) -> list[Symbolic]:
    """Cases of a kind: of many, every ninth."""
    cases = [case for case in CASES if case.kind == kind]
    return [made for case in cases[:: 1 + len(cases) // 30 * 8] if (made := symbolic(case))]


@pytest.mark.parametrize("kind", LAYERS)
def test_one_file_and_one_module_do_what_each_size_asks_for(kind: str, tmp_path: Path) -> None:
    cases = sample(kind)
    assert cases or kind == "position_embedding"
    for made in cases:
        graph = made.graph()
        session, module = checked(graph, tmp_path / "layer.onnx"), archspec.to_torch(graph)
        tried = made.values(7, 8, step=2) + made.values(6, 12, step=6)
        admitted = [values for values in tried if made.symbols.admits(values)]
        admitted.append(made.symbols.smallest() or {})
        for values in admitted:
            shapes = made.numbers(values)
            inputs = images(shapes)
            (expected,) = run_torch(made.graph(shapes), *inputs)
            with torch.inference_mode():
                ours = module(*[torch.from_numpy(x.copy()) for x in inputs]).numpy()
            (theirs,) = run(session, inputs)
            assert ours.shape == theirs.shape == expected.shape, made.case.id
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5, err_msg=made.case.id)
            np.testing.assert_allclose(theirs, expected, rtol=1e-4, atol=1e-5, err_msg=made.case.id)


NETWORKS: dict[str, list[tuple[int, int]]] = {
    "unet": [(16, 48), (32, 16)],
    "resnet18": [(1, 1), (45, 64)],
    "googlenet": [(15, 18), (40, 33)],
    "squeezenet1_1": [(17, 17), (40, 55)],
    "fcn_resnet50": [(33, 41)],
    "srresnet": [(5, 8)],
}


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_is_exported_with_free_height_and_width(network: str, tmp_path: Path) -> None:
    graph = free(network)
    session, module = checked(graph, tmp_path / "network.onnx"), archspec.to_torch(graph)
    (taken,) = session.get_inputs()
    assert taken.shape == ["batch", 3, "H", "W"]
    for height, width in NETWORKS[network]:
        shapes = shapes_at(graph, {"H": height, "W": width})
        inputs = images(tuple(shapes.values()))
        expected = run_torch(load_at(network, shapes), *inputs)[0]
        with torch.inference_mode():
            ours = module(torch.from_numpy(inputs[0].copy())).numpy()
        assert_close(ours, expected, 1e-5)
        assert_close(run(session, inputs)[0], expected, 1e-5)


EVERYTHING = spec(
    """
    - conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: same_upper, name: a}
    - conv: {out_channels: 4, kernel_size: 4, stride: 3, padding: same_lower, padding_mode: reflect}
    - max_pool: {kernel_size: 2, stride: 2, padding: [[1, 0], [0, 1]], ceil_mode: true}
    - group_norm: 2
    - lrn: 4
    - upsample: {like: a, mode: linear}
    - adaptive_avg_pool: [3, 2]
    - flatten
    - fc: 5
    """,
    "[3, H, W]",
)


def test_sizes_are_worked_out_when_the_model_runs(tmp_path: Path) -> None:
    graph = graph_of(EVERYTHING)
    session, module = checked(graph, tmp_path / "model.onnx"), archspec.to_torch(graph)
    for height, width in ((7, 9), (18, 30), (31, 32)):
        inputs = images(((3, height, width),))
        (expected,) = run_torch(graph_of(EVERYTHING, H=height, W=width), *inputs)
        with torch.inference_mode():
            ours = module(torch.from_numpy(inputs[0].copy())).numpy()
        assert_close(ours, expected, 1e-5)
        assert_close(run(session, inputs)[0], expected, 1e-5)


def test_equal_sizes_have_one_name_in_the_file(tmp_path: Path) -> None:
    layers = """
        - conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}
        - conv: {out_channels: 4, kernel_size: 2}
        - pad: {padding: [[1, 0], [0, 0]]}
    """
    archspec.to_onnx(graph_of(spec(layers, "[3, H, 9]")), tmp_path / "model.onnx")
    body = onnx.load(tmp_path / "model.onnx").graph
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*body.input, *body.value_info, *body.output)
    }
    assert shapes["input"] == ["batch", 3, "H", 9]
    assert shapes["conv1"] == ["batch", 4, "(H + 1) // 2", 5]
    assert shapes["conv2"] == ["batch", 4, "(H + 1) // 2 - 1", 4]
    assert shapes["pad1"] == ["batch", 4, "(H + 1) // 2", 4]


def test_two_inputs_may_share_their_sizes(tmp_path: Path) -> None:
    text = spec("- concat: {from: [a, b]}\n- subsample: 2").replace(
        "input: [3, 8, 8]", "inputs: {a: [3, H, W], b: [1, H, W]}"
    )
    graph = graph_of(text)
    session = checked(graph, tmp_path / "model.onnx")
    inputs = images(((3, 5, 7), (1, 5, 7)))
    (expected,) = run_torch(graph, *inputs)
    assert expected.shape == (2, 4, 3, 4)
    np.testing.assert_array_equal(run(session, inputs)[0], expected)


def test_what_is_exported_with_numbers_is_the_same_with_sizes_set_to_them(tmp_path: Path) -> None:
    free = spec("- conv: {out_channels: 2, kernel_size: 3, stride: 2}\n- lrn: 2", "[3, H, W]")
    fixed = free.replace("[3, H, W]", "[3, 9, 8]")
    files = tmp_path / "free.onnx", tmp_path / "fixed.onnx"
    archspec.to_onnx(graph_of(free, H=9, W=8), files[0])
    archspec.to_onnx(graph_of(fixed), files[1])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_weights_are_the_same_whatever_the_size() -> None:
    free, fixed = graph_of(EVERYTHING), graph_of(EVERYTHING, H=20, W=20)
    ours, theirs = load_weights(free, None, 3), load_weights(fixed, None, 3)
    assert [*ours] == [*theirs]
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_torch_exports_the_module_with_free_sizes_too() -> None:
    layers = """
        - conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1, name: a}
        - max_pool: 3
        - upsample: {like: a}
        - concat: {from: [previous, a]}
    """
    module = archspec.to_torch(graph_of(spec(layers, "[3, H, W]")))
    x = torch.randn(2, 3, 20, 24)
    # Tracing tells apart where a value's size is 1: below 11, behind the pool.
    sizes = {2: torch.export.Dim("H", min=11, max=99), 3: torch.export.Dim("W", min=11, max=99)}
    exported = torch.export.export(module, (x,), dynamic_shapes=(sizes,)).module()
    other = torch.randn(2, 3, 33, 11)
    torch.testing.assert_close(exported(other), module(other))


def test_windows_that_are_too_many_are_refused(tmp_path: Path) -> None:
    graph = graph_of(spec("- adaptive_avg_pool: [300, 1]", "[3, H, W]"))
    with pytest.raises(ValueError, match="adaptive_avg_pool1: 300 windows along an axis"):
        archspec.to_onnx(graph, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
    assert archspec.to_torch(graph)(torch.zeros(1, 3, 5, 5)).shape == (1, 3, 300, 1)
