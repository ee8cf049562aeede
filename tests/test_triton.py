"""`archspec build --export triton`: a repository that Triton takes, by its own schema and rules."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

from archspec.backends.onnx import Options, write_model
from archspec.backends.triton import Serving, write_repository
from archspec.backends.triton.pbtxt import Word, quoted, written
from archspec.backends.triton.repository import model_name
from archspec.cli import main
from archspec.graph import Graph
from archspec.weights import load
from tests import graphs
from tests.specs import graph_of, spec

PICTURES = spec(
    "- conv: {out_channels: 4, kernel_size: 3}\n- relu\n- global_avg_pool\n- flatten\n- fc: 3",
    input="[3, 12, 12]",
    sections="preprocess: {resize: 14, crop: 12}\nlabels: [cat, dog, été]",
)
FREE = spec("- conv: {out_channels: 4, kernel_size: 5}\n- relu", input="[3, H, W]")


@pytest.fixture(scope="module")
def schema() -> ModuleType:
    """The classes that are made of Triton's model_config.proto, from its own client.

    They need protobuf alone, but the package that they are in asks for gRPC: so it is passed by.
    """
    try:
        found = [file for file in files("tritonclient") or () if file.name == "model_config_pb2.py"]
    except PackageNotFoundError:
        pytest.skip("tritonclient, which has Triton's schema, is not installed")
    place = importlib.util.spec_from_file_location("model_config_pb2", str(found[0].locate()))
    assert place is not None and place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def parsed(text: str, schema: ModuleType) -> Any:
    from google.protobuf import text_format  # type: ignore[import-untyped]

    return text_format.Parse(text, schema.ModelConfig())


def write(graph: Graph, folder: Path, serving: Serving | None = None, **options: Any) -> Path:
    """Write the network into the repository; the version's folder."""
    asked = Options(**options)
    return write_repository(
        graph,
        folder,
        lambda path: write_model(graph, load(graph, None, 0), path, options=asked),
        options=asked,
        serving=serving or Serving(),
    ).folder


def config(version: Path, schema: ModuleType) -> Any:
    """What Triton reads of the model, which has passed what Triton checks."""
    found = parsed((version.parent / "config.pbtxt").read_text("utf-8"), schema)
    assert found.name == version.parent.name
    assert_served(found, version, schema)
    return found


def assert_served(found: Any, version: Path, schema: ModuleType) -> None:
    """What Triton's core (src/model_config_utils.cc, src/model_repository_manager) and its
    onnxruntime backend (src/onnxruntime.cc) refuse a model for.
    """
    assert found.name.strip() and found.name != ".." and "/" not in found.name
    assert (found.backend, found.platform) == ("onnxruntime", "onnxruntime_onnx")
    assert found.max_batch_size > 0
    assert all(
        0 < size <= found.max_batch_size for size in found.dynamic_batching.preferred_batch_size
    )
    assert len(found.instance_group) > 0
    opened = onnxruntime.InferenceSession(
        version / "model.onnx", providers=["CPUExecutionProvider"]
    )
    types = {
        "tensor(float)": schema.TYPE_FP32,
        "tensor(float16)": schema.TYPE_FP16,
        "tensor(uint8)": schema.TYPE_UINT8,
        "tensor(int64)": schema.TYPE_INT64,
    }
    for stated, tensors in (
        (found.input, opened.get_inputs()),
        (found.output, opened.get_outputs()),
    ):
        assert [value.name for value in stated] == [tensor.name for tensor in tensors]
        for value, tensor in zip(stated, tensors, strict=True):
            assert value.data_type == types[tensor.type]
            assert len(value.dims) > 0 and all(size == -1 or size >= 1 for size in value.dims)
            assert not isinstance(tensor.shape[0], int), "the batch is free"
            sizes = [size if isinstance(size, int) else -1 for size in tensor.shape[1:]]
            assert list(value.reshape.shape if value.HasField("reshape") else value.dims) == sizes
            if getattr(value, "label_filename", ""):
                assert (version.parent / value.label_filename).is_file()
    for sample in found.model_warmup:
        assert sample.batch_size >= 1
        assert set(sample.inputs) == {value.name for value in found.input}
        zeros: dict[str, Any] = {
            value.name: np.zeros((1, *_sizes(value, sample)), _NUMPY[value.data_type])
            for value in found.input
        }
        opened.run(None, zeros)  # it is what Triton does before it says that the model is ready


