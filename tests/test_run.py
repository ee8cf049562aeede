"""`archspec run`: pictures and arrays in, classes out, and a way out of whatever goes wrong."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image
from pydantic import ValidationError

from archspec.cli import main
from archspec.preprocess import Preprocess

Size = int | str | None


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `archspec run` with these arguments in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Outcome:
        try:
            status = main(["run", *arguments])
        except SystemExit as usage:
            status = int(str(usage.code))
        return Outcome(status, *capsys.readouterr())

    return run


def save_model(
    path: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Sequence[Size]],
    outputs: dict[str, Sequence[Size]],
    metadata: dict[str, Any] | str | None,
) -> None:
    def values(shapes: dict[str, Sequence[Size]]) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]

    graph = helper.make_graph(nodes, "test", values(inputs), values(outputs))
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    if metadata is not None:
        text = metadata if isinstance(metadata, str) else json.dumps(metadata)
        helper.set_model_props(model, {"archspec": text})
    onnx.save(model, path)


def save_flattener(
    shape: tuple[Size, Size, Size], path: str = "model.onnx", **metadata: Any
) -> None:
    """A classifier whose scores are its input's values, so that what went in can be read off."""
    sizes = [size for size in shape if isinstance(size, int)]
    classes = int(np.prod(sizes)) if len(sizes) == 3 else None
    save_model(
        path,
        [helper.make_node("Flatten", ["image"], ["scores"])],
        {"image": ["batch", *shape]},
        {"scores": ["batch", classes]},
        {"name": "flattener", **metadata} if metadata else None,
    )


def save_png(path: str, pixels: Any, **options: Any) -> None:
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, "PNG", **options)


def network_input(run: Run, picture: str, shape: tuple[int, int, int], **preprocess: Any) -> Any:
    """What a picture becomes under a `preprocess` section, as nested lists C × H × W."""
    save_flattener(shape, preprocess=preprocess)
    outcome = run("model.onnx", picture, "-o", "raw.npz")
    assert (outcome.status, outcome.err) == (0, "")
    with np.load("raw.npz") as raw:
        return raw["scores"].reshape(shape).tolist()


def error_of(outcome: Outcome, status: int) -> str:
    """The one line on standard error, without its beginning."""
    assert outcome.status == status
    start, end = "archspec: error: ", "\n"
    assert outcome.err.startswith(start) and outcome.err.endswith(end)
    assert outcome.err.count(end) == 1
    return outcome.err.removeprefix(start).removesuffix(end)


# A 2 × 2 picture: red, green / blue, white.
COLOURS = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]]


# Preprocessing, by hand


def test_a_pixel_is_scaled_then_less_the_mean_then_over_the_deviation(run: Run) -> None:
    save_png("a.png", [[[10, 20, 30]]])
    section = {"scale": 0.5, "mean": [1, 2, 3], "std": [2, 4, 8]}
    # (10/2 − 1)/2, (20/2 − 2)/4, (30/2 − 3)/8
    assert network_input(run, "a.png", (3, 1, 1), **section) == [[[2.0]], [[2.0]], [[1.5]]]


def test_one_mean_and_deviation_serve_every_channel(run: Run) -> None:
    save_png("a.png", [[[127, 255, 0]]])
    section = {"mean": 127, "std": 128}
    assert network_input(run, "a.png", (3, 1, 1), **section) == [[[0.0]], [[1.0]], [[-0.9921875]]]


def test_without_a_section_s_fields_pixels_are_0_to_255_in_planes_of_red_green_blue(
    run: Run,
) -> None:
    save_png("a.png", COLOURS)
    red, green, blue = [[255, 0], [0, 255]], [[0, 255], [0, 255]], [[0, 0], [255, 255]]
    assert network_input(run, "a.png", (3, 2, 2)) == [red, green, blue]
    assert network_input(run, "a.png", (3, 2, 2), channels="bgr") == [blue, green, red]


