"""The ONNX backend: what it writes is valid, has the inferred shapes, and computes the network.

The expected outputs are PyTorch's own functions', called here by hand.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import checker, shape_inference

from archspec.backends.onnx import emitter, lowerings, skeleton, write, write_model
from archspec.backends.onnx.framing import field_header, varint
from archspec.files import replace_file
from archspec.graph import Graph, TensorType
from archspec.layers import LAYERS
from archspec.layers.activation import Gelu, Identity, Relu, Sigmoid
from archspec.layers.base import Inputs, Layer, Shape, Tensor
from archspec.layers.conv import Conv, PaddingMode
from archspec.layers.fields import Padding
from archspec.layers.linear import FullyConnected
from archspec.layers.merge import Add
from archspec.layers.pool import MaxPool
from archspec.layers.window import Axis
from tests import definitions_pointwise, definitions_spatial
from tests.graphs import chain_of, graph_of
from tests.kinds import CASES, Case

Array = NDArray[np.float32]


def random_weights(graph: Graph) -> dict[str, Array]:
    """Weights for every tensor, all positive: some of them are variances."""
    random = np.random.default_rng(0)
    return {
        name: random.uniform(0.5, 1.5, tensor.shape).astype(np.float32)
        for name, tensor in graph.tensors()
    }


def random_inputs(graph: Graph, batch: int) -> dict[str, Array]:
    random = np.random.default_rng(batch)
    return {
        name: random.standard_normal((batch, *type_.shape), np.float32)
        for name, type_ in graph.inputs.items()
    }


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def compiled(
    graph: Graph, path: Path, weights: Mapping[str, Array] | None = None, **options: Any
) -> onnx.ModelProto:
    """What is in the file that `graph` was written to."""
    write_model(graph, random_weights(graph) if weights is None else weights, path, **options)
    return onnx.load(path)


def run(path: Path, inputs: Mapping[str, Array]) -> list[Array]:
    outputs: list[Array] = session(path).run(None, dict(inputs))
    return outputs


def assert_close(actual: Array, expected: Array) -> None:
    """Equal to float32's rounding, relative to the largest."""
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * scale)


# What PyTorch makes of each kind


def _by_rank(word: str, rank: int) -> Callable[..., torch.Tensor]:
    function: Callable[..., torch.Tensor] = getattr(F, f"{word}{rank}d")
    return function


def _torch_pad(x: torch.Tensor, sides: list[tuple[int, int]], **how: Any) -> torch.Tensor:
    """PyTorch lists the sides from the last axis to the first."""
    return F.pad(x, [rows for side in reversed(sides) for rows in side], **how)


def _convolve(
    layer: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, groups: int
) -> torch.Tensor:
    axes = layer.axes(tuple(x.shape[1:]))
    mode = {"zeros": "constant"}.get(layer.padding_mode, layer.padding_mode)
    padded = _torch_pad(x, [(axis.before, axis.after) for axis in axes], mode=mode)
    strides, dilations = [axis.stride for axis in axes], [axis.dilation for axis in axes]
    convolution = _by_rank("conv", len(axes))
    return convolution(padded, weight, bias, strides, 0, dilations, groups)