def _sizes(value: Any, sample: Any) -> list[int]:
    """The sizes that an input of the sample has when it comes to the model."""
    reshaped = value.HasField("reshape")
    return list(value.reshape.shape if reshaped else sample.inputs[value.name].dims)


_NUMPY: Mapping[int, type] = {2: np.uint8, 10: np.float16, 11: np.float32}
"""By the numbers of model_config.proto's DataType."""


# What is written


def test_a_repository_is_a_model_s_folder_with_its_first_version(tmp_path: Path) -> None:
    version = write(graph_of(PICTURES), tmp_path / "models")
    assert version == tmp_path / "models" / "test" / "1"
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert files == [
        "models",
        "models/test",
        "models/test/1",
        "models/test/1/model.onnx",
        "models/test/config.pbtxt",
        "models/test/labels.txt",
    ]
    assert (version.parent / "labels.txt").read_text("utf-8") == "cat\ndog\nété\n"


def test_the_configuration_states_what_the_model_takes_and_makes(
    tmp_path: Path, schema: ModuleType
) -> None:
    found = config(write(graph_of(PICTURES), tmp_path / "models"), schema)
    (input_,), (output,) = found.input, found.output
    assert (input_.name, input_.data_type, list(input_.dims)) == (
        "input",
        schema.TYPE_FP32,
        [3, 12, 12],
    )
    assert (output.name, output.data_type, list(output.dims)) == ("fc1", schema.TYPE_FP32, [3])
    assert output.label_filename == "labels.txt"


PLAIN_AND_PICTURES: tuple[dict[str, Any], ...] = ({}, {"preprocess": True})
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"softmax": True},
    {"top_k": 2},
    {"precision": "fp16", "reduced_io": True},
)


@pytest.mark.parametrize(
    "options",
    [{**one, **other} for one, other in itertools.product(PLAIN_AND_PICTURES, OPTIONS)],
    ids=str,
)
def test_whatever_is_built_in_triton_takes_it(
    tmp_path: Path, schema: ModuleType, options: dict[str, Any]
) -> None:
    found = config(write(graph_of(PICTURES), tmp_path / "models", **options), schema)
    # The likeliest classes' scores are not in the order of the labels.
    assert found.output[0].label_filename == ("" if "top_k" in options else "labels.txt")


@pytest.mark.parametrize(
    "section",
    [
        "{}",
        "{resize: 20}",
        "{resize: [14, 20]}",
        "{crop: [9, 15]}",
        "{resize: 12, crop: [9, 15]}",
        "{resize: [30, 20], crop: 9}",
    ],
)
def test_a_picture_of_zeros_warms_the_model_up(
    tmp_path: Path, schema: ModuleType, section: str
) -> None:
    graph = graph_of(FREE.replace("layers:", f"preprocess: {section}\nlayers:"))
    found = config(write(graph, tmp_path / "models", preprocess=True), schema)
    assert list(found.input[0].dims) == [-1, -1, 3]
    assert len(found.model_warmup) == 1


def test_free_sizes_are_minus_one_and_the_smallest_warm_the_model_up(
    tmp_path: Path, schema: ModuleType
) -> None:
    found = config(write(graph_of(FREE), tmp_path / "models"), schema)
    assert list(found.input[0].dims) == [3, -1, -1]
    assert list(found.output[0].dims) == [4, -1, -1]
    assert list(found.model_warmup[0].inputs["input"].dims) == [3, 5, 5]


def test_one_number_a_sample_is_reshaped_as_triton_has_no_scalars(
    tmp_path: Path, schema: ModuleType
) -> None:
    from archspec.layers.activation import Relu

    found = config(write(graphs.chain_of(Relu(), shape=()), tmp_path / "models"), schema)
    assert list(found.input[0].dims) == list(found.output[0].dims) == [1]