def test_gray_is_the_luma_of_itu_r_601(run: Run) -> None:
    save_png("a.png", COLOURS)
    # 0.299, 0.587 and 0.114 of 255, rounded
    assert network_input(run, "a.png", (1, 2, 2), channels="gray") == [[[76, 150], [29, 255]]]


def test_resizing_to_one_number_keeps_the_aspect_and_rounds_the_longer_side_down(run: Run) -> None:
    save_png("wide.png", np.zeros((4, 7, 3)))
    save_png("tall.png", np.zeros((7, 4, 3)))
    assert np.shape(network_input(run, "wide.png", (3, 3, 5), resize=3)) == (3, 3, 5)  # 21/4
    assert np.shape(network_input(run, "tall.png", (3, 5, 3), resize=3)) == (3, 5, 3)


def test_resizing_to_a_pair_takes_the_height_first(run: Run) -> None:
    save_png("a.png", [[[10], [20]], [[30], [40]]] * np.ones(3))
    section = {"resize": [2, 4], "interpolation": "nearest", "channels": "gray"}
    assert network_input(run, "a.png", (1, 2, 4), **section) == [
        [[10, 10, 20, 20], [30, 30, 40, 40]]
    ]


def test_shrinking_averages_over_all_pixels_covered(run: Run) -> None:
    save_png("a.png", [[0, 0, 100, 100]])
    section = {"resize": [1, 2], "channels": "gray"}
    # A triangle two pixels wide to each side: weights 3, 3, 1 of 7, over 0, 0, 100.
    assert network_input(run, "a.png", (1, 1, 2), **section) == [[[14, 86]]]


def test_bicubic_overshoots_where_bilinear_does_not(run: Run) -> None:
    save_png("a.png", [[50, 50, 200, 200]])
    section = {"resize": [1, 8], "channels": "gray"}
    bilinear = network_input(run, "a.png", (1, 1, 8), **section)
    bicubic = network_input(run, "a.png", (1, 1, 8), **section, interpolation="bicubic")
    assert bilinear == [[[50, 50, 50, 88, 163, 200, 200, 200]]]  # a quarter, three quarters
    assert min(bicubic[0][0]) < 50 and max(bicubic[0][0]) > 200


def test_a_crop_is_the_centre(run: Run) -> None:
    save_png("a.png", np.arange(5 * 4).reshape(5, 4))
    section = {"channels": "gray"}
    assert network_input(run, "a.png", (1, 1, 2), crop=[1, 2], **section) == [[[9, 10]]]
    assert network_input(run, "a.png", (1, 2, 2), crop=2, **section) == [[[9, 10], [13, 14]]]


# Files that need care


def test_a_picture_is_turned_as_its_exif_orientation_says(run: Run) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter to the right
    save_png("a.png", [[1, 2], [3, 4]], exif=exif)
    assert network_input(run, "a.png", (1, 2, 2), channels="gray") == [[[3, 1], [4, 2]]]


def test_transparent_pixels_lie_over_white(run: Run) -> None:
    save_png("rgba.png", [[[0, 0, 0, 0], [100, 100, 100, 255]]])
    save_png("gray.png", [[[0, 0], [100, 255]]])
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 100, 100, 100])
    palette.putpixel((1, 0), 1)
    palette.save("palette.png", transparency=0)
    for name in ("rgba.png", "gray.png", "palette.png"):
        assert network_input(run, name, (3, 1, 2)) == [[[255, 100]]] * 3


def test_sixteen_bit_grey_is_scaled_and_not_clipped(run: Run) -> None:
    values = np.asarray([[0, 257 * 100, 65535]], dtype=np.uint16)
    Image.fromarray(values).save("a.png")
    Image.fromarray(values).save("a.tiff")
    Path("a.pgm").write_bytes(b"P5 3 1 65535\n" + values.astype(">u2").tobytes())
    for name in ("a.png", "a.tiff", "a.pgm"):
        assert network_input(run, name, (3, 1, 3)) == [[[0, 100, 255]]] * 3


