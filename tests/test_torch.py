"""The PyTorch backend: modules have the inferred shapes and names, and compute the network.

The expected outputs are worked out twice by others: by the definitions below, in NumPy and with
loops, from the fields as they are written; and, where it takes the same arguments, by PyTorch's own
functions called by hand.
"""

from __future__ import annotations

import copy
import io
import math
import operator
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import fx, nn

from archspec.backends.torch import lowerings, to_module
from archspec.backends.torch.emitter import Emitter, Lowering
from archspec.graph import Graph, Node, TensorType, infer
from archspec.layers import LAYERS
from archspec.layers.activation import Elementwise, Relu
from archspec.layers.base import Inputs, Layer, Shape, Tensor
from archspec.layers.conv import NAMED_KERNELS, Conv
from tests import definitions_pointwise, definitions_spatial
from tests.graphs import ORIGIN, chain_of, graph_of
from tests.kinds import CASES, IMAGES, Case

Array = NDArray[Any]
Fields = Mapping[str, Any]
Step = tuple[str, str, Fields, Sequence[str]]
"""A layer's name, kind and fields, and the values that it takes."""


def random_weights(graph: Graph) -> dict[str, Array]:
    """Weights for every tensor, all positive: some of them are variances."""
    random = np.random.default_rng(0)
    return {
        name: random.uniform(0.5, 1.5, tensor.shape).astype(np.float32)
        for name, tensor in graph.tensors()
    }


def initial_weights(graph: Graph) -> dict[str, Array]:
    """Weights as the layers declare that they start, so that values stay near one."""
    random = np.random.default_rng(0)
    return {
        name: np.full(tensor.shape, tensor.constant)
        if tensor.bound is None
        else random.uniform(-tensor.bound, tensor.bound, tensor.shape)
        for name, tensor in graph.tensors()
    }


def random_inputs(shapes: Sequence[Shape], batch: int = 2) -> list[torch.Tensor]:
    random = np.random.default_rng(1)
    return [torch.from_numpy(random.standard_normal((batch, *s), np.float32)) for s in shapes]


def module_of(graph: Graph) -> fx.GraphModule:
    return to_module(graph, random_weights(graph))


def network(
    inputs: Mapping[str, Shape],
    steps: Sequence[Step],
    outputs: Sequence[str],
) -> Graph:
    """A graph of these layers, in order."""
    types = {name: TensorType(shape) for name, shape in inputs.items()}
    nodes = []
    for name, kind, fields, sources in steps:
        layer = LAYERS[kind].model_validate(dict(fields))
        shapes = tuple(types[source].shape for source in sources)
        node = Node(name, layer, tuple(sources), infer(layer, shapes), ORIGIN)
        nodes.append(node)
        types[name] = node.output
    return Graph(
        "test",
        {name: types[name] for name in inputs},
        tuple(nodes),
        {name: types[name] for name in outputs},
    )


def residual_network() -> Graph:
    """Residual blocks, with the kinds of padding that PyTorch's own modules do not have."""
    conv3 = {"out_channels": 8, "kernel_size": 3, "padding": 1, "bias": False}
    return network(
        {"input": (3, 16, 16)},
        [
            ("stem.conv", "conv", {**conv3, "stride": 2, "padding": "same_upper"}, ["input"]),
            ("stem.bn", "batch_norm", {}, ["stem.conv"]),
            ("stem.relu", "relu", {}, ["stem.bn"]),
            ("blur", "filter", {"kernel": "gaussian_blur", "padding": "same"}, ["stem.relu"]),
            ("layer1.0.conv1", "conv", conv3, ["blur"]),
            ("layer1.0.bn1", "batch_norm", {}, ["layer1.0.conv1"]),
            ("layer1.0.relu1", "relu", {}, ["layer1.0.bn1"]),
            ("layer1.0.conv2", "conv", conv3, ["layer1.0.relu1"]),
            ("layer1.0.bn2", "batch_norm", {}, ["layer1.0.conv2"]),
            ("layer1.0.add", "add", {}, ["layer1.0.bn2", "blur"]),
            ("layer1.0.relu2", "relu", {}, ["layer1.0.add"]),
            ("gate.pool", "global_avg_pool", {}, ["layer1.0.relu2"]),
            ("gate.conv", "conv", {"out_channels": 8, "kernel_size": 1}, ["gate.pool"]),
            ("gate.sigmoid", "sigmoid", {}, ["gate.conv"]),
            ("gate", "multiply", {}, ["layer1.0.relu2", "gate.sigmoid"]),
            ("both", "concat", {}, ["gate", "layer1.0.relu2"]),
            ("avg", "avg_pool", {"kernel_size": 2, "padding": "same"}, ["both"]),
            ("mean", "avg_pool", {**UNEVEN, "count_include_pad": False}, ["avg"]),
            ("max", "max_pool", UNEVEN, ["mean"]),
            ("thin", "subsample", {"stride": 2}, ["max"]),
            ("wide", "pad_channels", {"out_channels": 20}, ["thin"]),
            ("flatten", "flatten", {}, ["wide"]),
            ("dropout", "dropout", {"p": 0.1}, ["flatten"]),
            ("fc", "fc", {"out_features": 5}, ["dropout"]),
        ],
        ["fc"],
    )