def test_how_it_is_served_is_chosen(tmp_path: Path, schema: ModuleType) -> None:
    serving = Serving(
        max_batch_size=64,
        preferred_batch_sizes=(16, 64),
        max_queue_delay=2000,
        instances=2,
        device="gpu",
        tensorrt=True,
        warm_up=False,
    )
    found = config(write(graph_of(PICTURES), tmp_path / "a", serving, precision="fp16"), schema)
    assert found.max_batch_size == 64
    assert list(found.dynamic_batching.preferred_batch_size) == [16, 64]
    assert found.dynamic_batching.max_queue_delay_microseconds == 2000
    assert [(group.count, group.kind) for group in found.instance_group] == [
        (2, schema.ModelInstanceGroup.KIND_GPU)
    ]
    (accelerator,) = found.optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "tensorrt"
    assert dict(accelerator.parameters) == {"precision_mode": "FP16"}
    assert not found.model_warmup

    by_default = config(write(graph_of(PICTURES), tmp_path / "b"), schema)
    assert not by_default.HasField("optimization")
    assert by_default.HasField("dynamic_batching")
    assert by_default.instance_group[0].kind == schema.ModelInstanceGroup.KIND_AUTO


@pytest.mark.parametrize(
    "settings",
    [
        {"max_batch_size": 0},
        {"instances": 0},
        {"max_queue_delay": -1},
        {"preferred_batch_sizes": (0,)},
        {"preferred_batch_sizes": (33,)},
        {"device": "cpu", "tensorrt": True},
    ],
)
def test_figures_that_triton_refuses_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least|from 1 to 32|for GPUs"):
        Serving(**settings)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet50", "resnet50"),
        ("My net/v2: the best", "My_net_v2__the_best"),
        ("../etc", "_etc"),
        ("..", "network"),
        ("Größe", "Gr__e"),
    ],
)
def test_a_model_s_name_is_a_folder_s(name: str, expected: str) -> None:
    assert model_name(name) == expected


def test_a_label_of_two_lines_is_one_line(tmp_path: Path) -> None:
    graph = graph_of(PICTURES)
    graph = replace(graph, metadata={**graph.metadata, "labels": ["cat\nor kitten", "dog", "x"]})
    version = write(graph, tmp_path / "models")
    assert (version.parent / "labels.txt").read_text("utf-8") == "cat or kitten\ndog\nx\n"


# The text


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "",
        '"quoted"',
        "back\\slash",
        "line\nbreak\ttab\r",
        "Größe 猫 🐈",
        "\x00\x1f\x7f",
        "\x017",
    ],
)
def test_a_string_is_read_back_as_it_was(text: str, schema: ModuleType) -> None:
    assert parsed(f"name: {quoted(text)}", schema).name == text


def test_a_message_is_read_back_as_it_was(schema: ModuleType) -> None:
    text = written(
        {
            "name": "a",
            "max_batch_size": 8,
            "input": [
                {"name": "x", "data_type": Word("TYPE_FP32"), "dims": [3, -1], "optional": True},
                {"name": "y", "reshape": {"shape": []}},
            ],
        }
    )
    found = parsed(text, schema)
    assert (found.name, found.max_batch_size) == ("a", 8)
    assert [value.name for value in found.input] == ["x", "y"]
    assert list(found.input[0].dims) == [3, -1]
    assert [value.optional for value in found.input] == [True, False]
    assert found.input[1].HasField("reshape") and not found.input[1].reshape.shape


# What is there already


def test_other_models_of_the_repository_stay(tmp_path: Path) -> None:
    other = tmp_path / "models" / "other" / "1" / "model.onnx"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"other")
    write(graph_of(PICTURES), tmp_path / "models")
    assert other.read_bytes() == b"other"
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["other", "test"]