def test_cmyk_bilevel_and_palette_pictures_become_rgb(run: Run) -> None:
    Image.new("CMYK", (1, 1), (0, 255, 255, 0)).save("cmyk.tiff")
    Image.new("1", (1, 1), 1).save("bilevel.png")
    Image.new("RGB", (1, 1), (0, 0, 255)).convert("P").save("palette.gif")
    assert network_input(run, "cmyk.tiff", (3, 1, 1)) == [[[255]], [[0]], [[0]]]
    assert network_input(run, "bilevel.png", (3, 1, 1)) == [[[255]]] * 3
    assert network_input(run, "palette.gif", (3, 1, 1)) == [[[0]], [[0]], [[255]]]


def test_a_jpeg_is_read(run: Run) -> None:
    Image.new("RGB", (8, 8), (200, 200, 200)).save("a.jpg", quality=95)
    assert network_input(run, "a.jpg", (3, 1, 1), crop=1) == [[[200]]] * 3


def test_of_an_animation_the_first_frame_is_taken(run: Run) -> None:
    frames = [Image.new("L", (1, 1), level) for level in (7, 200)]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    assert network_input(run, "a.gif", (1, 1, 1), channels="gray") == [[[7]]]


def png_of_claimed_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def whole_png() -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, "PNG")
    return stream.getvalue()


def float_tiff() -> bytes:
    stream = io.BytesIO()
    Image.new("F", (1, 1), 0.5).save(stream, "TIFF")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a picture that Pillow can read"),
        (b"certainly not a picture", "not a picture that Pillow can read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture that Pillow can"),
        (whole_png()[:2000], "the picture (format: PNG) is damaged or cut off"),
        (
            whole_png()[:1000] + bytes(500) + whole_png()[1500:],
            "the picture (format: PNG) is damaged",
        ),
        (png_of_claimed_size(30_000, 30_000), "too many pixels to be decoded safely"),
        (float_tiff(), "Pillow's mode F"),
    ],
    ids=["empty", "text", "postscript", "cut off", "overwritten", "bomb", "float pixels"],
)
def test_a_picture_that_cannot_be_used_is_named_with_the_reason(
    run: Run, content: bytes, message: str
) -> None:
    save_flattener((3, 2, 2), preprocess={})
    Path("bad.png").write_bytes(content)
    error = error_of(run("model.onnx", "bad.png"), status=1)
    assert error.startswith("bad.png: ") and message in error


def test_a_missing_picture_and_a_folder_are_named(run: Run) -> None:
    save_flattener((3, 2, 2), preprocess={})
    missing = error_of(run("model.onnx", "gone.png"), status=1)
    folder = error_of(run("model.onnx", "."), status=1)
    assert missing == "gone.png: cannot be read: no such file or directory; check the path"
    assert folder == ".: cannot be read: is a directory; check the path"


def test_a_picture_of_another_shape_than_the_model_s_says_which_came_and_which_was_due(
    run: Run,
) -> None:
    save_flattener((3, 4, 4), preprocess={"resize": 4})
    save_png("a.png", np.zeros((2, 3, 3)))
    error = error_of(run("model.onnx", "a.png"), status=1)
    assert "the shape is 3 × 4 × 6, and the model's input `image` takes 3 × 4 × 4" in error
    assert "`crop`" in error


def test_a_picture_smaller_than_the_crop_is_refused(run: Run) -> None:
    save_flattener((3, 4, 4), preprocess={"crop": 4})
    save_png("a.png", np.zeros((9, 3, 3)))
    assert "9 × 3 when it comes to be cropped to 4 × 4" in error_of(run("model.onnx", "a.png"), 1)


def test_a_line_of_pixels_is_not_resized_into_gigabytes(run: Run) -> None:
    save_flattener((3, 224, 224), preprocess={"resize": 256, "crop": 224})
    save_png("a.png", np.zeros((1, 10_000, 3)))
    assert "256 × 2560000" in error_of(run("model.onnx", "a.png"), 1)


# Results