def _conv(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    return _convolve(layer, x, weights[0], weights[1] if layer.bias else None, layer.groups)


def _depthwise(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    return _convolve(layer, x, weights[0], weights[1] if layer.bias else None, x.shape[1])


def _filter(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    channels = x.shape[1]
    kernel = torch.tensor(layer.kernel, dtype=torch.float32)
    return _convolve(layer, x, torch.stack([kernel[None]] * channels), None, channels)


def _windows(x: torch.Tensor, axes: tuple[Axis, ...]) -> torch.Tensor:
    """Every window of the padded `x`: (N, C, *outputs, elements)."""
    for dimension, axis in enumerate(axes, start=2):
        x = x.unfold(dimension, axis.extent, axis.stride)[..., :: axis.dilation]
    return x.flatten(-len(axes))


def _torch_can(axes: tuple[Axis, ...]) -> bool:
    """PyTorch's pools pad both sides alike, and by half the window at most."""
    return all(axis.before == axis.after <= axis.kernel // 2 for axis in axes)


def _max_pool(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    axes = layer.axes(tuple(x.shape[1:]))
    kernels, strides = [axis.kernel for axis in axes], [axis.stride for axis in axes]
    if _torch_can(axes):
        pads, dilations = [axis.before for axis in axes], [axis.dilation for axis in axes]
        pool = _by_rank("max_pool", len(axes))
        return pool(x, kernels, strides, pads, dilations, ceil_mode=layer.ceil_mode)
    sides = [(axis.before, axis.after + axis.overhang) for axis in axes]
    return _windows(_torch_pad(x, sides, value=-torch.inf), axes).amax(-1)


def _avg_pool(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    axes, include = layer.axes(tuple(x.shape[1:])), layer.count_include_pad
    kernels, strides = [axis.kernel for axis in axes], [axis.stride for axis in axes]
    if _torch_can(axes):
        pads = [axis.before for axis in axes]
        pool = _by_rank("avg_pool", len(axes))
        return pool(x, kernels, strides, pads, layer.ceil_mode, include)
    sides = [(axis.before, axis.after) for axis in axes]
    overhang = [(0, axis.overhang) for axis in axes]

    def sums(values: torch.Tensor, padding: float) -> torch.Tensor:
        padded = _torch_pad(_torch_pad(values, sides, value=padding), overhang)
        return _windows(padded, axes).sum(-1)

    return sums(x, 0) / sums(torch.ones_like(x), float(include))


def _adaptive(word: str) -> Callable[..., torch.Tensor]:
    def pool(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return _by_rank(f"adaptive_{word}_pool", x.ndim - 2)(x, layer.output_size)

    return pool


def _batch_norm(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    *affine, mean, variance = weights
    weight, bias = affine or (None, None)
    return F.batch_norm(x, mean, variance, weight, bias, eps=layer.eps)


def _subsample(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    step = slice(None, None, layer.stride)
    return x[(slice(None), slice(None), *[step] * (x.ndim - 2))]


def _pad_channels(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, x.new_zeros(len(x), layer.out_channels - x.shape[1], *x.shape[2:])], 1)


def _global(word: str) -> Callable[..., torch.Tensor]:
    def pool(layer: Any, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return _by_rank(f"adaptive_{word}_pool", x.ndim - 2)(x, 1)

    return pool


EXPECTED: Mapping[str, Callable[..., torch.Tensor]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "filter": _filter,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "global_avg_pool": _global("avg"),
    "global_max_pool": _global("max"),
    "adaptive_avg_pool": _adaptive("avg"),
    "adaptive_max_pool": _adaptive("max"),
    "subsample": _subsample,
    "pad_channels": _pad_channels,
    "batch_norm": _batch_norm,
    "lrn": lambda layer, weights, x: F.local_response_norm(
        x, layer.size, layer.alpha, layer.beta, layer.k
    ),
    "relu": lambda layer, weights, x: F.relu(x),
    "relu6": lambda layer, weights, x: F.relu6(x),
    "leaky_relu": lambda layer, weights, x: F.leaky_relu(x, layer.negative_slope),
    "sigmoid": lambda layer, weights, x: torch.sigmoid(x),
    "tanh": lambda layer, weights, x: torch.tanh(x),
    "silu": lambda layer, weights, x: F.silu(x),
    "gelu": lambda layer, weights, x: F.gelu(x, approximate=layer.approximate),
    "softmax": lambda layer, weights, x: F.softmax(x, 1),
    "identity": lambda layer, weights, x: x,
    "dropout": lambda layer, weights, x: F.dropout(x, layer.p, training=False),
    "add": lambda layer, weights, *xs: reduce(torch.add, xs),
    "multiply": lambda layer, weights, *xs: reduce(torch.mul, xs),
    "concat": lambda layer, weights, *xs: torch.cat(xs, 1),
    **definitions_pointwise.EXPECTED,
    **definitions_spatial.EXPECTED,
}


def expected_output(case: Case, weights: Mapping[str, Array], inputs: Mapping[str, Array]) -> Array:
    tensors = [torch.from_numpy(array) for array in weights.values()]
    values = [torch.from_numpy(array) for array in inputs.values()]
    output: Array = EXPECTED[case.kind](case.layer, tensors, *values).numpy()
    return output


# Every kind


IMAGE: Shape = (6, 12, 9)

AWKWARD: tuple[Case, ...] = (
    # Padding as wide as the window or wider; onnxruntime takes none such for pools.
    Case("max_pool", {"kernel_size": 2, "dilation": 3, "padding": 2}, (IMAGE,)),
    Case("conv", {"out_channels": 4, "kernel_size": 3, "padding": 5}, (IMAGE,)),
    # Neighbours of every channel on both sides, and more.
    Case("lrn", {"size": 14}, (IMAGE,)),
    Case("lrn", {"size": 15}, (IMAGE,)),
    Case("adaptive_avg_pool", {"output_size": (8, 4, 3)}, ((6, 7, 6, 9),)),
    Case("adaptive_max_pool", {"output_size": (8, 4, 3)}, ((6, 7, 6, 9),)),
    Case("add", {}, (IMAGE,)),
)


@pytest.fixture(params=(*CASES, *AWKWARD), ids=lambda case: case.id)
def case(request: pytest.FixtureRequest) -> Case:
    assert isinstance(request.param, Case)
    return request.param


def test_every_kind_is_valid_and_has_the_inferred_shapes(case: Case, tmp_path: Path) -> None:
    graph = graph_of(case.layer, *case.shapes)
    written = compiled(graph, tmp_path / "model.onnx")

    checker.check_model(written, full_check=True)
    stated = dimensions(written)
    assert stated["layer"] == ["batch", *graph.outputs["layer"].shape]

    del written.graph.value_info[:]
    for value in written.graph.output:
        value.type.tensor_type.ClearField("shape")
    strictly = {"check_type": True, "strict_mode": True, "data_prop": True}
    inferred = dimensions(shape_inference.infer_shapes(written, **strictly))
    if case.kind == "upsample" and inferred["layer"][0] == "unk__0":
        # ONNX's own inference does not know that Resize keeps the batch.
        inferred["layer"][0] = "batch"
    assert inferred == stated


def dimensions(written: onnx.ModelProto) -> dict[str, list[str | int]]:
    """What the model says of the shape of each value that it makes."""
    return {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*written.graph.value_info, *written.graph.output)
    }


@pytest.mark.parametrize("opset", [17, 20, 22])
def test_every_kind_computes_what_pytorch_does_at_every_opset(
    case: Case, opset: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One layer that needs a later opset brings the others of its network there too.
    monkeypatch.setattr(skeleton, "OLDEST_OPSET", opset)
    graph = graph_of(case.layer, *case.shapes)
    weights = random_weights(graph)
    path = tmp_path / "model.onnx"
    write_model(graph, weights, path)
    runtime = session(path)
    for batch in (1, 3):
        inputs = random_inputs(graph, batch)
        (output,) = runtime.run(None, inputs)
        assert output.shape == (batch, *graph.outputs["layer"].shape)
        assert_close(output, expected_output(case, weights, inputs))


def test_every_kind_has_a_lowering_and_no_other_class_has() -> None:
    assert set(lowerings.LOWERINGS) == set(LAYERS.values())


# The lecture's examples: the input is 0 to 8 in rows of three


def run_on_lecture_input(layer: Layer, path: Path, weights: Mapping[str, Array]) -> list[float]:
    write_model(graph_of(layer, (1, 3, 3)), weights, path)
    (output,) = run(path, {"input": np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)})
    return [float(value) for value in output.flat]


def test_convolution_of_the_lecture(tmp_path: Path) -> None:
    kernel = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    layer = Conv(out_channels=1, kernel_size=2, bias=False)
    found = run_on_lecture_input(layer, tmp_path / "model.onnx", {"layer.weight": kernel})
    assert found == [19, 25, 37, 43]


def test_max_pooling_of_the_lecture(tmp_path: Path) -> None:
    layer = MaxPool(kernel_size=2, stride=1)
    assert run_on_lecture_input(layer, tmp_path / "model.onnx", {}) == [4, 5, 7, 8]


# The model as a whole

NET = chain_of(
    Conv(out_channels=4, kernel_size=3),
    Relu(),
    Conv(out_channels=2, kernel_size=1),
    shape=(3, 8, 8),
)


def test_initializers_and_operations_carry_the_names_of_the_state_dict_and_the_layers(
    tmp_path: Path,
) -> None:
    written = compiled(NET, tmp_path / "model.onnx")
    assert [tensor.name for tensor in written.graph.initializer] == [
        "layer0.weight",
        "layer0.bias",
        "layer2.weight",
        "layer2.bias",
    ]
    assert [node.name for node in written.graph.node] == ["layer0", "layer1", "layer2"]
    assert [list(node.output) for node in written.graph.node] == [
        ["layer0"],
        ["layer1"],
        ["layer2"],
    ]


def padded_conv(mode: PaddingMode) -> Conv:
    one = Padding("explicit", sides=((1, 1),), alike=True)
    return Conv(out_channels=1, kernel_size=3, padding=one, padding_mode=mode)


def test_operations_that_help_a_layer_are_named_under_it(tmp_path: Path) -> None:
    graph = graph_of(padded_conv("reflect"), IMAGE)
    written = compiled(graph, tmp_path / "model.onnx")
    assert [node.name for node in written.graph.node] == ["layer/pad", "layer"]
    assert {tensor.name for tensor in written.graph.initializer} == {
        "layer.pads",
        "layer.weight",
        "layer.bias",
    }


def test_the_kernel_of_a_filter_is_a_constant_of_the_model(tmp_path: Path) -> None:
    graph = graph_of(LAYERS["filter"].model_validate({"kernel": "sharpen"}), IMAGE)
    (tensor,) = compiled(graph, tmp_path / "model.onnx").graph.initializer
    assert tensor.name == "layer.kernel"
    assert list(tensor.dims) == [6, 1, 3, 3]


def test_weights_come_back_bit_by_bit(tmp_path: Path) -> None:
    weights = random_weights(NET)
    written = compiled(NET, tmp_path / "model.onnx", weights)
    for tensor in written.graph.initializer:
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), weights[tensor.name])


def test_weights_of_any_layout_and_float_type_are_stored_as_float32(tmp_path: Path) -> None:
    weights = {
        name: np.asfortranarray(array.astype(">f8")) for name, array in random_weights(NET).items()
    }
    written = compiled(NET, tmp_path / "model.onnx", weights)
    for tensor in written.graph.initializer:
        stored = onnx.numpy_helper.to_array(tensor)
        assert stored.dtype == np.float32
        np.testing.assert_array_equal(stored, weights[tensor.name])


def test_metadata_travels_in_the_model(tmp_path: Path) -> None:
    metadata = {"description": "A café network.", "labels": ["tabby", "espresso"]}
    graph = Graph("net", NET.inputs, NET.nodes, NET.outputs, metadata)
    written = compiled(graph, tmp_path / "model.onnx")
    (entry,) = written.metadata_props
    assert entry.key == "archspec"
    assert json.loads(entry.value) == {"name": "net", **metadata}
    assert written.doc_string == "A café network."
    assert written.producer_name == "archspec"


@pytest.mark.parametrize(
    ("layer", "opset", "ir_version"),
    [
        (Conv(out_channels=1, kernel_size=3), 17, 8),
        (Conv(out_channels=1, kernel_size=3, padding_mode="circular"), 17, 8),
        (padded_conv("reflect"), 17, 8),
        (padded_conv("circular"), 19, 9),
        (Gelu(), 20, 9),
    ],
)
def test_the_opset_is_the_lowest_that_the_layers_need(
    layer: Layer, opset: int, ir_version: int, tmp_path: Path
) -> None:
    chain = chain_of(layer, Relu(), shape=IMAGE)
    written = compiled(chain, tmp_path / "model.onnx")
    assert [(entry.domain, entry.version) for entry in written.opset_import] == [("", opset)]
    assert written.ir_version == ir_version


def test_several_inputs_and_outputs_keep_their_names_and_order(tmp_path: Path) -> None:
    shapes = {"right": (2, 3), "left": (2, 3)}
    add = graph_of(Add(), *shapes.values(), name="sum").nodes[0]._replace(inputs=tuple(shapes))
    act = graph_of(Sigmoid(), (2, 3), name="act").nodes[0]._replace(inputs=("sum",))
    inputs = {name: TensorType(shape) for name, shape in shapes.items()}
    # One output is an input as it came, and one is a value that others use as well.
    outputs = {name: TensorType((2, 3)) for name in ("act", "left", "sum")}
    graph = Graph("test", inputs, (add, act), outputs)

    path = tmp_path / "model.onnx"
    written = compiled(graph, path)
    checker.check_model(written, full_check=True)
    assert [value.name for value in written.graph.input] == ["right", "left"]
    assert [value.name for value in written.graph.output] == ["act", "left", "sum"]
    given = random_inputs(graph, 2)
    total = given["right"] + given["left"]
    for found, expected in zip(
        run(path, given), (1 / (1 + np.exp(-total)), given["left"], total), strict=True
    ):
        assert_close(found, expected)


class Scaling(Identity):
    """A layer with one tensor and no word for it."""

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        return {"": Tensor(inputs[0][:1])}


def lower_scaling(layer: Scaling, emit: emitter.Emitter) -> None:
    emit.result("Mul", emit.x, emit.tensor(""))


@pytest.mark.parametrize(
    ("layers", "stored"),
    [((Scaling(), Relu()), "layer0"), ((Relu(), Scaling()), "layer1_")],
    ids=["inside", "as the output, which keeps its name"],
)
def test_a_tensor_named_as_its_layer_is_told_from_the_layers_value(
    layers: tuple[Layer, ...], stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table: dict[type[Layer], emitter.Lowering] = {Scaling: lower_scaling}
    monkeypatch.setattr(skeleton, "LOWERINGS", table | dict(lowerings.LOWERINGS))
    graph, path = chain_of(*layers, shape=(5,)), tmp_path / "model.onnx"
    written = compiled(graph, path)
    checker.check_model(written, full_check=True)
    assert [tensor.name for tensor in written.graph.initializer] == [stored]
    assert [value.name for value in written.graph.output] == ["layer1"]
    (weight,) = random_weights(graph).values()
    given = np.ones((1, 5), np.float32)
    assert_close(run(path, {"input": given})[0], given * weight)


# Files


def test_the_file_is_one_canonical_message(tmp_path: Path) -> None:
    # Parsers that keep the last of a field that occurs twice, instead of merging, lose nothing.
    path = tmp_path / "model.onnx"
    written = compiled(NET, path)
    assert len(written.SerializeToString()) == path.stat().st_size


@pytest.mark.parametrize(
    ("number", "encoded"), [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02")]
)
def test_varints_are_protobufs(number: int, encoded: str) -> None:
    assert varint(number).hex() == encoded


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16383, 16384, 3_000_000])
def test_a_field_written_by_hand_is_what_protobuf_writes(length: int) -> None:
    data = b"x" * length
    field = onnx.TensorProto.RAW_DATA_FIELD_NUMBER
    assert field_header(field, length) + data == onnx.TensorProto(raw_data=data).SerializeToString()


def python(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


WRITE = """
    import sys
    import numpy as np
    from archspec.backends.onnx import write_model
    from tests.graphs import graph_of
    from tests.kinds import CASES

    from archspec.graph import Graph
    parts = [
        graph_of(case.layer, *case.shapes, name=f"layer{index}")
        for index, case in enumerate(CASES) if case.shapes == ((6, 12, 9),)
    ]
    graph = Graph(
        "test",
        parts[0].inputs,
        tuple(part.nodes[0] for part in parts),
        {part.nodes[0].name: part.nodes[0].output for part in parts},
        {"labels": ["a", "b"], "description": "All of them."},
    )
    write_model(graph, {n: np.ones(t.shape) for n, t in graph.tensors()}, sys.argv[1])
    assert "torch" not in sys.modules
"""


def test_a_model_is_the_same_bytes_in_every_process_and_made_without_torch(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.onnx" for seed in "12"]
    for seed, path in zip("12", paths, strict=True):
        done = python(WRITE, str(path), PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
    first, second = (path.read_bytes() for path in paths)
    assert first == second


class Failing(dict[str, Array]):
    """Weights that cannot be read from the second layer on."""

    def __getitem__(self, name: str) -> Array:
        if name.startswith("layer2"):
            raise OSError(f"cannot read {name}")
        return super().__getitem__(name)


@pytest.mark.parametrize("limit", [write.INLINE_LIMIT, 0], ids=["inline", "external"])
def test_weights_that_fail_halfway_leave_the_earlier_model_whole(
    limit: int, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    write_model(NET, random_weights(NET), path, inline_limit=limit)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(OSError, match=r"cannot read layer2\.weight"):
        write_model(NET, Failing(random_weights(NET)), path, inline_limit=limit)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    weights = random_weights(NET)
    del weights["layer2.bias"]
    with pytest.raises(KeyError, match=r"layer2\.bias"):
        write_model(NET, weights, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_tensor_of_another_shape_is_named_with_both_shapes(tmp_path: Path) -> None:
    weights = {**random_weights(NET), "layer0.bias": np.zeros((4, 1), np.float32)}
    with pytest.raises(ValueError, match=r"layer0\.bias has the shape \[4, 1\], .* needs \[4\]"):
        write_model(NET, weights, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_earlier_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"earlier")
    limited = """
        import resource, sys
        import numpy as np
        from archspec.backends.onnx import write_model
        from archspec.layers.linear import FullyConnected
        from tests.graphs import graph_of

        graph = graph_of(FullyConnected(out_features=512), (512,))
        weights = {name: np.ones(tensor.shape) for name, tensor in graph.tensors()}
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            write_model(graph, weights, sys.argv[1])
        except OSError as error:
            print(error)
    """
    done = python(limited, str(path))
    assert done.stdout == "[Errno 27] File too large\n", done.stderr
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "model.onnx": b"earlier"
    }


def test_a_model_over_the_limit_has_its_weights_in_a_file_beside_it(tmp_path: Path) -> None:
    inline, path = tmp_path / "inline.onnx", tmp_path / "model.onnx"
    size = len(compiled(NET, inline).SerializeToString())
    weights = random_weights(NET)

    write_model(NET, weights, path, inline_limit=size)
    assert not (tmp_path / "model.onnx.data").exists()

    write_model(NET, weights, path, inline_limit=size - 1)
    checker.check_model(path, full_check=True)
    given = random_inputs(NET, 2)
    np.testing.assert_array_equal(run(path, given)[0], run(inline, given)[0])
    for tensor in onnx.load(path, load_external_data=False).graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        assert place["location"] == "model.onnx.data"
        assert int(place["offset"]) % 4096 == 0
        assert int(place["length"]) == weights[tensor.name].nbytes


class Lazy(Mapping[str, Array]):
    """Weights that come into being when they are asked for."""

    def __init__(self, graph: Graph) -> None:
        self.shapes = {name: tensor.shape for name, tensor in graph.tensors()}

    def __getitem__(self, name: str) -> Array:
        return np.ones(self.shapes[name], np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def test_writing_copies_no_weights_and_holds_one_array_at_a_time(tmp_path: Path) -> None:
    layers = [FullyConnected(out_features=1000, bias=False)] * 4
    graph = chain_of(*layers, shape=(1000,))
    one_array = 4 * 1000 * 1000
    tracemalloc.start()
    try:
        write_model(graph, Lazy(graph), tmp_path / "model.onnx")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * one_array


def test_a_replaced_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    path, ordinary = tmp_path / "replaced", tmp_path / "ordinary"
    ordinary.touch()
    with replace_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(
    failure: type[BaseException], tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(failure), replace_file(path) as file:
        file.write(b"new")
        raise failure
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"file": b"old"}


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replace_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_a_missing_folder_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "file"
    with pytest.raises(FileNotFoundError) as caught, replace_file(path):
        pass
    assert caught.value.filename == str(path)


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), replace_file(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to("target")
    with replace_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_device_is_written_to_and_not_replaced() -> None:
    with replace_file("/dev/null") as file:
        file.write(b"new")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(OSError, match="No space left on device"), replace_file("/dev/full") as file:
        file.write(b"new")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_the_longest_name_there_can_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    with replace_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