def test_a_model_that_is_there_gets_the_next_version(tmp_path: Path) -> None:
    graph = graph_of(PICTURES)
    first = write(graph, tmp_path / "models")
    before = (first / "model.onnx").read_bytes()
    (first.parent / "9").mkdir()
    (first.parent / "warmup").mkdir()
    configuration = first.parent / "config.pbtxt"
    configuration.write_text("# by hand\n" + configuration.read_text("utf-8"), "utf-8")
    assert write(graph, tmp_path / "models") == first.parent / "10"
    assert (first / "model.onnx").read_bytes() == before
    assert (first.parent / "10" / "model.onnx").read_bytes() == before
    assert configuration.read_text("utf-8").startswith("# by hand\n")
    assert _names(first.parent) == ["1", "10", "9", "config.pbtxt", "labels.txt", "warmup"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"top_k": 2}, "states other inputs or outputs"),
        ({"preprocess": True}, "states other inputs or outputs"),
        ({"labels": ["a", "b", "c"]}, "with other labels"),
    ],
)
def test_a_model_that_is_there_is_not_mixed_with_another(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    graph = graph_of(PICTURES)
    write(graph, tmp_path / "models")
    if "labels" in change:
        graph = replace(graph, metadata={**graph.metadata, **change})
        change = {}
    with pytest.raises(ValueError, match=f"{message}.*choose another --output"):
        write(graph, tmp_path / "models", **change)
    assert _names(tmp_path / "models" / "test") == ["1", "config.pbtxt", "labels.txt"]


@pytest.mark.parametrize("kind", ["a folder", "a file"])
def test_what_is_no_model_is_left_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "models" / "test"
    place.parent.mkdir()
    if kind == "a folder":
        place.mkdir()
    else:
        place.write_text("mine")
    with pytest.raises(ValueError, match="no model that archspec wrote"):
        write(graph_of(PICTURES), tmp_path / "models")
    assert _names(tmp_path / "models") == ["test"]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("there", ["nothing", "the repository", "the model"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_failure_leaves_all_as_it_was(
    tmp_path: Path, there: str, error: BaseException | type[BaseException]
) -> None:
    graph, folder = graph_of(PICTURES), tmp_path / "models"
    if there == "the repository":
        folder.mkdir()
    elif there == "the model":
        write(graph, folder)
    before = sorted(tmp_path.rglob("*"))

    def half(path: Path) -> None:
        path.write_bytes(b"half of it")
        raise error

    with pytest.raises((KeyboardInterrupt, OSError)):
        write_repository(graph, folder, half, options=Options())
    assert sorted(tmp_path.rglob("*")) == before


def test_what_came_in_between_is_not_replaced(tmp_path: Path) -> None:
    place = tmp_path / "models" / "test"

    def meanwhile(path: Path) -> None:
        path.write_bytes(b"mine")
        place.mkdir(parents=True)

    with pytest.raises(FileExistsError) as caught:
        write_repository(graph_of(PICTURES), tmp_path / "models", meanwhile, options=Options())
    assert caught.value.filename == str(tmp_path / "models")
    assert _names(tmp_path) == ["models"] and not list(place.iterdir())


# On the command line


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(PICTURES, "utf-8")
    return tmp_path


def test_build_writes_a_repository(
    here: Path, schema: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", "net.yaml", "--export", "triton", "-o", "models"]
    assert main([*arguments, "--with-preprocess", "--with-top-k", "2"]) == 0
    assert "models" in capsys.readouterr().out
    found = config(here / "models" / "test" / "1", schema)
    assert [value.name for value in found.output] == ["scores", "classes"]
    assert main(arguments) == 2
    assert "states other inputs or outputs" in capsys.readouterr().err


def test_a_configuration_that_is_there_is_not_changed_in_silence(
    here: Path, schema: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", "net.yaml", "--export", "triton", "-o", "models", "--max-batch"]
    for batch, stays in (("8", False), ("8", False), ("16", True)):
        assert main([*arguments, batch]) == 0
        said = capsys.readouterr().err
        assert ("models/test/config.pbtxt was there already and stays as it was" in said) == stays
    assert config(here / "models" / "test" / "3", schema).max_batch_size == 8


def test_a_place_that_cannot_be_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").write_text("")
    for output, named in (("no/folder", "no/folder"), ("file", "file/test")):
        assert main(["build", "net.yaml", "--export", "triton", "-o", output]) == 2
        assert f"cannot use {named}: " in capsys.readouterr().err
    assert _names(here) == ["file", "net.yaml"]