def test_text_ranks_label_index_and_probability_in_columns(run: Run) -> None:
    save_flattener((3, 1, 1), preprocess={"scale": 0.01}, labels=["cat", "a long dog", "owl"])
    save_png("a.png", [[[0, 200, 100]]])
    # softmax(0, 2, 1)
    assert run("model.onnx", "a.png", "--top", "2") == (
        0,
        "a.png\n  1  a long dog  1  66.5%\n  2  owl         2  24.5%\n",
        "",
    )


def test_without_labels_text_gives_the_index(run: Run) -> None:
    save_flattener((3, 1, 1), preprocess={})
    save_png("a.png", [[[0, 255, 0]]])
    assert run("model.onnx", "a.png", "--top", "1").out == "a.png\n  1  1  100.0%\n"


def test_json_lists_the_likeliest_classes_of_each_input(run: Run) -> None:
    save_flattener((2, 1, 1), labels=["no", "yes"], scores="probabilities")
    np.save("a.npy", np.asarray([[[0.25]], [[0.75]]], dtype=np.float32))
    outcome = run("model.onnx", "a.npy", "--format", "json")
    assert json.loads(outcome.out) == {
        "model": "model.onnx",
        "name": "flattener",
        "results": [
            {
                "input": "a.npy",
                "top": [
                    {"index": 1, "label": "yes", "score": 0.75},
                    {"index": 0, "label": "no", "score": 0.25},
                ],
            }
        ],
    }


def test_equal_scores_are_ranked_by_index_and_labels_may_be_missing(run: Run) -> None:
    save_flattener((4, 1, 1), scores="logits")
    np.save("a.npy", np.full((4, 1, 1), 1e30))
    (result,) = json.loads(run("model.onnx", "a.npy", "--format", "json").out)["results"]
    assert result["top"] == [{"index": index, "label": None, "score": 0.25} for index in range(4)]


def test_every_sample_of_a_batch_has_its_own_result(run: Run) -> None:
    save_flattener((2, 1, 1))
    np.save("a.npy", np.asarray([[[[0]], [[9]]], [[[9]], [[0]]]], dtype=np.uint8))
    text = run("model.onnx", "a.npy", "--top", "1").out
    assert text == "a.npy [0]\n  1  1  100.0%\na.npy [1]\n  1  0  100.0%\n"
    results = json.loads(run("model.onnx", "a.npy", "--format", "json").out)["results"]
    assert [(result["sample"], result["top"][0]["index"]) for result in results] == [(0, 1), (1, 0)]


def test_one_bad_input_leaves_the_others_done_and_makes_the_status_1(run: Run) -> None:
    save_flattener((3, 1, 1), preprocess={})
    save_png("a.png", [[[0, 255, 0]]])
    outcome = run("model.onnx", "gone.png", "a.png", "--format", "json")
    assert error_of(outcome, status=1).startswith("gone.png: ")
    assert [result["input"] for result in json.loads(outcome.out)["results"]] == ["a.png"]


def test_escape_sequences_in_labels_and_names_do_not_reach_the_terminal(run: Run) -> None:
    save_flattener((2, 1, 1), labels=["\x1b[31mred", "line\nbreak"])
    np.save("a\x1b.npy", np.zeros((2, 1, 1)))
    out = run("model.onnx", "a\x1b.npy").out
    assert "\x1b" not in out and len(out.splitlines()) == 3
    assert "\x1b" not in error_of(run("model.onnx", "\x1b.png"), status=1)


def test_scores_that_are_not_finite_are_an_error_and_not_a_ranking(run: Run) -> None:
    save_flattener((2, 1, 1))
    np.save("a.npy", np.asarray([[[np.nan]], [[1.0]]]))
    assert "not finite" in error_of(run("model.onnx", "a.npy"), status=1)


def save_doubler(path: str = "model.onnx") -> None:
    save_model(
        path,
        [helper.make_node("Add", ["file", "file"], ["map"])],
        {"file": ["batch", 1, "height", "width"]},
        {"map": ["batch", 1, "height", "width"]},
        None,
    )