UNEVEN: Fields = {"kernel_size": 3, "stride": 2, "padding": ((1, 2), (2, 1)), "ceil_mode": True}


# The definitions, from the fields as they are written


def each(value: Any, axes: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,) * axes


def sides_of(padding: Any, n: int, extent: int, stride: int, axis: int) -> tuple[int, int]:
    """The table of the design's section on padding, for one axis."""
    if isinstance(padding, tuple):
        padding = padding[axis]
    match padding:
        case (before, after):
            return before, after
        case int():
            return padding, padding
        case "valid":
            return 0, 0
        case {"total": total}:
            return math.ceil(total / 2), math.floor(total / 2)
        case "same":
            return math.ceil((extent - 1) / 2), math.floor((extent - 1) / 2)
    total = 0  # Just enough for ceil(n / stride).
    while (n + total - extent) // stride + 1 < math.ceil(n / stride):
        total += 1
    less, more = total // 2, total - total // 2
    return (less, more) if padding == "same_upper" else (more, less)


def starts_of(
    n: int, extent: int, stride: int, sides: tuple[int, int], ceil_mode: bool
) -> list[int]:
    """The first row of every window along one axis; the input's first row is row 0."""
    before, after = sides
    starts = list(range(-before, n + after - extent + 1, stride))
    following = starts[-1] + stride
    unread = starts[-1] + extent < n + after
    return [*starts, following] if ceil_mode and unread and following < n else starts


def windows_of(fields: Fields, kernel: Any, sizes: Shape) -> list[tuple[Any, ...]]:
    """For each axis its sides, and each window's rows."""
    axes = len(sizes)
    described = []
    for axis, (n, k, s, d) in enumerate(
        zip(
            sizes,
            each(kernel, axes),
            each(fields.get("stride", 1), axes),
            each(fields.get("dilation", 1), axes),
            strict=True,
        )
    ):
        extent = d * (k - 1) + 1
        sides = sides_of(fields.get("padding", 0), n, extent, s, axis)
        starts = starts_of(n, extent, s, sides, fields.get("ceil_mode", False))
        described.append((sides, [range(start, start + extent, d) for start in starts]))
    return described


def convolve(fields: Fields, kernels: Array, bias: Array, groups: int, x: Array) -> Array:
    """Cross-correlation: at each position and filter, the sum of kernel times window."""
    axes = windows_of(fields, kernels.shape[2:], x.shape[2:])
    mode: Any = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}.get(
        fields.get("padding_mode", "zeros"), "constant"
    )
    padded = np.pad(x, [(0, 0), (0, 0), *(sides for sides, _ in axes)], mode=mode)
    out = np.empty((len(x), len(kernels), *(len(rows) for _, rows in axes)))
    per_group = kernels.shape[1]
    for position in product(*(range(len(rows)) for _, rows in axes)):
        at = [
            [row + sides[0] for row in rows[i]]
            for i, (sides, rows) in zip(position, axes, strict=True)
        ]
        window = padded[np.ix_(range(len(x)), range(x.shape[1]), *at)]
        for filter_, kernel in enumerate(kernels):
            first = filter_ // (len(kernels) // groups) * per_group
            part = window[:, first : first + per_group]
            value = (part * kernel).reshape(len(x), -1).sum(1) + bias[filter_]
            place: tuple[Any, ...] = (slice(None), filter_, *position)
            out[place] = value
    return out


