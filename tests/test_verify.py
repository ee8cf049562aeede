"""`archspec verify`: what agrees is said to agree, and each fault is found where it was planted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper

import archspec
from archspec.analysis.cost import cost
from archspec.backends.torch.values import Network
from archspec.cli import main
from archspec.exports import EXPORTS, Request
from archspec.verification import samples
from archspec.verification.errors import error_of
from tests.specs import spec

NETWORK = "resnet18_cifar"

SYMBOLIC = spec(
    """
    - conv: {out_channels: 8, kernel_size: 3, stride: 2, padding: same_upper, name: a}
    - batch_norm
    - relu
    - max_pool: 2
    - upsample: {like: a, mode: linear}
    - global_avg_pool
    - flatten
    - fc: 5
    """,
    "[3, H, W]",
)
PICTURES = spec(
    """
    - conv: {out_channels: 6, kernel_size: 3, stride: 2, name: stem}
    - batch_norm
    - relu
    - global_avg_pool
    - flatten
    - fc: 7
    """,
    "[3, 32, 32]",
    "preprocess: {resize: 40, crop: 32, scale: 0.004, mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4]}",
)
# Nothing behind the relu shows a fault in the first conv: it takes nothing but negatives.
HIDING = spec(
    """
    - conv: {out_channels: 4, kernel_size: 1, name: hidden}
    - shift: -1000
    - relu: {name: hides}
    - conv: {out_channels: 4, kernel_size: 1, name: middle}
    - tanh: {name: squeezed}
    - flatten
    - fc: {out_features: 3, name: last}
    """
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the network's weights, and files built of them as they are and optimised."""
    folder = tmp_path_factory.mktemp("verify")
    graph = archspec.load(NETWORK)
    weights = samples.lively_weights(graph, 1)
    from archspec.weights import load, save_safetensors

    save_safetensors(folder / "weights.safetensors", load(graph, weights))
    for name, request in {
        "plain": Request(),
        "optimized": Request(optimize="all"),
        "fp16": Request(precision="fp16"),
    }.items():
        given = folder / "weights.safetensors"
        EXPORTS["onnx"].run(graph, given, folder / f"{name}.onnx", request)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verified(*arguments: object, status: int = 0) -> dict[str, Any]:
    """The report of `archspec verify`, as JSON."""
    report = "report.json"
    command = ["verify", *map(str, arguments), "--format", "json", "-o", report]
    assert main(command) == status
    found: dict[str, Any] = json.loads(Path(report).read_text("utf-8"))
    assert found["agrees"] == (status == 0)
    return found


def changed(source: Path, target: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    model = onnx.load(source)
    change(model)
    onnx.save(model, target)
    return target


def operation(model: onnx.ModelProto, name: str) -> NodeProto:
    nodes: list[NodeProto] = [node for node in model.graph.node if node.name == name]
    return nodes[0]


def with_attribute(name: str, attribute: str, value: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        node = operation(model, name)
        kept = [each for each in node.attribute if each.name != attribute]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(attribute, value)])

    return change


def with_weight(
    name: str, change_array: Callable[[Any], None]
) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        (tensor,) = (each for each in model.graph.initializer if each.name == name)
        array = numpy_helper.to_array(tensor).copy()
        change_array(array)
        tensor.CopyFrom(numpy_helper.from_array(array, name))

    return change