def test_outputs_that_are_no_classes_are_summed_up(run: Run) -> None:
    save_doubler()
    np.save("a.npy", np.asarray([[[-1.0, 0.5], [2.0, 0.5]]]))
    assert run("model.onnx", "a.npy") == (
        0,
        "a.npy\n  output  shape          min  mean  max\n  map     1 × 1 × 2 × 2   -2     1    4\n",
        "",
    )
    (result,) = json.loads(run("model.onnx", "a.npy", "--format", "json").out)["results"]
    figures = {"name": "map", "shape": [1, 1, 2, 2], "min": -2.0, "mean": 1.0, "max": 4.0}
    assert result == {"input": "a.npy", "outputs": [figures]}


def test_json_has_null_for_a_figure_that_is_no_number(run: Run) -> None:
    save_doubler()
    np.save("a.npy", np.full((1, 1, 1), np.nan))
    (result,) = json.loads(run("model.onnx", "a.npy", "--format", "json").out)["results"]
    assert result["outputs"][0]["mean"] is None


# Saved outputs


def test_raw_outputs_are_saved_by_name_in_the_order_of_the_inputs(run: Run) -> None:
    save_doubler()
    np.save("a.npy", np.asarray([[[1.0]]]))
    np.save("b.npy", np.asarray([[[[2.0]]], [[[3.0]]]]))
    assert run("model.onnx", "a.npy", "b.npy", "-o", "raw.npz").status == 0
    with np.load("raw.npz") as raw:
        assert list(raw) == ["map"]
        assert raw["map"].tolist() == [[[[2.0]]], [[[4.0]]], [[[6.0]]]]


def test_an_output_may_have_a_name_that_numpy_keeps_for_itself(run: Run) -> None:
    shape: list[Size] = ["batch", 1]
    node = helper.make_node("Neg", ["x"], ["file"])
    save_model("model.onnx", [node], {"x": shape}, {"file": shape}, None)
    np.save("a.npy", np.ones((1, 1)))
    assert run("model.onnx", "a.npy", "-o", "raw.npz").status == 0
    with np.load("raw.npz") as raw:
        assert raw["file"].tolist() == [[-1.0]]


def test_the_same_outputs_are_the_same_bytes(run: Run) -> None:
    save_doubler()
    np.save("a.npy", np.ones((1, 1, 1)))
    for name in ("one.npz", "two.npz"):
        run("model.onnx", "a.npy", "-o", name)
    assert Path("one.npz").read_bytes() == Path("two.npz").read_bytes()


def test_outputs_that_fit_no_common_array_are_not_saved_and_the_old_file_stays(run: Run) -> None:
    save_doubler()
    np.save("a.npy", np.ones((1, 1, 1)))
    np.save("b.npy", np.ones((1, 2, 2)))
    Path("raw.npz").write_text("old")
    error = error_of(run("model.onnx", "a.npy", "b.npy", "-o", "raw.npz"), status=2)
    assert "1 × 1 × 1 × 1, 1 × 1 × 2 × 2" in error
    assert Path("raw.npz").read_text() == "old"


