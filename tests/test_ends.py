"""What is built into an ONNX file before and behind the network, against Pillow and PyTorch."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, checker, shape_inference
from PIL import Image

from archspec.backends.onnx import Options, write_model
from archspec.backends.onnx.ends import add_ends
from archspec.backends.onnx.skeleton import build_model
from archspec.graph import Graph
from archspec.layers.activation import Identity, Relu
from archspec.layers.merge import Add
from archspec.layers.shape import Flatten
from archspec.metadata import METADATA_KEY, Metadata
from archspec.preprocess import Preprocess
from archspec.runtime import images
from archspec.weights import load
from tests import graphs
from tests.specs import graph_of, spec

Array = NDArray[Any]

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

CLASSIFIER = spec(
    "- conv: {out_channels: 4, kernel_size: 3}\n- relu\n- global_avg_pool\n- flatten\n- fc: 6",
    input="[3, 12, 12]",
    sections="preprocess: {resize: 14, crop: 12, scale: 0.0039, mean: 0.4, std: [0.2, 0.3, 0.4]}",
)


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def built(graph: Graph, path: Path, **options: Any) -> onnx.ModelProto:
    """What is in the file that the graph was written to; it is valid, and its shapes are true."""
    write_model(graph, load(graph, None, 0), path, options=Options(**options))
    model = onnx.load(path)
    checker.check_model(model, full_check=True)
    shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return model


def run(path: Path, *inputs: Array) -> list[Array]:
    opened = session(path)
    names = [value.name for value in opened.get_inputs()]
    outputs: list[Array] = opened.run(None, dict(zip(names, inputs, strict=True)))
    return outputs


def metadata(model: onnx.ModelProto) -> Metadata:
    (entry,) = (entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    return Metadata.model_validate_json(entry.value)


def interface(model: onnx.ModelProto) -> dict[str, tuple[int, list[int | str]]]:
    """Type and sizes of every input and output."""
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim],
        )
        for value in (*model.graph.input, *model.graph.output)
    }


def passing(shape: tuple[int, int, int], **preprocess: Any) -> Graph:
    """A network that gives its input back, so that what came of a picture can be read off."""
    graph = graphs.chain_of(Identity(), shape=shape)
    return replace(graph, metadata={"preprocess": preprocess})


def prepared(pixels: Array, path: Path, size: tuple[int, int], **preprocess: Any) -> Array:
    """What the model makes of the picture, H × W or H × W × C, as C × H × W."""
    planes = 1 if preprocess.get("channels") == "gray" else 3
    built(passing((planes, *size), **preprocess), path, preprocess=True)
    (output,) = run(path, pixels.reshape(1, *pixels.shape[:2], planes))
    result: Array = output[0]
    return result


def by_pillow(pixels: Array, **fields: Any) -> Array:
    """What `archspec run` makes of the same picture without the graph."""
    preprocess = Preprocess.model_validate(fields)
    image = images.resize(Image.fromarray(pixels), preprocess)
    return images.to_array(images.crop(image, preprocess), preprocess)


def random_picture(height: int, width: int, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, 3), dtype=np.uint8)


def photographs() -> list[Array]:
    """Those that come with scikit-image, one of them on its side too."""
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        pytest.skip("scikit-image, which brings the photographs, is not installed")
    folder = Path(package.submodule_search_locations[0], "data")
    found = [
        np.asarray(Image.open(folder / name).convert("RGB"))
        for name in ("astronaut.png", "chelsea.png", "coffee.png")
    ]
    return [*found, np.ascontiguousarray(found[-1].transpose(1, 0, 2))]


# Pictures


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("size", [64, 224, 256])
def test_a_photograph_is_resized_and_cropped_as_by_pillow(
    tmp_path: Path, interpolation: str, size: int
) -> None:
    """Levels differ by 1 at most, and no more than 5 of a thousand do: Pillow's weights come of
    double precision, and onnxruntime's of single.
    """
    section = {"resize": size, "crop": size, "interpolation": interpolation}
    for pixels in photographs():
        difference = np.abs(
            prepared(pixels, tmp_path / "m.onnx", (size, size), **section)
            - by_pillow(pixels, **section)
        )
        assert difference.max() <= 1
        assert np.mean(difference > 0) <= 0.005


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(
    ("picture", "size"),
    [((97, 131), (40, 52)), ((60, 45), (128, 96)), ((50, 90), (80, 31)), ((90, 50), (31, 80))],
    ids=["smaller", "larger", "higher and narrower", "lower and wider"],
)
def test_noise_is_resized_as_by_pillow_s_two_passes(
    tmp_path: Path, interpolation: str, picture: tuple[int, int], size: tuple[int, int]
) -> None:
    """The columns first, rounded and clipped, then the rows: Pillow's order up to its version 12,
    and for pictures of common shapes from 13 on.
    """
    pixels = random_picture(*picture)
    made = prepared(pixels, tmp_path / "m.onnx", size, resize=size, interpolation=interpolation)
    height, width = size
    narrowed = Image.fromarray(pixels).resize((width, picture[0]), FILTERS[interpolation])
    expected = np.asarray(narrowed.resize((width, height), FILTERS[interpolation]))
    difference = np.abs(made.transpose(1, 2, 0) - expected)
    assert difference.max() <= 1
    assert np.mean(difference > 0) <= 0.02


def test_the_nearest_pixel_is_pillow_s(tmp_path: Path) -> None:
    pixels = random_picture(45, 63)
    # No pixel of these is as near to two of the picture's: 2 × 8 and 2 × 16 divide no odd multiple.
    section = {"resize": [8, 16], "interpolation": "nearest"}
    made = prepared(pixels, tmp_path / "m.onnx", (8, 16), **section)
    np.testing.assert_array_equal(made, by_pillow(pixels, **section))


@pytest.mark.parametrize(("height", "width"), [(31, 47), (47, 31), (30, 30), (20, 99)])
def test_the_longer_side_follows_the_shorter_one_rounded_down(
    tmp_path: Path, height: int, width: int
) -> None:
    graph = graph_of(spec("- identity", input="[3, H, W]", sections="preprocess: {resize: 20}"))
    built(graph, tmp_path / "m.onnx", preprocess=True)
    (output,) = run(tmp_path / "m.onnx", random_picture(height, width)[np.newaxis])
    shorter = min(height, width)
    assert output.shape == (1, 3, height * 20 // shorter, width * 20 // shorter)


@pytest.mark.parametrize("height", range(4, 13))
def test_the_crop_is_around_the_centre_and_halves_go_to_the_even_number(
    tmp_path: Path, height: int
) -> None:
    pixels = random_picture(height, 15 - height // 2)
    made = prepared(pixels, tmp_path / "m.onnx", (4, 3), crop=[4, 3])
    np.testing.assert_array_equal(made, by_pillow(pixels, crop=[4, 3]))


@pytest.mark.parametrize("size", [(7, 9), (8, 10), (11, 4), (12, 5)])
def test_the_crop_of_a_resized_picture_is_where_pillow_cuts(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    pixels = random_picture(*size)  # the size that it is brought to: nothing is blurred
    section = {"resize": list(size), "crop": [4, 3]}
    made = prepared(pixels, tmp_path / "m.onnx", (4, 3), **section)
    np.testing.assert_array_equal(made, by_pillow(pixels, **section))
    model = onnx.load(tmp_path / "m.onnx")
    assert not {"Sub", "Mod", "Split"} & {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("channels", ["rgb", "bgr", "gray"])
def test_values_are_scaled_shifted_and_ordered_as_outside_the_graph(
    tmp_path: Path, channels: str
) -> None:
    pixels = random_picture(5, 7)[..., 0] if channels == "gray" else random_picture(5, 7)
    mean, std = ([0.485], [0.229]) if channels == "gray" else ([0.4, 0.5, 0.6], [0.2, 0.3, 0.4])
    section = {"channels": channels, "scale": 1 / 255, "mean": mean, "std": std}
    made = prepared(pixels, tmp_path / "m.onnx", (5, 7), **section)
    np.testing.assert_allclose(made, by_pillow(pixels, **section), rtol=1e-6, atol=1e-6)


def test_what_changes_nothing_is_left_out(tmp_path: Path) -> None:
    model = built(passing((3, 4, 4)), tmp_path / "m.onnx", preprocess=True)
    assert [node.op_type for node in model.graph.node] == ["Transpose", "Cast", "Identity"]
    assert model.opset_import[0].version == 17
    pixels = random_picture(4, 4)
    (output,) = run(tmp_path / "m.onnx", pixels[np.newaxis])
    np.testing.assert_array_equal(output[0], pixels.transpose(2, 0, 1))


def test_the_input_keeps_its_name_and_takes_pictures(tmp_path: Path) -> None:
    model = built(graph_of(CLASSIFIER), tmp_path / "m.onnx", preprocess=True)
    assert interface(model) == {
        "input": (TensorProto.UINT8, ["batch", "height", "width", 3]),
        "fc1": (TensorProto.FLOAT, ["batch", 6]),
    }
    assert metadata(model).preprocessed_within
    assert metadata(model).preprocess == Preprocess.model_validate(
        graph_of(CLASSIFIER).metadata["preprocess"]
    )


def test_sizes_that_nothing_changes_are_the_network_s_own(tmp_path: Path) -> None:
    fixed = built(passing((3, 4, 5)), tmp_path / "m.onnx", preprocess=True)
    assert interface(fixed)["input"][1] == ["batch", 4, 5, 3]
    text = spec("- conv: {out_channels: 2, kernel_size: 3}", "[3, H, W]", "preprocess: {scale: 2}")
    free = built(graph_of(text), tmp_path / "m.onnx", preprocess=True)
    assert interface(free)["input"][1] == ["batch", "H", "W", 3]
    assert run(tmp_path / "m.onnx", random_picture(6, 9)[np.newaxis])[0].shape == (1, 2, 4, 7)


def test_free_sizes_of_a_picture_have_names_of_their_own(tmp_path: Path) -> None:
    sections = "preprocess: {resize: 8}"
    graph = graph_of(spec("- relu", input="[3, height, W]", sections=sections))
    model = built(graph, tmp_path / "m.onnx", preprocess=True)
    assert interface(model)["input"][1] == ["batch", "height_", "width", 3]
    assert interface(model)["relu1"][1] == ["batch", 3, "height", "W"]


def test_a_batch_of_pictures_is_the_pictures_one_by_one(tmp_path: Path) -> None:
    graph = graph_of(CLASSIFIER)
    built(graph, tmp_path / "m.onnx", preprocess=True)
    batch = np.stack([random_picture(40, 30, seed) for seed in range(3)])
    (together,) = run(tmp_path / "m.onnx", batch)
    for picture, scores in zip(batch, together, strict=True):
        np.testing.assert_allclose(run(tmp_path / "m.onnx", picture[None])[0][0], scores, 1e-5)


@pytest.mark.parametrize(
    ("section", "size", "wrong"),
    [
        ({"crop": 6}, (6, 6), (5, 9)),
        ({"crop": 6}, (6, 6), (9, 3)),
        ({"crop": 6}, (6, 6), (1, 1)),
        ({"resize": 6}, (6, 6), (12, 14)),
        # As many pixels as are due, in another shape.
        ({"resize": 6}, (6, 9), (18, 12)),
        ({}, (6, 6), (6, 7)),
    ],
)
def test_a_picture_that_comes_out_in_another_size_makes_the_model_fail(
    tmp_path: Path, section: dict[str, Any], size: tuple[int, int], wrong: tuple[int, int]
) -> None:
    built(passing((3, *size), **section), tmp_path / "m.onnx", preprocess=True)
    with pytest.raises(Exception, match=r"split|invalid dimensions"):
        run(tmp_path / "m.onnx", random_picture(*wrong)[np.newaxis])


def test_a_network_s_own_sizes_are_worked_out_of_the_prepared_picture(tmp_path: Path) -> None:
    sections = "preprocess: {crop: 8}"
    text = spec("- upsample: 2\n- conv: {out_channels: 2, kernel_size: 3}", "[3, H, W]", sections)
    model = built(graph_of(text), tmp_path / "m.onnx", preprocess=True)
    assert interface(model)["conv1"][1] == ["batch", 2, 14, 14]
    (output,) = run(tmp_path / "m.onnx", random_picture(13, 11)[np.newaxis])
    assert output.shape == (1, 2, 14, 14)


NO_SECTION = spec("- conv: {out_channels: 2, kernel_size: 3}")


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (graph_of(NO_SECTION), "no `preprocess` section"),
        (graph_of(spec("- fc: 2", input="[8]")), "for one picture, and test takes 8"),
        (
            graphs.graph_of(Add(), (3, 4, 4), (3, 4, 4)),
            "one picture, and test takes 3 × 4 × 4 and 3 × 4 × 4",
        ),
        (
            graph_of(
                spec(
                    "- conv: {out_channels: 2, kernel_size: 9}",
                    input="[3, H, W]",
                    sections="preprocess: {resize: 8}",
                )
            ),
            "write a `crop` too",
        ),
        (
            graph_of(spec("- relu", input="[3, S, S]", sections="preprocess: {resize: 8}")),
            "write a `crop` too",
        ),
        (passing((3, 4, 4), std=1e-44), "`std` is too small"),
    ],
)
def test_what_cannot_be_built_in_is_refused_with_the_way_out(graph: Graph, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_model(graph, Options(preprocess=True))


# Scores


def scores_of(logits: Array, path: Path, graph: Graph | None = None, **options: Any) -> list[Array]:
    """What a model makes of scores that its network only passes on."""
    built(graph or graphs.chain_of(Identity(), shape=logits.shape[1:]), path, **options)
    return run(path, logits)


def random_logits(classes: int = 9, batch: int = 4) -> NDArray[np.float32]:
    return 5 * np.random.default_rng(1).standard_normal((batch, classes), np.float32)


def test_probabilities_are_pytorch_s(tmp_path: Path) -> None:
    logits = random_logits()
    (scores,) = scores_of(logits, tmp_path / "m.onnx", softmax=True)
    expected = torch.from_numpy(logits).softmax(1).numpy()
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-7)
    model = onnx.load(tmp_path / "m.onnx")
    assert interface(model)["layer0"] == (TensorProto.FLOAT, ["batch", 9])
    assert metadata(model).scores == "probabilities"


def test_what_is_probabilities_already_stays_as_it_is(tmp_path: Path) -> None:
    text = spec("- fc: 4\n- softmax", input="[8]")
    model = built(graph_of(text), tmp_path / "m.onnx", softmax=True)
    assert [node.op_type for node in model.graph.node].count("Softmax") == 1
    assert metadata(model).scores == "probabilities"


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("count", [1, 5, 9])
def test_the_likeliest_classes_are_pytorch_s(tmp_path: Path, count: int, softmax: bool) -> None:
    logits = random_logits()
    scores, classes = scores_of(logits, tmp_path / "m.onnx", softmax=softmax, top_k=count)
    all_scores = torch.from_numpy(logits)
    expected = (all_scores.softmax(1) if softmax else all_scores).topk(count)
    np.testing.assert_allclose(scores, expected.values.numpy(), rtol=1e-5)
    np.testing.assert_array_equal(classes, expected.indices.numpy())
    model = onnx.load(tmp_path / "m.onnx")
    assert interface(model) == {
        "input": (TensorProto.FLOAT, ["batch", 9]),
        "scores": (TensorProto.FLOAT, ["batch", count]),
        "classes": (TensorProto.INT64, ["batch", count]),
    }
    assert metadata(model).top_k == count
    assert metadata(model).scores == ("probabilities" if softmax else "logits")


def test_of_equal_scores_the_lower_class_comes_first(tmp_path: Path) -> None:
    logits = np.array([[1, 3, 3, 0, 3]], np.float32)
    _, classes = scores_of(logits, tmp_path / "m.onnx", top_k=4)
    assert classes.tolist() == [[1, 2, 4, 0]]


def test_layers_yield_the_names_of_the_outputs_and_an_input_does_not(tmp_path: Path) -> None:
    steps = "- relu: {name: scores}\n- fc: {name: classes, out_features: 5}\n- relu: {name: last}"
    model = built(graph_of(spec(steps, input="[4]")), tmp_path / "m.onnx", top_k=2)
    assert list(interface(model)) == ["input", "scores", "classes"]
    weights = {tensor.name for tensor in model.graph.initializer}
    assert {"classes.weight", "classes.bias"} <= weights
    values = np.eye(4, dtype=np.float32)
    plain = tmp_path / "plain.onnx"
    built(graph_of(spec(steps, input="[4]")), plain)
    expected = torch.from_numpy(run(plain, values)[0]).topk(2)
    np.testing.assert_allclose(run(tmp_path / "m.onnx", values)[0], expected.values.numpy())

    text = spec("- fc: 5", input="[4]").replace("input: [4]", "inputs: {scores: [4]}")
    model = built(graph_of(text), tmp_path / "m.onnx", top_k=2)
    assert list(interface(model)) == ["scores", "scores_", "classes"]


def test_a_network_that_calls_its_output_scores_keeps_the_name(tmp_path: Path) -> None:
    text = spec("- fc: {name: scores, out_features: 5}", input="[4]")
    model = built(graph_of(text), tmp_path / "m.onnx", softmax=True, top_k=2)
    assert list(interface(model)) == ["input", "scores", "classes"]


@pytest.mark.parametrize("options", [{"softmax": True}, {"top_k": 1}])
@pytest.mark.parametrize(
    ("graph", "shape"),
    [
        (graphs.chain_of(Relu(), shape=(3, 4, 4)), "3 × 4 × 4"),
        (graphs.chain_of(Flatten(), shape=(1, 1, 1)), "1"),
        (graph_of(spec("- flatten", input="[3, H, W]")), "(3 × H × W)"),
        (
            graph_of(
                spec(
                    "- fc: {name: a, out_features: 3}\n- fc: {name: b, out_features: 2}",
                    "[4]",
                    "outputs: [a, b]",
                )
            ),
            "3 and 2",
        ),
    ],
    ids=["a map", "one score", "a free size", "two outputs"],
)
def test_what_is_no_classifier_is_refused(graph: Graph, shape: str, options: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"and test has {shape}: leave it out")):
        build_model(graph, Options(**options))


@pytest.mark.parametrize("count", [0, 10])
def test_more_classes_than_there_are_is_refused(count: int) -> None:
    graph = graphs.chain_of(Identity(), shape=(9,))
    with pytest.raises(ValueError, match="give a number from 1 to 9"):
        build_model(graph, Options(top_k=count))


# With the rest


def test_the_network_s_own_model_is_left_alone() -> None:
    graph = graph_of(CLASSIFIER)
    plain = build_model(graph)
    before = plain.model.SerializeToString()
    add_ends(plain, graph, Options(preprocess=True, softmax=True, top_k=2))
    assert plain.model.SerializeToString() == before


def _classes(graph: Graph, folder: Path, pixels: Array, **options: Any) -> tuple[Array, Array]:
    built(graph, folder / "m.onnx", preprocess=True, softmax=True, top_k=3, **options)
    scores, classes = run(folder / "m.onnx", pixels[np.newaxis])
    return scores, classes


def test_all_ends_together_are_the_steps_one_by_one(tmp_path: Path) -> None:
    graph, pixels = graph_of(CLASSIFIER), random_picture(40, 30)
    scores, classes = _classes(graph, tmp_path, pixels)
    built(graph, tmp_path / "plain.onnx")
    (logits,) = run(tmp_path / "plain.onnx", by_pillow(pixels, **_section(graph))[np.newaxis])
    expected = torch.from_numpy(logits).softmax(1).topk(3)
    np.testing.assert_allclose(scores, expected.values.numpy(), atol=1e-3)
    np.testing.assert_array_equal(classes, expected.indices.numpy())


def _section(graph: Graph) -> Mapping[str, Any]:
    section: Mapping[str, Any] = json.loads(json.dumps(graph.metadata["preprocess"]))
    return section


@pytest.mark.parametrize("reduced_io", [False, True])
@pytest.mark.parametrize("fold_constants", [False, True])
def test_ends_stay_in_their_types_around_a_network_of_half_precision(
    tmp_path: Path, reduced_io: bool, fold_constants: bool
) -> None:
    graph, pixels = graph_of(CLASSIFIER), random_picture(40, 30)
    expected, best = _classes(graph, tmp_path, pixels)
    scores, classes = _classes(
        graph,
        tmp_path,
        pixels,
        precision="fp16",
        reduced_io=reduced_io,
        fold_constants=fold_constants,
    )
    np.testing.assert_allclose(scores, expected, rtol=0.01)
    np.testing.assert_array_equal(classes, best)
    model = onnx.load(tmp_path / "m.onnx")
    assert [type_ for type_, _ in interface(model).values()] == [
        TensorProto.UINT8,
        TensorProto.FLOAT,
        TensorProto.INT64,
    ]
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    types |= {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    types |= {name: type_ for name, (type_, _) in interface(model).items()}
    for node in model.graph.node:
        if node.op_type in ("Mul", "Add", "Softmax", "TopK"):
            floats = {types[name] for name in (*node.input, *node.output)}
            assert TensorProto.FLOAT16 not in floats, node.name
    (convolution,) = (node for node in model.graph.node if node.op_type == "Conv")
    assert types[convolution.input[0]] == TensorProto.FLOAT16