def bump(array: Any) -> None:
    array.flat[array.size // 2] += 1


def spoil(array: Any) -> None:
    array.flat[array.size // 2] = np.nan


# What agrees


@pytest.mark.parametrize("network", ["lenet5", "siamese", "mobilenet_v3_small"])
@pytest.mark.parametrize("level", ["none", "all"])
def test_a_network_agrees_in_both_backends(network: str, level: str, here: Path) -> None:
    report = verified(network, "--optimize", level, "--batch", "1,3")
    outputs = len(archspec.load(network).outputs)
    assert [each["samples"] for each in report["comparisons"]] == [1] * outputs + [3] * outputs
    assert all(each["classes"] == each["samples"] for each in report["comparisons"])
    assert not any(each["difference"] for each in report["checks"])
    macs = f"{cost(archspec.load(network)).macs:,}"
    (row,) = (each for each in report["checks"] if each["what"] == "MACs")
    assert (row["spec"], row["torch"], row["onnx"]) == (macs, macs, macs)


def test_a_network_with_free_sizes_is_compared_at_several(here: Path) -> None:
    Path("net.yaml").write_text(SYMBOLIC)
    report = verified("net.yaml")
    assert len({each["inputs"].split(",", 1)[1] for each in report["comparisons"]}) == 2


@pytest.mark.parametrize("model", ["plain", "optimized", "fp16"])
def test_a_file_agrees_with_the_weights_that_it_was_built_with(
    model: str, folder: Path, here: Path
) -> None:
    weights = folder / "weights.safetensors"
    report = verified(NETWORK, folder / f"{model}.onnx", "--weights", weights, "--batch", "1,2")
    (row,) = (each for each in report["checks"] if each["what"] == "weights' values")
    assert row["onnx"] == f"{row['spec']} equal" and int(row["spec"]) > 40
    assert report["model"]["precision"] == ("fp16" if model == "fp16" else "fp32")


def test_half_precision_costs_what_its_mantissa_lacks(folder: Path, here: Path) -> None:
    weights = ["--weights", folder / "weights.safetensors", "--batch", "2"]
    ((full,), (half,)) = (
        verified(NETWORK, folder / f"{name}.onnx", *weights)["comparisons"]
        for name in ("optimized", "fp16")
    )
    # 13 bits of mantissa fewer are 78 dB.
    assert 40 < full["error"]["sqnr"] - half["error"]["sqnr"] < 100
    assert half["error"]["cosine"] > 0.9999


def test_a_file_s_own_weights_are_used_where_it_has_them(folder: Path, here: Path) -> None:
    report = verified(NETWORK, folder / "plain.onnx", "--batch", "1")
    assert report["weights"] == "the model's own"
    assert "not verified" in report["notes"][0]


def test_the_seed_of_a_file_is_read_from_it(here: Path) -> None:
    arguments = ["build", "lenet5", "--export", "onnx", "--seed", "3", "--optimize", "all"]
    assert main([*arguments, "-o", "model.onnx"]) == 0
    assert verified("lenet5", "model.onnx")["weights"] == "drawn from the seed 3"
    report = verified("lenet5", "model.onnx", "--seed", "4", status=1)
    assert "has other values in the model" in report["failure"]


def test_it_is_said_where_the_outputs_do_not_depend_on_the_inputs(here: Path) -> None:
    Path("net.yaml").write_text(spec("- scale: 0.0\n- flatten\n- fc: 3"))
    report = verified("net.yaml", "--batch", "4")
    assert any("hardly depends on the inputs" in note for note in report["notes"])


@pytest.mark.parametrize("extra", [[], ["--with-softmax"], ["--with-top-k", "3"]])
def test_pictures_prepared_within_are_held_against_pillow(extra: list[str], here: Path) -> None:
    from PIL import Image

    Path("net.yaml").write_text(PICTURES)
    build = ["build", "net.yaml", "--export", "onnx", "--with-preprocess", "-o", "model.onnx"]
    assert main([*build, *extra]) == 0
    Path("images").mkdir()
    random = np.random.default_rng(0)
    for number, size in enumerate([(50, 41), (64, 90)]):
        pixels = random.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(f"images/{number}.png")
    report = verified("net.yaml", "model.onnx", "--batch", "2", "--images", "images")
    compared = [(each["inputs"], each["output"]) for each in report["comparisons"]]
    assert ("batch 2", "input, prepared") in compared
    outputs = 2 if "--with-top-k" in extra else 1
    assert sum(inputs.startswith("images") for inputs, _ in compared) == 2 * (1 + outputs)


# Faults


@pytest.mark.parametrize(
    "layer, kind, attribute, value, reason",
    [
        ("layer3.0.conv1", "conv", "pads", [0, 0, 2, 2], "pads [0, 0, 2, 2]"),
        ("layer3.1.bn1", "batch_norm", "epsilon", 0.1, "epsilon 0.1"),
        ("layer1.0.conv2", "conv", "group", 1, None),
    ],
)
def test_a_changed_attribute_is_found_at_its_layer(
    layer: str, kind: str, attribute: str, value: Any, reason: str | None, folder: Path, here: Path
) -> None:
    model = changed(
        folder / "plain.onnx", here / "model.onnx", with_attribute(layer, attribute, value)
    )
    if reason is None:  # It is what it was.
        assert verified(NETWORK, model, "--batch", "1")["divergence"] is None
        return
    report = verified(NETWORK, model, "--batch", "1", status=1)
    found = report["divergence"]
    assert (found["layer"], found["kind"]) == (layer, kind)
    assert [each for each in found["reasons"] if reason in each]
    assert all(each["agrees"] for each in found["inputs"]) and found["inputs"]
    (node,) = (node for node in archspec.load(NETWORK).nodes if node.name == layer)
    assert (found["line"], found["column"]) == node.origin[:2]
    assert found["torch"] != found["onnx"]
    # Bisection of 68 values, and one run for all before, and for those that it takes.
    assert found["runs"] <= 10


@pytest.mark.parametrize(
    "model, change", [("plain", bump), ("optimized", bump), ("optimized", spoil), ("fp16", bump)]
)
def test_a_changed_weight_is_found_at_its_layer(
    model: str, change: Callable[[Any], None], folder: Path, here: Path
) -> None:
    # In an optimised file the conv makes the value of the batch norm that is folded into it.
    layer, folded = (
        ("layer3.0.conv2", ()) if model == "plain" else ("layer3.0.bn2", ("layer3.0.conv2",))
    )
    file = changed(
        folder / f"{model}.onnx", here / "model.onnx", with_weight("layer3.0.conv2.weight", change)
    )
    weights = folder / "weights.safetensors"
    found = verified(NETWORK, file, "--weights", weights, "--batch", "1", status=1)["divergence"]
    assert (found["layer"], tuple(found["folded"])) == (layer, folded)
    assert any(each.startswith("layer3.0.conv2.weight has") for each in found["reasons"])


def test_a_divergence_that_a_later_layer_hides_is_the_first(here: Path) -> None:
    Path("net.yaml").write_text(HIDING)
    assert main(["build", "net.yaml", "--export", "onnx", "-o", "right.onnx", "--seed", "1"]) == 0

    def wrong(model: onnx.ModelProto) -> None:
        with_weight("hidden.weight", bump)(model)
        with_weight("middle.bias", bump)(model)

    changed(here / "right.onnx", here / "model.onnx", wrong)
    assert verified("net.yaml", "model.onnx", status=1)["divergence"]["layer"] == "hidden"


def test_a_weight_that_is_no_number_is_found_where_both_have_it(folder: Path, here: Path) -> None:
    file = changed(
        folder / "plain.onnx", here / "model.onnx", with_weight("layer3.0.conv2.weight", spoil)
    )
    report = verified(NETWORK, file, "--batch", "1", status=1)
    assert report["failure"] == "layer3.0.conv2.weight has a value that is no number"


@pytest.mark.parametrize(
    "arguments, difference",
    [
        (["resnet18_cifar"], "the model's outputs are `fc3`, and the spec's `linear`"),
        (["lenet5", "--set", "classes=11"], "the output `fc3` is batch × 10 in the model"),
    ],
)
def test_a_model_of_another_spec_is_told(arguments: list[str], difference: str, here: Path) -> None:
    assert main(["build", "lenet5", "--export", "onnx", "-o", "model.onnx"]) == 0
    report = verified(arguments[0], "model.onnx", *arguments[1:], status=1)
    assert report["failure"].startswith("the model was built from another spec, or with another")
    assert difference in report["failure"]
    assert ("it says that it is lenet5" in report["failure"]) == (arguments[0] != "lenet5")
    assert report["comparisons"] == []


def test_a_shape_of_a_layer_that_differs_is_told_before_anything_is_run(here: Path) -> None:
    layers = (
        "- conv: {out_channels: %d, kernel_size: 3, name: a}\n- global_avg_pool\n- flatten\n- fc: 2"
    )
    Path("one.yaml").write_text(spec(layers % 4))
    Path("other.yaml").write_text(spec(layers % 6))
    assert main(["build", "one.yaml", "--export", "onnx", "-o", "model.onnx"]) == 0
    failure = verified("other.yaml", "model.onnx", status=1)["failure"]
    assert "the layer a makes batch × 4 × 6 × 6 in the model, and batch × 6 × 6 × 6" in failure


# What the inputs do not show


UNSEEN = spec(
    """
    - conv: {out_channels: 4, kernel_size: 3, name: first}
    - clamp: {min: -50, max: 50, name: bounds}
    - leaky_relu: {name: slope}
    - flatten
    - fc: {out_features: 3, name: last}
    """,
    "[3, 8, 8]",
    "labels: [cat, dog, fox]\npreprocess: {crop: 8, mean: 0.5, std: 0.25}",
)


def as_operation(name: str, operator: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        node = operation(model, name)
        node.op_type = operator
        del node.input[1:], node.attribute[:]

    return change


def said(**fields: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        (entry,) = model.metadata_props
        entry.value = json.dumps({**json.loads(entry.value), **fields})

    return change


def widen(array: Any) -> None:
    array *= 2


@pytest.mark.parametrize(
    "change, failure",
    [
        (with_weight("bounds.max", widen), "the constant bounds.max is 100 in the model, and 50"),
        (as_operation("bounds", "Identity"), "`bounds` is Identity in the model, and Clip"),
        (with_attribute("slope", "alpha", 0.010001), "`slope`: LeakyRelu has alpha 0.010001"),
        (said(labels=["cat", "fox", "dog"]), 'number 1 is "fox" in the model, and "dog" by'),
        (said(labels=["cat", "dog"]), "the `labels` of the model differ from the spec's: 2 and"),
        (said(labels=None), "the spec has `labels`, and the model has none"),
        (said(preprocess={"crop": 8, "mean": 0.4, "std": 0.25}), "mean is 0.4 in the model"),
        (said(precision="int8"), "none of its weights are integers"),
        (said(precision="fp16"), "first.weight is not stored as float16"),
        (said(top_k=4), "the likeliest 4 classes of 3 in all"),
    ],
)
def test_a_fault_that_no_input_shows_is_found(
    change: Callable[[onnx.ModelProto], None], failure: str, here: Path
) -> None:
    Path("net.yaml").write_text(UNSEEN)
    assert main(["build", "net.yaml", "--export", "onnx", "-o", "right.onnx"]) == 0
    assert not verified("net.yaml", "right.onnx")["failure"]
    changed(here / "right.onnx", here / "model.onnx", change)
    assert failure in verified("net.yaml", "model.onnx", status=1)["failure"]


def test_what_a_default_says_may_be_left_out(here: Path) -> None:
    def without(model: onnx.ModelProto) -> None:
        del operation(model, "slope").attribute[:]

    Path("net.yaml").write_text(UNSEEN)
    assert main(["build", "net.yaml", "--export", "onnx", "-o", "right.onnx"]) == 0
    changed(here / "right.onnx", here / "model.onnx", without)
    verified("net.yaml", "model.onnx")


def test_a_fault_with_which_a_model_cannot_be_run_is_told(here: Path) -> None:
    Path("net.yaml").write_text(UNSEEN)
    assert main(["build", "net.yaml", "--export", "onnx", "-o", "right.onnx"]) == 0
    changed(here / "right.onnx", here / "model.onnx", with_attribute("first", "group", 3))
    failure = verified("net.yaml", "model.onnx", status=1)["failure"]
    assert "`first`: Conv has group 3 in the model, and 1 by the spec" in failure
    assert "it cannot be run" in failure


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_small_error_in_how_pictures_are_prepared_is_found(
    interpolation: str, here: Path
) -> None:
    Path("net.yaml").write_text(
        PICTURES.replace("crop: 32", f"crop: 32, interpolation: {interpolation}")
    )
    build = ["build", "net.yaml", "--export", "onnx", "--with-preprocess", "-o", "right.onnx"]
    assert main(build) == 0

    def shifted(array: Any) -> None:
        array += 0.001

    change = with_weight("input.shifted_values", shifted)
    changed(here / "right.onnx", here / "model.onnx", change)
    failure = verified("net.yaml", "model.onnx", status=1)["failure"]
    assert failure.startswith("the constant input.shifted_values is [")


def test_the_classes_of_the_largest_scores_are_compared(here: Path) -> None:
    Path("net.yaml").write_text(PICTURES)
    build = ["build", "net.yaml", "--export", "onnx", "--with-top-k", "3", "-o", "right.onnx"]
    assert main(build) == 0

    def mixed(model: onnx.ModelProto) -> None:
        """The likeliest is right, and the next two are each other."""
        node = operation(model, "fc1/top_k")
        node.output[1] = "unmixed"
        model.graph.initializer.append(numpy_helper.from_array(np.array([0, 2, 1]), "order"))
        model.graph.node.append(
            helper.make_node("Gather", ["unmixed", "order"], ["classes"], "mix", axis=1)
        )

    changed(here / "right.onnx", here / "model.onnx", mixed)
    report = verified("net.yaml", "model.onnx", "--batch", "3", status=1)
    scores, classes = report["comparisons"]
    assert (scores["output"], scores["error"]["agrees"]) == ("scores", True)
    assert (classes["output"], classes["error"]["agrees"]) == ("classes", False)
    assert (scores["classes"], classes["classes"]) == (3, 3)


def test_values_that_are_no_numbers_in_both_are_noted(here: Path) -> None:
    Path("net.yaml").write_text(spec("- scale: 1e38\n- scale: 1e38\n- flatten\n- fc: 3"))
    report = json.loads(json.dumps(verified_or_not("net.yaml", "--batch", "1")))
    assert any("not finite in PyTorch" in note for note in report["notes"])


def verified_or_not(*arguments: str) -> Any:
    main(["verify", *arguments, "--format", "json", "-o", "report.json"])
    return json.loads(Path("report.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def integers(folder: Path) -> Path:
    """The network in 8-bit integers."""
    inputs = samples.inputs({"input": (3, 32, 32)}, 16, 0, None)["input"]
    np.save(folder / "samples.npy", inputs)
    request = Request(precision="int8", calibrate=folder / "samples.npy")
    given = folder / "weights.safetensors"
    EXPORTS["onnx"].run(archspec.load(NETWORK), given, folder / "int8.onnx", request)
    return folder / "int8.onnx"


def taken_twice(model: onnx.ModelProto) -> None:
    node = operation(model, "layer1.1.residual1")
    node.input[0] = node.input[1]


def by_two_steps(array: Any) -> None:
    array.flat[7] += 2 if array.flat[7] < 0 else -2


def swap(model: onnx.ModelProto) -> None:
    one, other = (
        next(each for each in model.graph.initializer if each.name == f"{name}.weight_quantized")
        for name in ("layer3.0.conv2", "layer3.1.conv2")
    )
    one.name, other.name = other.name, one.name


def beside(model: onnx.ModelProto) -> None:
    node = operation(model, "layer2.0.bn1")
    value = node.output[0]
    node.output[0] = "plain"
    model.graph.node.append(helper.make_node("Abs", ["plain"], [value], "abs"))


@pytest.mark.parametrize(
    "change, failure",
    [
        (with_weight("layer3.0.conv2.weight_quantized", by_two_steps), "layer3.0.conv2.weight has"),
        (taken_twice, "`layer1.1.residual1` takes layer1.0.relu2, layer1.0.relu2 in the model"),
        (swap, "layer3.0.bn2 (batch_norm)"),
        (beside, "the model has the operation `abs`, Abs, and the spec has not"),
    ],
)
def test_a_fault_in_8_bit_integers_is_found(
    change: Callable[[onnx.ModelProto], None],
    failure: str,
    folder: Path,
    integers: Path,
    here: Path,
) -> None:
    arguments = ["--weights", folder / "weights.safetensors", "--batch", "2"]
    assert not verified(NETWORK, integers, *arguments)["failure"]
    model = changed(integers, here / "model.onnx", change)
    assert failure in verified(NETWORK, model, *arguments, status=1)["failure"]


def test_layers_that_share_weights_agree_in_8_bit_integers(here: Path) -> None:
    inputs = samples.inputs({"data": (1, 28, 28), "data_p": (1, 28, 28)}, 4, 0, None)
    np.savez("samples.npz", data=inputs["data"], data_p=inputs["data_p"])
    verified("siamese", "--precision", "int8", "--calibrate", "samples.npz", "--batch", "2")


def test_a_range_that_is_too_narrow_is_noted_where_the_outputs_do_not_show_it(here: Path) -> None:
    np.save("samples.npy", 0.01 * samples.inputs({"input": (1, 28, 28)}, 4, 0, None)["input"])
    assert main(["build", "lenet5", "--export", "weights", "-o", "w.safetensors"]) == 0
    build = ["build", "lenet5", "--weights", "w.safetensors", "--export", "onnx", "-o", "m.onnx"]
    assert main([*build, "--precision", "int8", "--calibrate", "samples.npy"]) == 0
    arguments = ["--weights", "w.safetensors", "--batch", "1"]
    report = verified_or_not("lenet5", "m.onnx", *arguments)
    assert report["failure"] or any("may be too narrow" in each for each in report["notes"])


# Files and usage


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main(["verify", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


def test_a_file_that_cannot_be_used_is_one_line(
    folder: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such file" in refused(capsys, NETWORK, "nothing.onnx").lower()
    data = (folder / "plain.onnx").read_bytes()
    Path("cut.onnx").write_bytes(data[: len(data) // 2])
    assert "was cut short" in refused(capsys, NETWORK, "cut.onnx")
    Path("empty.onnx").write_bytes(b"")
    assert "holds no network" in refused(capsys, NETWORK, "empty.onnx")
    assert "--weights FILE" in refused(capsys, NETWORK, folder / "optimized.onnx")
    assert "--precision" in refused(capsys, NETWORK, folder / "plain.onnx", "--precision", "fp16")
    assert "cannot use" in refused(capsys, "lenet5", "--batch", "1", "-o", "no/where.txt")
    assert "cannot compare on nothing:" in refused(capsys, "lenet5", "--images", "nothing")


def test_what_does_not_fit_into_memory_is_told(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1")

    monkeypatch.setattr(torch.nn.functional, "linear", full)
    with pytest.raises(MemoryError):
        graph = archspec.load("lenet5")
        inputs = samples.inputs({"input": (1, 28, 28)}, 1, 0, None)
        Network(graph, samples.lively_weights(graph, 0)).values(inputs, ["fc3"])
    monkeypatch.setattr("archspec.verification.verify", full_of_memory)
    assert "give a smaller --batch" in refused(capsys, "lenet5")


def full_of_memory(*_: object) -> None:
    raise MemoryError


def test_weights_that_are_not_beside_the_model_are_told(
    folder: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(folder / "plain.onnx")
    onnx.save(model, "model.onnx", save_as_external_data=True, location="model.data")
    assert verified(NETWORK, "model.onnx", "--batch", "1")["model"]["bytes"] > 40_000_000
    Path("model.data").unlink()
    assert "model.data" in refused(capsys, NETWORK, "model.onnx")


def test_bfloat16_is_for_gpus(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "lenet5", "--precision", "bf16")
    assert "onnxruntime has on GPUs only" in message and "--device cuda" in message


@pytest.mark.parametrize("batch", ["0", "1,", "x", "1.5"])
def test_a_batch_is_a_whole_number(batch: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["verify", "lenet5", "--batch", batch])
    assert stopped.value.code == 2
    assert "expected numbers from 1 on" in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["-5", "1.0", "x"])
def test_a_seed_is_a_whole_number(seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["verify", "lenet5", f"--seed={seed}"])
    assert stopped.value.code == 2
    assert "expected a whole number from 0 on" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_standard_output_that_is_full_is_not_taken_for_the_model(here: Path) -> None:
    command = [sys.executable, "-m", "archspec", "verify", "lenet5", "--batch", "1"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "archspec: error: cannot write: No space left on device\n",
    )


def test_a_report_is_text_or_markdown(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "lenet5", "--batch", "1"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("lenet5: agrees\n")
    for part in (f"torch {torch.__version__}", f"onnxruntime {onnxruntime.__version__}", "61,706"):
        assert part in text
    assert main(["verify", "lenet5", "--batch", "1", "--format", "markdown", "-o", "r.md"]) == 0
    table = [line for line in Path("r.md").read_text("utf-8").splitlines() if line[:1] == "|"]
    assert "| MACs | 416,520 | 416,520 | 416,520 |" in table
    assert len({line.count("|") for line in table}) == 3  # Of three widths.


def test_without_pytorch_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None;"
        "from archspec.cli import main; raise SystemExit(main(['verify', 'lenet5']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "archspec-nn[torch]"' in done.stderr and done.stderr.count("\n") == 1


# The parts


def test_an_error_is_measured_against_rounding() -> None:
    exact, off = np.array([[1.0, -2.0, 4.0]]), np.array([[1.0, -2.0, 4.5]])
    error = error_of(off, exact, exact, "fp32", None)
    assert (error.absolute, error.relative, error.place) == (0.5, 0.125, (0, 2))
    assert error.tolerance == pytest.approx(4e-4) and not error.agrees
    assert error.sqnr == pytest.approx(10 * np.log10(21 / 0.25))
    # What PyTorch's own rounding does twenty times, another's may.
    assert error_of(off, exact, exact + 0.1, "fp32", None).agrees
    assert error_of(off, exact, exact, "fp32", 0.2).agrees


@pytest.mark.parametrize("found, agrees", [(np.nan, False), (np.inf, True), (-np.inf, False)])
def test_what_is_no_number_agrees_with_the_same_alone(found: float, agrees: bool) -> None:
    exact = np.array([[1.0, np.inf]])
    assert error_of(np.array([[1.0, found]]), exact, exact, "fp32", None).agrees == agrees


def test_values_are_taken_before_they_are_overwritten() -> None:
    """A relu overwrites what the conv before it made."""
    graph = archspec.load(NETWORK)
    network = Network(graph, samples.lively_weights(graph, 0))
    inputs = samples.inputs({"input": (3, 32, 32)}, 1, 0, None)
    inputs = dict(zip(graph.inputs, inputs.values(), strict=True))
    (before,) = network.values(inputs, ["bn1"]).values()
    (after,) = network.values(inputs, ["relu1"]).values()
    assert before.min() < 0
    np.testing.assert_array_equal(np.maximum(before, 0), after)


def test_float_tensors_of_every_stored_type_are_read(tmp_path: Path) -> None:
    from archspec.backends.onnx.read import initializers

    values = np.array([1.0, -0.5, 3.0], np.float32)
    model = onnx.ModelProto()
    for code in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16):
        model.graph.initializer.append(helper.make_tensor(str(code), code, [3], values))
    for array in initializers(model, tmp_path / "model.onnx").values():
        np.testing.assert_array_equal(array, values)
        assert array.dtype == np.float32