def test_a_failure_to_write_leaves_nothing_behind(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    save_doubler()
    np.save("a.npy", np.ones((1, 1, 1)))
    Path("raw.npz").write_text("old")
    before = set(os.listdir())
    monkeypatch.setattr("numpy.lib.format.write_array", full_disk)
    error = error_of(run("model.onnx", "a.npy", "-o", "raw.npz"), status=2)
    assert error.startswith("raw.npz: cannot be written: no space left on device")
    assert set(os.listdir()) == before and Path("raw.npz").read_text() == "old"


def test_a_missing_folder_for_the_outputs_is_found_before_the_work_is_done(run: Run) -> None:
    save_doubler()
    error = error_of(run("model.onnx", "a.npy", "-o", "gone/raw.npz"), status=2)
    assert error == "gone/raw.npz: there is no folder gone; make it first"


# Arrays


def test_npy_of_float32_float64_and_uint8_are_taken_as_they_are(run: Run) -> None:
    save_flattener((2, 1, 1))
    for dtype in ("float32", "float64", "uint8", ">f4"):
        np.save("a.npy", np.asarray([[[3]], [[4]]], dtype=dtype))
        assert run("model.onnx", "a.npy", "-o", "raw.npz").status == 0
        with np.load("raw.npz") as raw:
            assert raw["scores"].tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize(
    "shape", [(2, 2), (4, 4, 3), (1, 3, 4, 5), (0, 3, 4, 4), (1, 1, 3, 4, 4), ()]
)
def test_an_array_of_a_wrong_shape_says_which_was_expected(
    run: Run, shape: tuple[int, ...]
) -> None:
    save_flattener((3, 4, 4))
    np.save("a.npy", np.zeros(shape))
    error = error_of(run("model.onnx", "a.npy"), status=1)
    assert error.startswith("a.npy: ")
    assert "takes 3 × 4 × 4; give one sample of that shape, or a batch of them" in error


def npy_bytes(header: str, data: bytes = b"") -> bytes:
    padded = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an array",
        b"\x93NUMPY",
        npy_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 100000, 100000)}"),
        npy_bytes("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"\x80\x04N."),
        npy_bytes("{'descr': '<f4', 'shape': ((((("),
        npy_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2, 2)}", bytes(64)),
    ],
    ids=["empty", "text", "magic only", "huge claim", "pickle", "header cut off", "negative"],
)
@pytest.mark.parametrize("name", ["bad.npy", "bad.npz"])
def test_a_file_of_no_plain_arrays_is_refused(run: Run, content: bytes, name: str) -> None:
    save_flattener((3, 2, 2))
    Path(name).write_bytes(content)
    assert error_of(run("model.onnx", name), status=1).startswith(f"{name}: ")


def test_an_array_of_words_is_refused(run: Run) -> None:
    save_flattener((1, 1, 2))
    np.save("a.npy", np.asarray([[["a", "b"]]]))
    assert "takes float32" in error_of(run("model.onnx", "a.npy"), status=1)


def save_two_inputs() -> None:
    save_model(
        "model.onnx",
        [helper.make_node("Concat", ["left", "right"], ["both"], axis=1)],
        {"left": ["batch", 1], "right": ["batch", 2]},
        {"both": ["batch", 3]},
        None,
    )


def test_several_inputs_come_from_an_npz_by_name(run: Run) -> None:
    save_two_inputs()
    np.savez("a.npz", right=np.asarray([0.0, 9.0]), left=np.asarray([1.0]), note=np.asarray("x"))
    outcome = run("model.onnx", "a.npz", "--top", "1", "-o", "raw.npz")
    assert outcome == (0, "a.npz\n  1  2  100.0%\n", "")
    with np.load("raw.npz") as raw:
        assert raw["both"].tolist() == [[1.0, 0.0, 9.0]]


def test_a_missing_array_of_an_npz_is_named(run: Run) -> None:
    save_two_inputs()
    np.savez("a.npz", left=np.asarray([1.0]))
    assert "no array named right" in error_of(run("model.onnx", "a.npz"), status=1)


def test_one_array_or_picture_for_several_inputs_is_refused_with_their_names(run: Run) -> None:
    save_two_inputs()
    np.save("a.npy", np.zeros(1))
    save_png("a.png", COLOURS)
    for name in ("a.npy", "a.png"):
        error = error_of(run("model.onnx", name), status=1)
        assert "2 inputs (left, right); give a .npz" in error


def test_batches_that_disagree_are_an_error_of_the_input(run: Run) -> None:
    save_two_inputs()
    np.savez("a.npz", left=np.zeros((2, 1)), right=np.zeros((3, 2)))
    error = error_of(run("model.onnx", "a.npz"), status=1)
    assert error.startswith("a.npz: ") and "is 2 in one place and 3 in another" in error


