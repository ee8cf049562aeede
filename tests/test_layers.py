"""Kinds of layers: sizes, padding, parameters, MACs, and what does not fit."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from pydantic import ValidationError

from archspec.layers import LAYERS
from archspec.layers.base import Inputs, Layer, LayerError, Shape
from archspec.layers.conv import NAMED_KERNELS, Conv
from archspec.layers.pool import AdaptiveAvgPool, MaxPool
from archspec.layers.window import Axis
from tests.kinds import CASES


def layer(kind: str, /, **fields: Any) -> Layer:
    return LAYERS[kind].model_validate(fields)


def shape(kind: str, *inputs: Shape, **fields: Any) -> Shape:
    return layer(kind, **fields).output_shape(inputs)


def axes(size: Shape, **fields: Any) -> tuple[Axis, ...]:
    return Conv.model_validate({"out_channels": 1, **fields}).axes((1, *size))


def rows(size: int, **fields: Any) -> tuple[int, int, int]:
    """Rows of padding before and after, and rows of output, along a single axis."""
    (axis,) = axes((size,), **fields)
    return axis.before, axis.after, axis.output


# The lecture's worked examples


def test_seven_convolutions_of_five_by_five_shrink_32_to_4() -> None:
    sizes: list[Shape] = []
    x: Shape = (1, 32, 32)
    for _ in range(7):
        x = shape("conv", x, out_channels=1, kernel_size=5)
        sizes.append(x[1:])
    assert sizes == [(n, n) for n in (28, 24, 20, 16, 12, 8, 4)]


def test_the_first_layer_of_resnet_is_shown_with_the_lectures_formula() -> None:
    conv = layer("conv", out_channels=64, kernel_size=7, stride=2, padding=3, bias=False)
    assert conv.output_shape(((3, 224, 224),)) == (64, 112, 112)
    assert conv.shape_formula(((3, 224, 224),), (64, 112, 112)) == "⌊(224 − 7 + 6 + 2) / 2⌋ = 112"


def test_each_axis_has_its_own_formula_where_they_differ() -> None:
    conv = layer("conv", out_channels=1, kernel_size=(3, 5), padding=(1, 0))
    assert conv.shape_formula(((1, 9, 9),), (1, 9, 5)) == (
        "⌊(9 − 3 + 2 + 1) / 1⌋ = 9, ⌊(9 − 5 + 0 + 1) / 1⌋ = 5"
    )


def test_parameters_are_shown_per_filter_with_the_biases_apart() -> None:
    # AlexNet's first layer: 11 × 11 × 3 per filter, 64 filters (torchvision's), 64 biases
    conv = layer("conv", out_channels=64, kernel_size=11)
    assert conv.parameter_formula(((3, 224, 224),)) == "(11 × 11 × 3) × 64 + 64 = 23,296"
    fc = layer("fc", out_features=120)
    assert fc.parameter_formula(((400,),)) == "400 × 120 + 120 = 48,120"
    norm = layer("batch_norm")
    assert norm.parameter_formula(((64, 2, 2),)) == "2 × 64 = 128"
    assert layer("batch_norm", affine=False).parameter_formula(((64, 2, 2),)) == ""


# Padding: the table of the design. Figures by hand.


@pytest.mark.parametrize(
    ("size", "fields", "before", "after", "output"),
    [
        (8, {"kernel_size": 3}, 0, 0, 6),
        (8, {"kernel_size": 3, "padding": "valid"}, 0, 0, 6),
        (8, {"kernel_size": 3, "padding": 2}, 2, 2, 10),
        (8, {"kernel_size": 3, "padding": (2,)}, 2, 2, 10),
        (8, {"kernel_size": 3, "padding": ((3, 2),)}, 3, 2, 11),
        (8, {"kernel_size": 3, "padding": ((0, 1),), "stride": 2}, 0, 1, 4),
        (8, {"kernel_size": 3, "padding": {"total": 4}}, 2, 2, 10),
        (8, {"kernel_size": 3, "padding": {"total": 3}}, 2, 1, 9),
        (8, {"kernel_size": 3, "padding": {"total": 1}}, 1, 0, 7),
        (8, {"kernel_size": 3, "padding": {"total": (5,)}}, 3, 2, 11),
        (8, {"kernel_size": 3, "padding": {"total": 0}}, 0, 0, 6),
        # same: p = k − 1, ⌈p/2⌉ before, ⌊p/2⌋ after; output ⌈n/s⌉
        (8, {"kernel_size": 3, "padding": "same"}, 1, 1, 8),
        (8, {"kernel_size": 4, "padding": "same"}, 2, 1, 8),
        (8, {"kernel_size": 5, "padding": "same", "stride": 3}, 2, 2, 3),
        (9, {"kernel_size": 2, "padding": "same", "stride": 2}, 1, 0, 5),
        (8, {"kernel_size": 1, "padding": "same", "stride": 3}, 0, 0, 3),
        (8, {"kernel_size": 3, "padding": "same", "dilation": 2}, 2, 2, 8),
        (8, {"kernel_size": 4, "padding": "same", "dilation": 3}, 5, 4, 8),
        # same_upper, same_lower: TensorFlow's rule, max((⌈n/s⌉ − 1) s + k − n, 0)
        (8, {"kernel_size": 3, "padding": "same_upper", "stride": 2}, 0, 1, 4),
        (8, {"kernel_size": 3, "padding": "same_lower", "stride": 2}, 1, 0, 4),
        (9, {"kernel_size": 3, "padding": "same_upper", "stride": 2}, 1, 1, 5),
        (224, {"kernel_size": 7, "padding": "same_upper", "stride": 2}, 2, 3, 112),
        (224, {"kernel_size": 7, "padding": "same_lower", "stride": 2}, 3, 2, 112),
        (8, {"kernel_size": 4, "padding": "same_upper"}, 1, 2, 8),
        (8, {"kernel_size": 4, "padding": "same_lower"}, 2, 1, 8),
        (8, {"kernel_size": 2, "padding": "same_upper", "stride": 4}, 0, 0, 2),
        (7, {"kernel_size": 1, "padding": "same_upper", "stride": 3}, 0, 0, 3),
        (8, {"kernel_size": 3, "padding": "same_upper", "dilation": 3, "stride": 2}, 2, 3, 4),
    ],
)
def test_padding_adds_the_rows_that_its_way_of_writing_means(
    size: int, fields: dict[str, Any], before: int, after: int, output: int
) -> None:
    assert rows(size, **fields) == (before, after, output)


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        (1, ((1, 1), (1, 1), (1, 1))),
        ((1, 2, 0), ((1, 1), (2, 2), (0, 0))),
        (((3, 2), (0, 0), (1, 0)), ((3, 2), (0, 0), (1, 0))),
        ((1, (0, 2), 3), ((1, 1), (0, 2), (3, 3))),
        ({"total": 3}, ((2, 1), (2, 1), (2, 1))),
        ({"total": (1, 2, 3)}, ((1, 0), (1, 1), (2, 1))),
        ("valid", ((0, 0), (0, 0), (0, 0))),
        ("same", ((1, 1), (2, 1), (2, 2))),
        ("same_upper", ((1, 1), (1, 1), (1, 2))),
        ("same_lower", ((1, 1), (1, 1), (2, 1))),
    ],
)
def test_each_axis_has_its_own_padding(padding: Any, sides: tuple[tuple[int, int], ...]) -> None:
    # kernels 3, 4, 5; strides 1, 2, 2; sizes 8, 10, 12: ⌈n/s⌉ = 8, 5, 6, so that 2, 2 and 3 rows
    # are just enough
    found = axes((8, 10, 12), kernel_size=(3, 4, 5), stride=(1, 2, 2), padding=padding)
    assert tuple((axis.before, axis.after) for axis in found) == sides
    for axis, k, s in zip(found, (3, 4, 5), (1, 2, 2), strict=True):
        assert axis.output == (axis.size - k + axis.before + axis.after + s) // s


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_size_is_the_number_of_windows_that_fit(rank: int) -> None:
    """Against counting the windows one by one, for every way of padding."""
    ways: tuple[Any, ...] = (
        0,
        1,
        2,
        "valid",
        "same",
        "same_upper",
        "same_lower",
        {"total": 3},
        ((2, 1),) * rank,
    )
    for n, k, s, d, way in itertools.product((7, 10), (1, 2, 3), (1, 2, 3), (1, 2), ways):
        fields = {"kernel_size": k, "stride": s, "dilation": d, "padding": way}
        for axis in axes((n,) * rank, **fields):
            room, extent = n + axis.before + axis.after, d * (k - 1) + 1
            assert axis.output == len(range(0, room - extent + 1, s)), fields
            if way in ("same", "same_upper", "same_lower"):
                assert axis.output == -(-n // s), fields


# ceil_mode: PyTorch's documentation of MaxPool2d: "sliding windows are allowed to go off-bounds if
# they start within the left padding or the input. Sliding windows that would start in the right
# padded region are ignored."


def _windows_of_ceil_mode(n: int, extent: int, stride: int, before: int, after: int) -> int:
    """Count windows until one covers the last padded row; drop it if it starts too late."""
    count, start = 1, 0
    while start + extent < before + n + after:
        start += stride
        if start >= before + n:
            break
        count += 1
    return count


def test_ceil_mode_counts_windows_as_pytorch_does() -> None:
    for n, k, s, d in itertools.product(range(1, 12), (1, 2, 3, 4), (1, 2, 3, 5), (1, 2)):
        extent = d * (k - 1) + 1
        for before, after in itertools.product(range(extent), repeat=2):
            if extent > n + before + after or n < d:
                continue
            fields = {"kernel_size": k, "stride": s, "dilation": d, "padding": ((before, after),)}
            pool = MaxPool.model_validate({**fields, "ceil_mode": True})
            expected = _windows_of_ceil_mode(n, extent, s, before, after)
            assert pool.output_shape(((2, n),)) == (2, expected), (n, fields)


@pytest.mark.parametrize(
    ("size", "fields", "floor", "ceil"),
    [
        (8, {"kernel_size": 3, "stride": 2}, 3, 4),  # PyTorch's own: 112 → 56 in GoogLeNet
        (112, {"kernel_size": 3, "stride": 2}, 55, 56),
        (7, {"kernel_size": 3, "stride": 2}, 3, 3),
        (4, {"kernel_size": 2, "stride": 3, "padding": 1}, 2, 2),  # starts at 6 > 4: dropped
        (5, {"kernel_size": 2, "stride": 3, "padding": 1}, 2, 2),
        (6, {"kernel_size": 2, "stride": 4, "padding": 1}, 2, 2),
    ],
)
def test_ceil_mode_adds_a_window_that_starts_in_the_input(
    size: int, fields: dict[str, Any], floor: int, ceil: int
) -> None:
    for kind in ("max_pool", "avg_pool"):
        assert shape(kind, (1, size), **fields)[1] == floor
        assert shape(kind, (1, size), ceil_mode=True, **fields)[1] == ceil


def test_ceil_mode_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    for n, k, s, d in itertools.product((5, 8, 9), (2, 3), (1, 2, 3, 4), (1, 2)):
        for padding in range(k // 2 + 1):
            if d * (k - 1) + 1 > n + 2 * padding:
                continue
            fields = {"kernel_size": k, "stride": s, "dilation": d, "padding": padding}
            reference = torch.nn.MaxPool1d(**fields, ceil_mode=True)(torch.zeros(1, 1, n))
            assert shape("max_pool", (1, n), ceil_mode=True, **fields)[1] == reference.shape[2]


# Parameters and MACs


@pytest.mark.parametrize(
    ("kind", "fields", "x", "params", "macs"),
    [
        # AlexNet (Krizhevsky 2014, torchvision): 23,296 and 70,276,800; 307,392 and 224 M
        (
            "conv",
            {"out_channels": 64, "kernel_size": 11, "stride": 4, "padding": 2},
            (3, 224, 224),
            23_296,
            363 * 64 * 55 * 55,
        ),
        (
            "conv",
            {"out_channels": 192, "kernel_size": 5, "padding": 2},
            (64, 27, 27),
            307_392,
            1600 * 192 * 27 * 27,
        ),
        # AlexNet of 2012: 96 filters of 11 × 11 × 3, in all 34,944; 105,415,200 MACs
        (
            "conv",
            {"out_channels": 96, "kernel_size": 11, "stride": 4},
            (3, 227, 227),
            34_944,
            105_415_200,
        ),
        # LeNet-5 as taught: 156, 2,416, 48,120, 10,164, 850
        ("conv", {"out_channels": 6, "kernel_size": 5, "padding": 2}, (1, 28, 28), 156, 117_600),
        ("conv", {"out_channels": 16, "kernel_size": 5}, (6, 14, 14), 2_416, 240_000),
        ("fc", {"out_features": 120}, (400,), 48_120, 48_000),
        ("fc", {"out_features": 84}, (120,), 10_164, 10_080),
        ("fc", {"out_features": 10}, (84,), 850, 840),
        ("fc", {"out_features": 10, "bias": False}, (84,), 840, 840),
        # VGG's first fully connected layer: 102,764,544 parameters
        ("fc", {"out_features": 4096}, (25_088,), 102_764_544, 102_760_448),
        # ResNet's stem: 9,408 and 118,013,952
        (
            "conv",
            {"out_channels": 64, "kernel_size": 7, "stride": 2, "padding": 3, "bias": False},
            (3, 224, 224),
            9_408,
            118_013_952,
        ),
        # Depthwise: 9 weights a channel
        (
            "conv",
            {"out_channels": 32, "kernel_size": 3, "padding": 1, "groups": 32, "bias": False},
            (32, 112, 112),
            288,
            9 * 32 * 112 * 112,
        ),
        (
            "conv",
            {"out_channels": 8, "kernel_size": 3, "groups": 2},
            (4, 5, 5),
            8 * 2 * 9 + 8,
            8 * 2 * 9 * 9,
        ),
        ("conv", {"out_channels": 4, "kernel_size": 3}, (2, 10), 28, 4 * 8 * 2 * 3),
        ("conv", {"out_channels": 4, "kernel_size": (1, 2, 3)}, (2, 3, 3, 3), 52, 4 * 2 * 6 * 6),
        ("conv", {"out_channels": 4, "kernel_size": 3, "dilation": 2}, (2, 9), 28, 4 * 5 * 6),
        ("filter", {"kernel": "sharpen"}, (3, 5, 5), 0, 3 * 9 * 9),
        ("batch_norm", {}, (64, 5, 5), 128, 0),
        ("batch_norm", {"affine": False}, (64, 5, 5), 0, 0),
        ("batch_norm", {}, (64,), 128, 0),
    ],
)
def test_parameters_and_macs_are_those_worked_by_hand(
    kind: str, fields: dict[str, Any], x: Shape, params: int, macs: int
) -> None:
    one = layer(kind, **fields)
    assert sum(tensor.size for tensor in one.parameters((x,)).values()) == params
    assert one.macs((x,), one.output_shape((x,))) == macs


def test_parameters_are_pytorchs_tensors_and_running_statistics_are_buffers() -> None:
    conv = layer("conv", out_channels=8, kernel_size=(3, 5), groups=2)
    assert {k: t.shape for k, t in conv.parameters(((4, 9, 9),)).items()} == {
        "weight": (8, 2, 3, 5),
        "bias": (8,),
    }
    fc = layer("fc", out_features=3)
    assert {k: t.shape for k, t in fc.parameters(((7,),)).items()} == {
        "weight": (3, 7),
        "bias": (3,),
    }
    norm = layer("batch_norm")
    assert list(norm.parameters(((4, 2, 2),))) == ["weight", "bias"]
    assert list(norm.buffers(((4, 2, 2),))) == ["running_mean", "running_var"]


# Every kind


VOCABULARY = [
    "conv",
    "fc",
    "max_pool",
    "avg_pool",
    "global_avg_pool",
    "global_max_pool",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "flatten",
    "batch_norm",
    "lrn",
    "dropout",
    "identity",
    "softmax",
    "relu",
    "relu6",
    "leaky_relu",
    "sigmoid",
    "tanh",
    "silu",
    "gelu",
    "filter",
    "add",
    "multiply",
    "concat",
]


def test_the_vocabulary_is_there() -> None:
    assert set(VOCABULARY) <= set(LAYERS)


@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_says_its_own_shape_macs_and_windows(kind: str) -> None:
    for method in ("output_shape", "macs", "windows"):
        assert getattr(LAYERS[kind], method) is not getattr(Layer, method)
    assert LAYERS[kind].kind == kind
    assert LAYERS[kind].__doc__
    main = LAYERS[kind].main_field
    assert main is None or main in LAYERS[kind].model_fields
    required = {n for n, f in LAYERS[kind].model_fields.items() if f.is_required()}
    assert not required or main in required


@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_is_among_the_cases_that_backends_are_held_against(kind: str) -> None:
    written = [set(case.fields) for case in CASES if case.kind == kind]
    assert written
    assert set(LAYERS[kind].model_fields) <= set().union(*written), "an option is in no case"


def test_shape_macs_and_windows_agree_in_rank() -> None:
    for case in CASES:
        output = case.layer.output_shape(case.shapes)
        assert all(type(size) is int and size >= 1 for size in output), case.id
        windows = case.layer.windows(case.shapes)
        assert windows is None or len(windows) == len(output) - 1, case.id
        assert case.layer.macs(case.shapes, output) >= 0


SHAPES: list[tuple[str, dict[str, Any], Inputs, Shape]] = [
    ("max_pool", {"kernel_size": 2}, ((3, 9, 8),), (3, 4, 4)),
    ("avg_pool", {"kernel_size": (2, 4)}, ((3, 8, 8),), (3, 4, 2)),
    ("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1}, ((64, 112, 112),), (64, 56, 56)),
    ("max_pool", {"kernel_size": 3, "stride": 1, "dilation": 3}, ((1, 9),), (1, 3)),
    ("global_avg_pool", {}, ((5, 7, 7),), (5, 1, 1)),
    ("global_max_pool", {}, ((5, 7),), (5, 1)),
    ("adaptive_avg_pool", {"output_size": 6}, ((256, 13, 13),), (256, 6, 6)),
    ("adaptive_max_pool", {"output_size": (2, 9)}, ((4, 5, 5),), (4, 2, 9)),
    ("flatten", {}, ((16, 5, 5),), (400,)),
    ("flatten", {}, ((16,),), (16,)),
    ("lrn", {"size": 5}, ((4, 3, 3),), (4, 3, 3)),
    ("softmax", {}, ((10,),), (10,)),
    ("subsample", {"stride": (2, 3)}, ((4, 7, 7),), (4, 4, 3)),
    ("pad_channels", {"out_channels": 9}, ((4, 7, 7),), (9, 7, 7)),
    ("filter", {"kernel": "edge_detection"}, ((3, 8, 8),), (3, 6, 6)),
    ("filter", {"kernel": (1, 0, -1)}, ((3, 8),), (3, 6)),
    ("add", {}, ((4, 3, 3), (4, 3, 3)), (4, 3, 3)),
    ("add", {}, ((4, 1, 3), (1, 3, 1), (4, 3, 3)), (4, 3, 3)),
    ("multiply", {}, ((4, 3, 3), (4, 1, 1)), (4, 3, 3)),
    ("concat", {}, ((4, 3, 3), (2, 3, 3), (1, 3, 3)), (7, 3, 3)),
    ("concat", {}, ((4,), (2,)), (6,)),
    ("batch_norm", {}, ((10,),), (10,)),
]


@pytest.mark.parametrize(("kind", "fields", "inputs", "expected"), SHAPES)
def test_the_output_shape_is_that_worked_by_hand(
    kind: str, fields: dict[str, Any], inputs: Inputs, expected: Shape
) -> None:
    assert shape(kind, *inputs, **fields) == expected


def test_adaptive_windows_are_pytorchs() -> None:
    # 7 rows to 3: 0–2, 2–4, 4–6 (PyTorch: floor(i n / m) to ceil((i + 1) n / m))
    (bounds,) = AdaptiveAvgPool(output_size=3).bounds(((1, 7),))
    assert bounds == ((0, 3), (2, 5), (4, 7))
    (wider,) = AdaptiveAvgPool(output_size=4).bounds(((1, 2),))
    assert wider == ((0, 1), (0, 1), (1, 2), (1, 2))


def test_the_lectures_three_filters_are_there() -> None:
    assert NAMED_KERNELS["edge_detection"] == ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1))
    assert NAMED_KERNELS["sharpen"] == ((0, -1, 0), (-1, 5, -1), (0, -1, 0))
    blur = NAMED_KERNELS["gaussian_blur"]
    assert blur[1] == (1 / 8, 1 / 4, 1 / 8) and sum(map(sum, blur)) == 1


# What does not fit

MISFITS: list[tuple[str, dict[str, Any], Inputs, str, str | None]] = [
    ("conv", {"out_channels": 1, "kernel_size": 9}, ((1, 8, 8),), "AS301", "kernel_size"),
    ("conv", {"out_channels": 1, "kernel_size": (9, 8)}, ((1, 8, 8),), "AS301", "kernel_size"),
    (
        "conv",
        {"out_channels": 1, "kernel_size": 5, "dilation": 2},
        ((1, 8, 8),),
        "AS301",
        "kernel_size",
    ),
    ("conv", {"out_channels": 1, "kernel_size": (3,)}, ((1, 8, 8),), "AS303", "kernel_size"),
    (
        "conv",
        {"out_channels": 1, "kernel_size": 3, "stride": (1,)},
        ((1, 8, 8),),
        "AS303",
        "stride",
    ),
    (
        "conv",
        {"out_channels": 1, "kernel_size": 3, "dilation": (1, 1, 1)},
        ((1, 8, 8),),
        "AS303",
        "dilation",
    ),
    (
        "conv",
        {"out_channels": 1, "kernel_size": 3, "padding": (1, 1, 1)},
        ((1, 8, 8),),
        "AS303",
        "padding",
    ),
    (
        "conv",
        {"out_channels": 1, "kernel_size": 3, "padding": {"total": (1,)}},
        ((1, 8, 8),),
        "AS303",
        "padding",
    ),
    (
        "conv",
        {"out_channels": 4, "kernel_size": 1, "groups": 3},
        ((3, 8),),
        "AS302",
        "out_channels",
    ),
    ("conv", {"out_channels": 3, "kernel_size": 1, "groups": 3}, ((4, 8),), "AS302", "groups"),
    ("conv", {"out_channels": 1, "kernel_size": 1}, ((4,),), "AS303", None),
    (
        "conv",
        {"out_channels": 1, "kernel_size": 3, "padding": 8, "padding_mode": "reflect"},
        ((1, 8),),
        "AS301",
        "padding",
    ),
    (
        "conv",
        {"out_channels": 1, "kernel_size": 3, "padding": 9, "padding_mode": "circular"},
        ((1, 8),),
        "AS301",
        "padding",
    ),
    ("fc", {"out_features": 1}, ((1, 8),), "AS303", None),
    ("max_pool", {"kernel_size": 9}, ((1, 8, 8),), "AS301", "kernel_size"),
    ("max_pool", {"kernel_size": 2, "padding": 2}, ((1, 8, 8),), "AS301", "padding"),
    ("avg_pool", {"kernel_size": 2, "padding": ((0, 2), (0, 0))}, ((1, 8, 8),), "AS301", "padding"),
    ("max_pool", {"kernel_size": 2, "padding": 1, "dilation": 3}, ((1, 2),), "AS301", "dilation"),
    ("avg_pool", {"kernel_size": 2}, ((4,),), "AS303", None),
    ("global_avg_pool", {}, ((4,),), "AS303", None),
    ("adaptive_avg_pool", {"output_size": 1}, ((4,),), "AS303", None),
    ("adaptive_avg_pool", {"output_size": (1,)}, ((4, 8, 8),), "AS303", "output_size"),
    ("lrn", {"size": 5}, ((4,),), "AS303", None),
    ("subsample", {"stride": 2}, ((4,),), "AS303", None),
    ("subsample", {"stride": (2, 2)}, ((4, 8),), "AS303", "stride"),
    ("pad_channels", {"out_channels": 3}, ((4, 8),), "AS301", "out_channels"),
    ("filter", {"kernel": "sharpen"}, ((4, 8),), "AS303", "kernel"),
    ("filter", {"kernel": (1, 1, 1)}, ((4, 8, 8),), "AS303", "kernel"),
    ("filter", {"kernel": "sharpen"}, ((4, 2, 2),), "AS301", "kernel"),
    ("add", {}, ((4, 8), (5, 8)), "AS304", None),
    ("add", {}, ((4, 8), (4,)), "AS304", None),
    ("multiply", {}, ((4, 2, 2), (4, 3, 3)), "AS304", None),
    ("concat", {}, ((4, 8), (4, 9)), "AS304", None),
    ("concat", {}, ((4, 1), (4, 9)), "AS304", None),
    ("concat", {}, ((4, 8), (32,)), "AS304", None),
]


@pytest.mark.parametrize(("kind", "fields", "inputs", "code", "field"), MISFITS)
def test_what_does_not_fit_is_an_error_of_its_field(
    kind: str, fields: dict[str, Any], inputs: Inputs, code: str, field: str | None
) -> None:
    with pytest.raises(LayerError) as caught:
        shape(kind, *inputs, **fields)
    error = caught.value
    assert error.code == code
    assert error.message and error.help
    if field is not None:
        assert error.field == field
    # A field that is blamed is one that can be pointed at.
    assert error.field is None or error.field in LAYERS[kind].model_fields


def test_windows_of_a_dilated_pool_that_meet_the_input_are_right() -> None:
    # extent 4, padding 3 on each side of 2 rows: rows −3 and 0 at first, then −2 and 1, −1 and 2
    with pytest.raises(LayerError):  # −1 and 2: both are padding
        shape("max_pool", (1, 2), kernel_size=2, stride=1, padding=3, dilation=3)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("conv", {"out_channels": True, "kernel_size": 1}),
        ("conv", {"out_channels": 3.0, "kernel_size": 1}),
        ("conv", {"out_channels": "3", "kernel_size": 1}),
        ("conv", {"out_channels": 0, "kernel_size": 1}),
        ("conv", {"out_channels": 2**41, "kernel_size": 1}),
        ("conv", {"out_channels": 1, "kernel_size": ()}),
        ("conv", {"out_channels": 1, "kernel_size": (1, 0)}),
        ("conv", {"out_channels": 1, "kernel_size": (1, True)}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "padding": -1}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "padding": ((1, 2, 3),)}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "padding": {"total": -1}}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "padding": {}}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "padding": "SAME"}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "padding": True}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "bias": 1}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "groups": 0}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "padding_mode": "constant"}),
        ("conv", {"out_channels": 1, "kernel_size": 1, "unknown": 1}),
        ("dropout", {"p": 1.5}),
        ("dropout", {"p": float("nan")}),
        ("batch_norm", {"eps": 0}),
        ("batch_norm", {"momentum": 2}),
        ("leaky_relu", {"negative_slope": float("inf")}),
        ("gelu", {"approximate": "erf"}),
        ("lrn", {"size": 0}),
        ("filter", {"kernel": ()}),
        ("filter", {"kernel": ((1,), (1, 2))}),
        ("filter", {"kernel": ((1, "a"),)}),
        ("filter", {"kernel": (True, False)}),
        ("filter", {"kernel": (float("nan"), 1)}),
        ("filter", {"kernel": (float("inf"), 1)}),
        ("filter", {"kernel": "emboss"}),
    ],
)
def test_a_field_of_the_wrong_type_or_size_is_refused(kind: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        layer(kind, **fields)


def test_a_layer_is_frozen() -> None:
    conv = layer("conv", out_channels=1, kernel_size=1)
    with pytest.raises(ValidationError):
        conv.out_channels = 2  # type: ignore[attr-defined]
