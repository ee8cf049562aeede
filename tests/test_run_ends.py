"""`archspec run` on models that prepare pictures themselves, and that choose the classes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, save_model
from PIL import Image

from archspec.backends.onnx import Options, write_model
from archspec.weights import load
from tests.specs import graph_of, spec
from tests.test_run import Run, error_of, run, save_png

__all__ = ["run"]  # a fixture

LABELS = "[ant, bee, cat, dog, eel]"


def build(section: str, path: str = "model.onnx", channels: int = 3, **options: Any) -> None:
    """A small classifier with five classes."""
    text = spec(
        "- conv: {out_channels: 8, kernel_size: 3}\n- relu\n- global_avg_pool\n- flatten\n- fc: 5",
        input=f"[{channels}, 8, 8]",
        sections=f"preprocess: {section}\nlabels: {LABELS}",
    )
    graph = graph_of(text)
    write_model(graph, load(graph, None, 0), path, options=Options(**options))


def picture(name: str = "a.png", size: tuple[int, int] = (30, 40), **options: Any) -> str:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(name, **options)
    return name


def results(run: Run, *arguments: str) -> list[dict[str, Any]]:
    outcome = run(*arguments, "--format", "json")
    assert (outcome.status, outcome.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(outcome.out)["results"]
    return found


def assert_alike(found: list[dict[str, Any]], expected: list[dict[str, Any]], rel: float) -> None:
    """The same classes, in the same order; scores as near as that."""
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        for key in ("index", "label"):
            assert [entry[key] for entry in one["top"]] == [entry[key] for entry in other["top"]]
        scores = [[entry["score"] for entry in result["top"]] for result in (one, other)]
        assert scores[0] == pytest.approx(scores[1], rel=rel)


@pytest.mark.parametrize(
    "section",
    [
        "{resize: 10, crop: 8, scale: 0.004, mean: [0.4, 0.5, 0.6], std: 0.2}",
        "{resize: [8, 8], interpolation: bicubic, channels: bgr}",
        "{crop: 8}",
    ],
)
def test_a_picture_is_the_same_to_a_model_that_prepares_it_itself(run: Run, section: str) -> None:
    build(section, "plain.onnx")
    build(section, "within.onnx", preprocess=True)
    pictures = [picture(), picture("b.png", (33, 21))]
    found = results(run, "within.onnx", *pictures)
    assert_alike(found, results(run, "plain.onnx", *pictures), rel=0.01)


def test_it_is_given_pictures_upright_and_opaque_and_grey_where_it_wants_grey(run: Run) -> None:
    section = "{channels: gray, resize: [8, 8], scale: 0.004}"
    build(section, "plain.onnx", channels=1)
    build(section, "within.onnx", channels=1, preprocess=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    picture("side.jpg", exif=exif, quality=95)
    transparent = np.zeros((12, 9, 4), np.uint8)
    transparent[:5, :, 3] = 255
    save_png("half.png", transparent)
    for name in ("side.jpg", "half.png"):
        found = results(run, "within.onnx", name)
        assert_alike(found, results(run, "plain.onnx", name), rel=0.01)


def test_pixels_may_be_given_as_an_array(run: Run) -> None:
    build("{crop: 8}", preprocess=True)
    picture()
    np.save("a.npy", np.asarray(Image.open("a.png")))
    (by_picture,) = results(run, "model.onnx", "a.png")
    assert_alike(results(run, "model.onnx", "a.npy"), [by_picture], rel=1e-6)
    np.save("floats.npy", np.zeros((30, 40, 3), np.float32))
    error = error_of(run("model.onnx", "floats.npy"), status=1)
    assert "its elements are float32, and the model's input `input` takes uint8" in error


def test_pixels_of_16_bits_are_taken_as_long_as_they_fit_into_8(run: Run) -> None:
    build("{crop: 8}", preprocess=True)
    pixels = np.asarray(Image.open(picture()))
    np.save("8.npy", pixels)
    np.save("16.npy", pixels.astype(np.uint16))
    assert_alike(results(run, "model.onnx", "16.npy"), results(run, "model.onnx", "8.npy"), rel=0)
    # numpy would begin again from 0.
    np.save("large.npy", pixels.astype(np.uint16) * 257)
    error = error_of(run("model.onnx", "large.npy"), status=1)
    assert "takes uint8, from 0 to 255; scale them" in error


@pytest.mark.parametrize(
    ("section", "size", "message"),
    [
        ("{crop: 8}", (9, 7), "9 × 7 when it comes to be cropped to 8 × 8"),
        ("{resize: 8, crop: 8}", (1, 4_000_000), "cut it to a less extreme shape"),
        ("{}", (8, 9), "the shape is 8 × 9 × 3, and the model's input `input` takes 8 × 8 × 3"),
        ("{resize: 8}", (16, 20), "onnxruntime could not run the model on it"),
    ],
)
def test_a_picture_that_does_not_fit_is_refused_with_the_reason(
    run: Run, section: str, size: tuple[int, int], message: str
) -> None:
    build(section, preprocess=True)
    error = error_of(run("model.onnx", picture(size=size)), status=1)
    assert error.startswith("a.png: ") and message in error


@pytest.mark.parametrize("options", [{}, {"preprocess": True}])
def test_classes_that_the_model_chose_are_told_as_others_are(
    run: Run, options: dict[str, Any]
) -> None:
    section = "{resize: [8, 8], scale: 0.1}"
    build(section, "plain.onnx", **options)
    build(section, "chosen.onnx", softmax=True, top_k=3, **options)
    picture()
    expected = run("plain.onnx", "a.png", "--top", "3")
    assert run("chosen.onnx", "a.png", "--top", "3") == expected
    assert expected.out.count("%") == 3
    assert run("chosen.onnx", "a.png").out == expected.out  # no more than the model makes
    assert run("chosen.onnx", "a.png", "--top", "1") == run("plain.onnx", "a.png", "--top", "1")
    found = results(run, "chosen.onnx", "a.png")
    assert_alike(found, results(run, "plain.onnx", "a.png", "--top", "3"), rel=1e-5)


def test_every_sample_of_a_batch_has_its_own_classes(run: Run) -> None:
    build("{}", "plain.onnx", softmax=True)
    build("{}", "chosen.onnx", softmax=True, top_k=2)
    batch = np.random.default_rng(0).standard_normal((3, 3, 8, 8), np.float32)
    np.save("a.npy", 9 * batch)
    found = results(run, "chosen.onnx", "a.npy")
    assert [result["sample"] for result in found] == [0, 1, 2]
    assert_alike(found, results(run, "plain.onnx", "a.npy", "--top", "2"), rel=1e-5)


def test_without_a_softmax_the_chosen_classes_have_the_network_s_scores(run: Run) -> None:
    build("{resize: [8, 8]}", "plain.onnx")
    build("{resize: [8, 8]}", "chosen.onnx", top_k=2)
    picture()
    run("plain.onnx", "a.png", "-o", "raw.npz")
    with np.load("raw.npz") as raw:
        (logits,) = raw["fc1"]
    best = sorted(logits.tolist(), reverse=True)[:2]
    outcome = run("chosen.onnx", "a.png")
    assert [line.split()[-1] for line in outcome.out.splitlines()[1:]] == [
        f"{score:.4f}" for score in best
    ]
    (result,) = results(run, "chosen.onnx", "a.png")
    assert [entry["score"] for entry in result["top"]] == pytest.approx(best)


def test_chosen_classes_without_a_label_are_refused(run: Run) -> None:
    from onnx import load as load_model

    build("{resize: [8, 8]}", top_k=5)
    model = load_model("model.onnx")
    (entry,) = model.metadata_props
    entry.value = json.dumps({**json.loads(entry.value), "labels": ["ant", "bee"]})
    save_model(model, "model.onnx")
    picture()
    error = error_of(run("model.onnx", "a.png"), status=2)
    assert "lists 2 labels for a class with the index 4" in error


@pytest.mark.parametrize("softmax", [False, True])
def test_a_model_with_inputs_and_outputs_in_half_precision_is_run(run: Run, softmax: bool) -> None:
    section = "{resize: [8, 8], scale: 0.01}"
    build(section, "plain.onnx")
    build(section, "half.onnx", precision="fp16", reduced_io=True, softmax=softmax)
    picture()
    found = results(run, "half.onnx", "a.png")
    assert_alike(found, results(run, "plain.onnx", "a.png"), rel=0.01)


def test_a_model_that_takes_bfloat16_says_why_it_cannot_be_run(run: Run) -> None:
    values = [
        helper.make_tensor_value_info(name, TensorProto.BFLOAT16, ["batch", 3])
        for name in ("input", "output")
    ]
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    graph = helper.make_graph(nodes, "test", values[:1], values[1:])
    opset = helper.make_opsetid("", 18)
    save_model(helper.make_model(graph, opset_imports=[opset], ir_version=8), "model.onnx")
    np.save("a.npy", np.zeros((1, 3), np.float32))
    error = error_of(run("model.onnx", "a.npy"), status=2)
    assert "its input `input` is bfloat16" in error and "without --reduced-io" in error