# Models


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"archspec: 1\nname: lenet5\n", "not a model that onnxruntime can load"),
        (bytes(range(256)), "not a model that onnxruntime can load"),
    ],
    ids=["empty", "a spec", "bytes"],
)
def test_a_file_that_is_no_model_is_refused(run: Run, content: bytes, message: str) -> None:
    Path("model.onnx").write_bytes(content)
    error = error_of(run("model.onnx", "a.png"), status=2)
    assert error.startswith("model.onnx: ") and message in error and "archspec build" in error


def test_a_model_cut_off_at_any_byte_is_refused_or_runs(run: Run) -> None:
    save_flattener((2, 1, 1), labels=["a", "b"])
    np.save("a.npy", np.zeros((2, 1, 1)))
    whole = Path("model.onnx").read_bytes()
    for length in range(len(whole)):
        Path("cut.onnx").write_bytes(whole[:length])
        outcome = run("cut.onnx", "a.npy")
        if outcome.status != 0:
            error_of(outcome, status=2)


def test_a_missing_model_and_a_folder_are_refused(run: Run) -> None:
    missing = error_of(run("gone.onnx", "a.png"), status=2)
    assert missing.startswith("gone.onnx: the model cannot be read: no such file or directory; ")
    assert "is a directory" in error_of(run(".", "a.png"), status=2)


def test_a_missing_weights_file_is_named(run: Run) -> None:
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="gone.safetensors")
    save_doubler()
    model = onnx.load("model.onnx", load_external_data=False)
    model.graph.initializer.append(weights)
    model.graph.node[0].input[1] = "w"
    Path("model.onnx").write_bytes(model.SerializeToString())
    assert "gone.safetensors" in error_of(run("model.onnx", "a.npy"), status=2)


def test_a_model_without_metadata_takes_arrays_and_says_why_not_pictures(run: Run) -> None:
    save_flattener((3, 2, 2))
    save_png("a.png", COLOURS)
    np.save("a.npy", np.zeros((3, 2, 2)))
    outcome = run("model.onnx", "a.png", "a.npy")
    assert "not written by archspec; give the preprocessed values as .npy" in error_of(outcome, 1)
    assert outcome.out.startswith("a.npy\n")


def test_a_model_without_a_preprocess_section_says_to_add_one(run: Run) -> None:
    save_flattener((3, 2, 2), labels=[str(index) for index in range(12)])
    save_png("a.png", COLOURS)
    assert "no `preprocess` section" in error_of(run("model.onnx", "a.png"), status=1)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("{", "archspec: Invalid JSON"),
        ("[" * 100_000, "archspec: Invalid JSON"),
        ("[]", "archspec: "),
        ('{"name": "x", "labels": [1]}', "archspec.labels.0: "),
        ('{"name": "x", "scores": "guesses"}', "archspec.scores: "),
        ('{"name": "x", "preprocess": {"sharpen": 1}}', "archspec.preprocess.sharpen: "),
        ('{"name": "x", "preprocess": {"crop": -1}}', "archspec.preprocess.crop: must be a number"),
    ],
)
def test_metadata_that_cannot_be_used_is_refused_with_its_place(
    run: Run, metadata: str, message: str
) -> None:
    node = helper.make_node("Neg", ["x"], ["y"])
    save_model("model.onnx", [node], {"x": ["batch", 2]}, {"y": ["batch", 2]}, metadata)
    error = error_of(run("model.onnx", "a.png"), status=2)
    assert f"its metadata cannot be used: {message}" in error and "build the model again" in error


def test_metadata_of_a_later_version_may_say_more(run: Run) -> None:
    save_flattener((2, 1, 1), licence="MIT")
    np.save("a.npy", np.zeros((2, 1, 1)))
    assert run("model.onnx", "a.npy").status == 0


def test_labels_that_are_not_as_many_as_the_classes_are_refused(run: Run) -> None:
    save_flattener((3, 1, 1), labels=["cat", "dog"])
    np.save("a.npy", np.zeros((3, 1, 1)))
    assert "2 labels for 3 classes" in error_of(run("model.onnx", "a.npy"), status=2)