def conv(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    bias = weights.get("layer.bias", np.zeros(fields["out_channels"]))
    return convolve(fields, weights["layer.weight"], bias, fields.get("groups", 1), x)


def depthwise(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    kernels, channels = weights["layer.weight"], x.shape[1]
    bias = weights.get("layer.bias", np.zeros(len(kernels)))
    assert len(kernels) == channels * fields.get("multiplier", 1)
    return convolve(fields, kernels, bias, channels, x)


def filter_(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    kernel = np.array(NAMED_KERNELS.get(str(fields["kernel"]), fields["kernel"]))
    channels = x.shape[1]
    return convolve(fields, np.stack([kernel[None]] * channels), np.zeros(channels), channels, x)


def pool(
    fields: Fields, x: Array, of_window: Callable[[Array, list[tuple[Any, ...]]], Array]
) -> Array:
    """`of_window` of each window's real elements; it is told of each axis's size, sides and rows,
    too."""
    sizes = x.shape[2:]
    strided = {"stride": fields["kernel_size"], **fields}
    axes = windows_of(strided, fields["kernel_size"], sizes)
    out = np.empty((*x.shape[:2], *(len(rows) for _, rows in axes)))
    for position in product(*(range(len(rows)) for _, rows in axes)):
        described = [
            (n, sides, rows[i]) for i, n, (sides, rows) in zip(position, sizes, axes, strict=True)
        ]
        real = [[row for row in rows if 0 <= row < n] for n, _, rows in described]
        window = x[np.ix_(range(x.shape[0]), range(x.shape[1]), *real)]
        place: tuple[Any, ...] = (..., *position)
        out[place] = of_window(window.reshape(*x.shape[:2], -1), described)
    return out


def max_pool(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    return pool(fields, x, lambda window, _: window.max(-1))


def avg_pool(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    include = fields.get("count_include_pad", True)

    def mean(window: Array, described: list[tuple[Any, ...]]) -> Array:
        counted = 1
        for n, (before, after), rows in described:
            first, end = (-before, n + after) if include else (0, n)
            counted *= sum(first <= row < end for row in rows)
        result: Array = window.sum(-1) / counted
        return result

    return pool(fields, x, mean)


def adaptive(of_window: Callable[[Array], Array]) -> Callable[..., Array]:
    def reference(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
        sizes = each(fields.get("output_size", 1), x.ndim - 2)
        out = np.empty((*x.shape[:2], *sizes))
        for position in product(*map(range, sizes)):
            rows = [
                range(math.floor(i * n / m), math.ceil((i + 1) * n / m))
                for i, n, m in zip(position, x.shape[2:], sizes, strict=True)
            ]
            window = x[np.ix_(range(x.shape[0]), range(x.shape[1]), *rows)]
            place: tuple[Any, ...] = (..., *position)
            out[place] = of_window(window.reshape(*x.shape[:2], -1))
        return out

    return reference


def batch_norm(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    def along_channels(leaf: str, default: float) -> Array:
        values = weights.get(f"layer.{leaf}", np.full(x.shape[1], default))
        return values.reshape(-1, *(1 for _ in x.shape[2:]))

    mean, variance = along_channels("running_mean", 0), along_channels("running_var", 1)
    normal = (x - mean) / np.sqrt(variance + fields.get("eps", 1e-5))
    scaled: Array = normal * along_channels("weight", 1) + along_channels("bias", 0)
    return scaled


def lrn(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    size, channels = fields["size"], x.shape[1]
    out = np.empty_like(x)
    for channel in range(channels):
        first = channel - size // 2
        near = [i for i in range(first, first + size) if 0 <= i < channels]
        squares = (x[:, near] ** 2).sum(1)
        norm = (fields["k"] + fields["alpha"] / size * squares) ** fields["beta"]
        out[:, channel] = x[:, channel] / norm
    return out


def gelu(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    if fields.get("approximate") == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        approximation: Array = 0.5 * x * (1 + np.tanh(inner))
        return approximation
    phi = np.vectorize(lambda value: 0.5 * (1 + math.erf(value / math.sqrt(2))))
    result: Array = x * phi(x)
    return result


def pad_channels(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    out = np.zeros((len(x), fields["out_channels"], *x.shape[2:]))
    out[:, : x.shape[1]] = x
    return out


def subsample(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
    rows = [range(0, n, fields["stride"]) for n in x.shape[2:]]
    return x[np.ix_(range(x.shape[0]), range(x.shape[1]), *rows)]


def elementwise(function: Callable[[Array], Any]) -> Callable[..., Array]:
    def reference(fields: Fields, weights: Mapping[str, Array], x: Array) -> Array:
        result: Array = function(x)
        return result

    return reference


REFERENCE: dict[str, Callable[..., Array]] = {
    "conv": conv,
    "depthwise": depthwise,
    "filter": filter_,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "global_avg_pool": adaptive(lambda window: window.mean(-1)),
    "global_max_pool": adaptive(lambda window: window.max(-1)),
    "adaptive_avg_pool": adaptive(lambda window: window.mean(-1)),
    "adaptive_max_pool": adaptive(lambda window: window.max(-1)),
    "subsample": subsample,
    "pad_channels": pad_channels,
    "batch_norm": batch_norm,
    "lrn": lrn,
    "relu": elementwise(lambda x: np.where(x > 0, x, 0)),
    "relu6": elementwise(lambda x: np.minimum(np.maximum(x, 0), 6)),
    "leaky_relu": lambda fields, weights, x: np.where(
        x > 0, x, fields.get("negative_slope", 0.01) * x
    ),
    "sigmoid": elementwise(lambda x: 1 / (1 + np.exp(-x))),
    "tanh": elementwise(np.tanh),
    "silu": elementwise(lambda x: x / (1 + np.exp(-x))),
    "gelu": gelu,
    "softmax": elementwise(lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
    "identity": elementwise(lambda x: x),
    "dropout": elementwise(lambda x: x),
    "add": lambda fields, weights, *values: reduce(np.add, values),
    "multiply": lambda fields, weights, *values: reduce(np.multiply, values),
    "concat": lambda fields, weights, *values: np.concatenate(values, 1),
    **definitions_pointwise.REFERENCE,
    **definitions_spatial.REFERENCE,
}


# Every kind


def test_every_kind_has_a_lowering_and_no_other() -> None:
    assert set(lowerings.LOWERINGS) == set(LAYERS.values())


WIDELY_PADDED = [
    Case(kind, {"kernel_size": 3, "stride": 2, "padding": 2, **fields}, (shape,))
    for shape in IMAGES
    for kind, fields in (
        ("max_pool", {}),
        ("max_pool", {"ceil_mode": True}),
        ("max_pool", {"dilation": 2, "padding": 3}),
        ("avg_pool", {}),
        ("avg_pool", {"ceil_mode": True}),
        ("avg_pool", {"count_include_pad": False}),
        ("avg_pool", {"count_include_pad": False, "ceil_mode": True}),
    )
]
"""Alike on both sides, and still more than PyTorch's pools take: over half the kernel."""


@pytest.mark.parametrize("case", [*CASES, *WIDELY_PADDED], ids=lambda case: case.id)
def test_a_module_has_the_inferred_shape_and_tensors_and_computes_the_definition(
    case: Case,
) -> None:
    graph = graph_of(case.layer, *case.shapes)
    weights = random_weights(graph)
    module = to_module(graph, weights)
    inputs = random_inputs(case.shapes)

    with torch.no_grad():
        output = module(*inputs)

    (node,) = graph.nodes
    assert tuple(output.shape) == (2, *node.output.shape)
    state = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    state.pop("layer.num_batches_tracked", None)
    assert state == {name: tensor.shape for name, tensor in graph.tensors()}
    parameters = sum(parameter.numel() for parameter in module.parameters())
    assert parameters == sum(tensor.size for tensor in node.parameters.values())

    exact = [tensor.double().numpy() for tensor in inputs]
    expected = REFERENCE[case.kind](case.fields, weights, *exact)
    np.testing.assert_allclose(output.numpy(), expected, rtol=1e-4, atol=1e-4)


def by_rank(word: str, shape: Shape) -> Callable[..., torch.Tensor]:
    function: Callable[..., torch.Tensor] = getattr(F, f"{word}{len(shape) - 1}d")
    return function


SYMMETRIC = [
    case
    for case in CASES
    if case.kind in ("conv", "max_pool", "avg_pool")
    and isinstance(case.fields.get("padding", 0), int)
    and "padding_mode" not in case.fields
]


@pytest.mark.parametrize("case", SYMMETRIC, ids=lambda case: case.id)
def test_with_pytorchs_own_arguments_a_window_computes_what_pytorch_does(case: Case) -> None:
    graph = graph_of(case.layer, *case.shapes)
    module = module_of(graph)
    inputs = random_inputs(case.shapes)
    arguments = {key: value for key, value in case.fields.items() if key != "out_channels"}
    if case.kind == "conv":
        arguments.pop("kernel_size")
        arguments["bias"] = arguments.get("bias", True) and module.get_parameter("layer.bias")
        arguments["weight"] = module.get_parameter("layer.weight")
    with torch.no_grad():
        expected = by_rank(case.kind, case.shapes[0])(*inputs, **arguments)
        torch.testing.assert_close(module(*inputs), expected, rtol=0, atol=0)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("shape", IMAGES)
def test_a_padding_mode_is_pytorchs_of_that_name(mode: Any, shape: Shape) -> None:
    fields = {"out_channels": 4, "kernel_size": 3, "padding": 2, "padding_mode": mode}
    module = module_of(graph_of(Case("conv", fields, ()).layer, shape))
    kind: Any = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(shape) - 2]
    native = kind(6, 4, 3, padding=2, padding_mode=mode)
    native.load_state_dict(
        {name.removeprefix("layer."): value for name, value in module.state_dict().items()}
    )
    (x,) = random_inputs([shape])
    with torch.no_grad():
        torch.testing.assert_close(module(x), native(x), rtol=0, atol=0)


def test_the_lectures_convolution_gives_19_25_37_43() -> None:
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    graph = graph_of(Conv(out_channels=1, kernel_size=2, bias=False), (1, 3, 3))
    learnt = to_module(graph, {"layer.weight": np.arange(4.0).reshape(1, 1, 2, 2)})
    fixed = module_of(graph_of(Case("filter", {"kernel": ((0, 1), (2, 3))}, ()).layer, (1, 3, 3)))
    for module in (learnt, fixed):
        assert module(x).tolist() == [[[[19, 25], [37, 43]]]]


def test_the_lectures_max_pooling_gives_4_5_7_8() -> None:
    layer = Case("max_pool", {"kernel_size": 2, "stride": 1}, ()).layer
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    assert module_of(graph_of(layer, (1, 3, 3)))(x).tolist() == [[[[4, 5], [7, 8]]]]


def test_what_pytorch_pads_itself_stays_one_module() -> None:
    for kind, fields in (
        ("conv", {"out_channels": 4, "kernel_size": 3, "padding": 1}),
        ("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
        ("avg_pool", {"kernel_size": 3, "padding": (1, 1), "count_include_pad": False}),
    ):
        graph = module_of(graph_of(Case(kind, fields, ()).layer, (6, 12, 9))).graph
        assert [node.op for node in graph.nodes] == ["placeholder", "call_module", "output"]


def test_a_maximum_of_negative_numbers_is_never_padding() -> None:
    layer = Case("max_pool", {**UNEVEN, "dilation": 2}, ()).layer
    output = module_of(graph_of(layer, (2, 7, 7)))(torch.full((1, 2, 7, 7), -5.0))
    assert output.unique().tolist() == [-5]


# Whole networks


class Values(fx.Interpreter):
    """Runs a module call by call, and keeps the shape of every value of the archspec graph."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.shapes: dict[str, Shape] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if "archspec" in n.meta:
            self.shapes[n.meta["archspec"]] = tuple(value.shape[1:])
        return value


def test_every_value_on_the_way_has_the_inferred_shape() -> None:
    graph = residual_network()
    values = Values(module_of(graph))
    values.run(*random_inputs([(3, 16, 16)]))
    assert values.shapes == {
        "input": (3, 16, 16),
        **{node.name: node.output.shape for node in graph.nodes},
    }


def test_the_state_dict_has_the_graphs_names_in_the_graphs_order() -> None:
    graph = residual_network()
    names = [name for name in module_of(graph).state_dict() if "num_batches" not in name]
    assert names == [name for name, _ in graph.tensors()]


def test_running_statistics_are_no_parameters() -> None:
    graph = residual_network()
    names = {name for name, _ in module_of(graph).named_parameters()}
    assert names == {name for node in graph.nodes for name in node.parameters}


def test_a_layer_is_found_and_hooked_by_its_name() -> None:
    module = module_of(residual_network())
    seen = []
    target = module.get_submodule("layer1.0.conv2")
    target.register_forward_hook(lambda layer, inputs, output: seen.append(output.shape))
    module(*random_inputs([(3, 16, 16)]))
    assert isinstance(target, nn.Conv2d)
    assert seen == [(2, 8, 8, 8)]


def test_every_module_with_a_layers_name_makes_that_layers_value() -> None:
    graph = residual_network()
    called = {
        str(node.target): node.meta.get("archspec")
        for node in module_of(graph).graph.nodes
        if node.op == "call_module"
    }
    layers = {node.name for node in graph.nodes}
    assert all(value == path for path, value in called.items() if path in layers)


@pytest.mark.parametrize("name", ["self", "torch", "inf", "slice", "getattr", "operator"])
def test_a_layer_may_be_called_what_generated_code_uses(name: str) -> None:
    steps: list[Step] = [(name, "relu", {}, ["input"]), ("after", "tanh", {}, [name])]
    module = module_of(network({"input": (3, 4)}, steps, ["after"]))
    (x,) = random_inputs([(3, 4)])
    torch.testing.assert_close(module(x), torch.tanh(torch.relu(x)))


def test_a_new_module_is_in_eval_mode() -> None:
    assert not any(module.training for module in module_of(residual_network()).modules())


def test_values_are_called_by_their_names_in_the_generated_code() -> None:
    module = module_of(residual_network())
    assert "layer1_0_bn2 += blur;  layer1_0_add = layer1_0_bn2" in module.code


def test_inputs_are_passed_by_position_or_by_name() -> None:
    steps: list[Step] = [("difference", "add", {}, ["input", "right"])]
    graph = network({"input": (4,), "right": (4,)}, steps, ["difference"])
    module = module_of(graph)
    left, right = random_inputs([(4,), (4,)])
    torch.testing.assert_close(module(left, right), left + right)
    torch.testing.assert_close(module(right=right, input=left), left + right)


@pytest.mark.parametrize("name", ["self", "torch", "slice", "in", "2nd", "left-image", "größe"])
def test_an_input_may_have_any_name(name: str) -> None:
    steps: list[Step] = [
        ("thin", "subsample", {"stride": 2}, [name]),
        ("both", "concat", {}, ["thin", "thin"]),
        ("max", "max_pool", {"kernel_size": 2, "padding": "same"}, ["both"]),
    ]
    module = module_of(network({name: (2, 8), f"{name}_": (2, 8)}, steps, ["max"]))
    assert module(*random_inputs([(2, 8), (2, 8)])).shape == (2, 4, 2)


def test_several_outputs_are_a_tuple_in_the_graphs_order() -> None:
    steps: list[Step] = [
        ("half", "subsample", {"stride": 2}, ["input"]),
        ("relu", "relu", {}, ["input"]),
    ]
    graph = network({"input": (3, 4)}, steps, ["relu", "half", "input"])
    (x,) = random_inputs([(3, 4)])
    outputs = module_of(graph)(x)
    assert isinstance(outputs, tuple)
    assert [tuple(output.shape) for output in outputs] == [(2, 3, 4), (2, 3, 2), (2, 3, 4)]
    torch.testing.assert_close(outputs[2], x)


@pytest.mark.parametrize("kind", ["add", "multiply", "concat"])
def test_a_merge_of_one_value_is_that_value_under_a_name_of_its_own(kind: str) -> None:
    module = module_of(network({"input": (3, 4)}, [("merge", kind, {}, ["input"])], ["merge"]))
    (x,) = random_inputs([(3, 4)])
    torch.testing.assert_close(module(x), x)
    values = [node.meta["archspec"] for node in module.graph.nodes if node.op != "output"]
    assert values == ["input", "merge"]


# In-place relu and sum


def relus_in_place(graph: Graph) -> dict[str, bool]:
    modules = module_of(graph).named_modules()
    return {name: module.inplace for name, module in modules if isinstance(module, nn.ReLU)}


def test_a_relu_overwrites_what_nobody_else_reads() -> None:
    assert relus_in_place(residual_network()) == {
        "stem.relu": True,  # after a batch norm
        "layer1.0.relu1": True,
        "layer1.0.relu2": True,  # after an add
    }


@pytest.mark.parametrize("kind", ["sigmoid", "tanh", "softmax", "relu", "identity", "dropout"])
def test_a_relu_leaves_alone_what_backward_needs_or_others_see(kind: str) -> None:
    steps: list[Step] = [("before", kind, {}, ["input"]), ("after", "relu", {}, ["before"])]
    assert not relus_in_place(network({"input": (3, 4)}, steps, ["after"]))["after"]


def test_a_relu_leaves_alone_the_input_an_output_and_what_a_skip_reads() -> None:
    steps: list[Step] = [
        ("of_input", "relu", {}, ["input"]),
        ("normal", "batch_norm", {}, ["of_input"]),
        ("of_output", "relu", {}, ["normal"]),
        ("again", "batch_norm", {}, ["of_output"]),
        ("of_skipped", "relu", {}, ["again"]),
        ("add", "add", {}, ["of_skipped", "again"]),
    ]
    graph = network({"input": (3, 4)}, steps, ["normal", "add"])
    assert not any(relus_in_place(graph).values())
    (x,) = random_inputs([(3, 4)])
    kept = x.clone()
    module_of(graph)(x)
    assert torch.equal(x, kept)


def test_a_sum_is_never_put_in_a_smaller_first_value() -> None:
    steps: list[Step] = [
        ("gate", "conv", {"out_channels": 1, "kernel_size": 1}, ["input"]),
        ("add", "add", {}, ["gate", "input"]),
    ]
    module = module_of(network({"input": (3, 4)}, steps, ["add"]))
    (x,) = random_inputs([(3, 4)])
    assert module(x).shape == x.shape


def test_gradients_are_the_same_in_place_and_not() -> None:
    module = module_of(residual_network()).train()
    apart = copy.deepcopy(module)
    for layer in apart.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    sums = [node for node in apart.graph.nodes if node.target is operator.iadd]
    assert sums, "the network has a sum in place to compare with"
    for node in sums:
        node.target = operator.add
    apart.recompile()
    (x,) = random_inputs([(3, 16, 16)])
    for each_module in (module, apart):
        torch.manual_seed(0)
        each_module(x).square().sum().backward()
    for (name, one), other in zip(module.named_parameters(), apart.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None, name
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0)


# Weights


def test_training_reaches_every_parameter_and_lowers_the_loss() -> None:
    torch.manual_seed(0)
    graph = residual_network()
    module = to_module(graph, initial_weights(graph)).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    (x,) = random_inputs([(3, 16, 16)], batch=10)
    labels = torch.arange(10) % 5
    losses: list[float] = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = F.cross_entropy(module(x), labels)
        torch.autograd.backward(loss)
        if not losses:
            for name, parameter in module.named_parameters():
                assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    tracked = module.get_buffer("stem.bn.num_batches_tracked")
    assert tracked.item() == 15


@pytest.mark.parametrize("shape", [*IMAGES, (6,)])
def test_a_batch_norm_trains_on_inputs_of_every_rank(shape: Shape) -> None:
    layer = Case("batch_norm", {"momentum": 1.0}, ()).layer
    module = module_of(graph_of(layer, shape)).train()
    (x,) = random_inputs([shape], batch=4)
    module(x).sum().backward()
    mean = x.transpose(0, 1).reshape(6, -1).mean(1)
    torch.testing.assert_close(module.get_buffer("layer.running_mean"), mean)


def test_training_never_writes_into_the_callers_arrays() -> None:
    graph = residual_network()
    weights = random_weights(graph)
    kept = {name: array.copy() for name, array in weights.items()}
    module = to_module(graph, weights).train()
    module(*random_inputs([(3, 16, 16)]))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(7)
    for name, array in weights.items():
        np.testing.assert_array_equal(array, kept[name])


def test_weights_of_any_layout_and_type_become_float32() -> None:
    graph = graph_of(Case("fc", {"out_features": 2}, ()).layer, (3,))
    weight = np.arange(6.0).reshape(3, 2).T[::-1]
    weight.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = to_module(graph, {"layer.weight": weight, "layer.bias": np.array([1, 2])})
    assert module.get_parameter("layer.weight").tolist() == [[1, 3, 5], [0, 2, 4]]
    assert {tensor.dtype for tensor in module.state_dict().values()} == {torch.float32}


def test_building_draws_nothing_from_pytorchs_generator() -> None:
    state = torch.get_rng_state()
    module_of(residual_network())
    assert torch.equal(state, torch.get_rng_state())


def test_a_module_is_built_on_the_cpu_whatever_pytorchs_default_device() -> None:
    with torch.device("meta"):
        module = module_of(residual_network())
    tensors = [*module.parameters(), *module.buffers()]
    assert {tensor.device.type for tensor in tensors} == {"cpu"}


def test_missing_weights_are_named() -> None:
    graph = graph_of(Case("fc", {"out_features": 2}, ()).layer, (3,))
    with pytest.raises(KeyError, match=r"layer\.bias"):
        to_module(graph, {"layer.weight": np.zeros((2, 3))})


def test_weights_of_another_shape_are_refused() -> None:
    graph = graph_of(Case("fc", {"out_features": 2}, ()).layer, (3,))
    with pytest.raises(ValueError, match=r"layer\.bias has the shape \[2\], but .* \[1\]"):
        to_module(graph, {"layer.weight": np.zeros((2, 3)), "layer.bias": np.zeros(1)})


class Gain(Elementwise):
    """x times a learnt factor for each feature, which has the layer's own name."""

    kind: ClassVar[str] = "gain"

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        return {"": Tensor(inputs[0])}


def test_a_parameter_without_a_word_has_the_layers_own_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gain(layer: Gain, emit: Emitter) -> fx.Node:
        return emit.call(torch.mul, emit.x, emit.parameter(""))

    table: dict[type[Layer], Lowering] = {**lowerings.LOWERINGS, Gain: gain}
    monkeypatch.setattr("archspec.backends.torch.module.LOWERINGS", table)
    module = to_module(graph_of(Gain(), (3,), name="block.gain"), {"block.gain": np.arange(3)})
    for copied in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert list(copied.state_dict()) == ["block.gain"]
        assert copied(torch.ones(1, 3)).tolist() == [[0, 1, 2]]
        copied(torch.ones(1, 3)).sum().backward()
        assert copied.get_parameter("block.gain").grad is not None


# Names


@pytest.mark.parametrize("name", ["train", "a.forward", "global", 'x"), evil("', "a..b", "graph"])
def test_a_name_that_cannot_be_an_attribute_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="in the layer name"):
        module_of(graph_of(Relu(), (3,), name=name))


def test_two_layers_of_one_name_are_refused() -> None:
    steps: list[Step] = [("a", "relu", {}, ["input"]), ("a", "relu", {}, ["input"])]
    with pytest.raises(ValueError, match="'a' in the layer name 'a' is an attribute"):
        module_of(network({"input": (3,)}, steps, ["a"]))


# What people do with modules


@pytest.fixture(scope="module")
def built() -> fx.GraphModule:
    graph = residual_network()
    return to_module(graph, initial_weights(graph))


def assert_same(copied: Callable[..., Any], module: nn.Module) -> None:
    for batch in (2, 3):
        (x,) = random_inputs([(3, 16, 16)], batch)
        with torch.no_grad():
            torch.testing.assert_close(copied(x), module(x))


def pickled(module: nn.Module) -> nn.Module:
    copied: nn.Module = pickle.loads(pickle.dumps(module))
    return copied


def saved(module: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    copied: nn.Module = torch.load(file, weights_only=False)
    return copied


@pytest.mark.parametrize("duplicate", [pickled, saved, copy.deepcopy])
def test_a_copy_computes_the_same_with_the_same_state(
    duplicate: Callable[[nn.Module], nn.Module], built: fx.GraphModule
) -> None:
    copied = duplicate(built)
    assert list(copied.state_dict()) == list(built.state_dict())
    assert {name for name, _ in copied.named_buffers()} == {n for n, _ in built.named_buffers()}
    assert_same(copied, built)


def test_a_deep_copy_still_tells_which_call_makes_which_value(built: fx.GraphModule) -> None:
    values = [node.meta.get("archspec") for node in built.graph.nodes]
    assert [node.meta.get("archspec") for node in copy.deepcopy(built).graph.nodes] == values


def test_a_state_dict_loads_into_another_module(built: fx.GraphModule) -> None:
    graph = residual_network()
    other = to_module(graph, {name: np.ones(tensor.shape) for name, tensor in graph.tensors()})
    other.load_state_dict(built.state_dict(), strict=True)
    assert_same(other, built)


def test_a_module_can_be_exported_with_any_batch(built: fx.GraphModule) -> None:
    inputs = tuple(random_inputs([(3, 16, 16)]))
    dynamic = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(built, inputs, dynamic_shapes=dynamic)
    assert set(program.state_dict) == set(built.state_dict())
    assert_same(program.module(), built)


def test_a_module_can_be_compiled_whole(built: fx.GraphModule) -> None:
    compiled = torch.compile(built, backend="eager", fullgraph=True)
    assert_same(compiled, built)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_converts_to_other_precisions(dtype: torch.dtype, built: fx.GraphModule) -> None:
    (x,) = random_inputs([(3, 16, 16)])
    with torch.no_grad():
        expected, output = built(x), copy.deepcopy(built).to(dtype)(x.to(dtype))
    assert output.dtype == dtype
    torch.testing.assert_close(output.float(), expected, rtol=0.03, atol=0.03)


def test_a_chain_of_ten_thousand_layers_is_built_copied_and_pickled() -> None:
    conv = Conv(out_channels=1, kernel_size=1)
    graph = chain_of(conv, *[Relu()] * 9_998, conv, shape=(1, 1))
    weights = {name: np.ones(tensor.shape) for name, tensor in graph.tensors()}
    module = to_module(graph, weights)
    for copied in (module, copy.deepcopy(module), pickled(module)):
        with torch.no_grad():
            assert copied(torch.zeros(1, 1, 1)).item() == 2