# The command line


@pytest.mark.parametrize(
    "arguments",
    [
        ["model.onnx"],
        ["model.onnx", "a.png", "--top", "0"],
        ["model.onnx", "a.png", "--top", "many"],
        ["model.onnx", "a.png", "--format", "xml"],
        ["model.onnx", "a.png", "-o", "a.png"],
    ],
)
def test_wrong_usage_has_status_2(run: Run, arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert outcome.status == 2 and "error: " in outcome.err


def in_a_new_process(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_importing_the_command_imports_no_numpy_onnxruntime_or_pillow() -> None:
    code = (
        "import sys, archspec.cli.run, archspec.preprocess\n"
        "print(sorted({'numpy', 'onnxruntime', 'PIL'} & set(sys.modules)))"
    )
    result = in_a_new_process(code)
    assert (result.stdout, result.stderr) == ("[]\n", "")


MAIN = """
import sys
sys.modules.update(dict.fromkeys(filter(None, [sys.argv.pop(1)])))  # is not to be imported
from archspec.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(("module", "package"), [("onnxruntime", "onnxruntime"), ("PIL", "Pillow")])
def test_a_missing_package_says_how_to_install_it(run: Run, module: str, package: str) -> None:
    save_flattener((3, 2, 2), preprocess={})
    save_png("a.png", COLOURS)
    result = in_a_new_process(MAIN, module, "run", "model.onnx", "a.png")
    error = error_of(Outcome(result.returncode, result.stdout, result.stderr), status=2)
    assert error == f'{package} is not installed: pip install "archspec-nn[run]"'


def test_arrays_are_run_without_pillow(run: Run) -> None:
    save_flattener((3, 2, 2), preprocess={})
    np.save("a.npy", np.zeros((3, 2, 2)))
    result = in_a_new_process(MAIN, "PIL", "run", "model.onnx", "a.npy", "--top", "1")
    assert (result.returncode, result.stdout) == (0, "a.npy\n  1  0  8.3%\n")


@pytest.mark.skipif(os.name != "posix", reason="signals and named pipes")
def test_an_interrupt_ends_quietly_with_status_130(run: Run) -> None:
    save_flattener((3, 2, 2), preprocess={})
    os.mkfifo("pipe.png")
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "", "run", "model.onnx", "pipe.png"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    pipe = writer_once_read("pipe.png", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    os.close(pipe)
    assert (process.returncode, out, err) == (130, b"", b"")


def writer_once_read(pipe: str, reader: subprocess.Popen[bytes]) -> int:
    """Opens a named pipe as soon as the process waits for what comes out of it."""
    while reader.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            time.sleep(0.01)
    raise AssertionError(reader.communicate())


# The section as data


def test_a_section_survives_its_way_through_json() -> None:
    section = Preprocess(resize=(256, 300), crop=224, mean=(1.0, 2.0, 3.0), channels="bgr")
    assert Preprocess.model_validate_json(section.model_dump_json()) == section


@pytest.mark.parametrize(
    "fields",
    [
        {"resize": 0},
        {"resize": True},
        {"resize": "224"},
        {"resize": 224.0},
        {"resize": [1, 2, 3]},
        {"resize": 10**9},
        {"resize": 224, "crop": 256},
        {"resize": [224, 100], "crop": 224},
        {"mean": [1, 2]},
        {"mean": []},
        {"mean": [True, 1, 1]},
        {"mean": float("nan")},
        {"mean": 10**400},
        {"channels": "gray", "std": [1, 1, 1]},
        {"std": 0},
        {"std": [1, 1, -1]},
        {"scale": 0},
        {"scale": float("inf")},
        {"scale": 10**400},
        {"interpolation": "lanczos"},
        {"channels": "RGB"},
        {"sharpen": True},
    ],
    ids=str,
)
def test_a_mistake_in_a_section_is_one_error_at_its_last_field(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Preprocess.model_validate(fields)
    (error,) = caught.value.errors()
    assert error["loc"] == (list(fields)[-1],)
