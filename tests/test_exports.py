"""What a network can be exported as, and what may be asked of each export."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import archspec
from archspec.cli import main
from archspec.exports import EXPORTS, Request, RequestError
from archspec.weights import load
from tests.specs import spec

NET = spec(
    "- conv: {out_channels: 4, kernel_size: 3, bias: false}\n- batch_norm\n- relu\n"
    "- dropout: 0.5\n- flatten\n- fc: 4\n",
    sections=(
        "preprocess: {resize: 9, crop: 8, scale: 0.0039, mean: 0.5}\nlabels: [cat, dog, bird, fish]"
    ),
)
SHAPE = (2, 3, 8, 8)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path


def build(*options: str) -> int:
    return main(["build", "net.yaml", *options])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def outputs(path: str, **inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(None, inputs)
    return found


def pixels() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"precision": "int8"}, "--calibrate DATA"),
        ({"precision": "int8", "calibrate": Path("x"), "optimize": "none"}, "--optimize none"),
        ({"precision": "int8", "calibrate": Path("x"), "pointing": True}, "--weights"),
        ({"calibrate": Path("x")}, "--precision int8"),
        ({"calibration_samples": 3, "precision": "fp16"}, "--precision int8"),
        ({"precision": "int8", "calibrate": Path("x"), "external_data": True}, "leave"),
        ({"reduced_io": True}, "--precision fp16"),
        ({"with_top_k": 0}, "`--with-top-k` is 0: it must be at least 1"),
        ({"precision": "int8", "calibrate": Path("x"), "calibration_samples": 0}, "at least 1"),
        ({"calibration_samples": 0}, "--precision int8"),
        ({"instances": -1}, "`--instances` is -1: it must be at least 1"),
        ({"max_batch": 2**31}, "`--max-batch` is 2,147,483,648: it must be at most 2,147,483,647"),
        ({"precision": "fp8"}, "fp32, fp16, bf16, int8"),
        ({"optimize": "some"}, "none, fold, all"),
    ],
)
def test_what_does_not_go_together_is_refused_with_a_way_out(
    asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        Request(**asked)


def test_a_reduced_precision_is_optimised_unless_it_is_said_otherwise() -> None:
    assert Request().level == "none"
    assert Request(precision="fp16").level == "all"
    assert Request(precision="fp16", optimize="none").level == "none"
    assert Request(optimize="fold").level == "fold"


@pytest.mark.parametrize("word", sorted(EXPORTS))
def test_each_export_refuses_what_is_for_others(
    word: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {
        "precision": ["--precision", "fp16"],
        "with_preprocess": ["--with-preprocess"],
        "with_softmax": ["--with-softmax"],
        "with_top_k": ["--with-top-k", "2"],
        "pointing": ["--weights-from", "w.safetensors"],
    }
    for name, arguments in options.items():
        if name not in EXPORTS[word].takes:
            assert build("--export", word, *arguments) == 2
            assert "is for `--export onnx`" in said(capsys)
    assert [path.name for path in here.iterdir()] == ["net.yaml"]


def test_the_exports_of_pytorch_compute_the_same(here: Path) -> None:
    module = archspec.to_torch(archspec.load("net.yaml"))
    x = torch.from_numpy(pixels())
    assert build("--export", "weights", "-o", "w.safetensors") == 0
    arrays = load(archspec.load("net.yaml"), "w.safetensors")
    given = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    with torch.no_grad():
        expected = module(x)
        readers: dict[str, Callable[[str], Any]] = {
            "torch": lambda path: torch.load(path, weights_only=False),
            "torchscript": torch.jit.load,
            "program": lambda path: torch.export.load(path).module(),
        }
        for word, read in readers.items():
            assert build("--export", word, "-o", f"out.{word}") == 0
            torch.testing.assert_close(read(f"out.{word}")(x), expected)
        assert build("--export", "python", "-o", "net.py") == 0
        written = runpy.run_path("net.py")["Test"]().eval()
        written.load_state_dict(given, strict=False)
        torch.testing.assert_close(written(x), expected)


def test_onnx_computes_the_same_however_it_is_optimised(here: Path) -> None:
    x = pixels()
    for level in ("none", "fold", "all"):
        assert build("--export", "onnx", "--optimize", level, "-o", f"{level}.onnx") == 0
    assert (here / "all.onnx").stat().st_size < (here / "none.onnx").stat().st_size
    plain, fold, every = (outputs(f"{level}.onnx", input=x) for level in ("none", "fold", "all"))
    np.testing.assert_allclose(fold, plain, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(every, plain, rtol=1e-4, atol=1e-5)


def test_weights_from_a_file_beside_it_are_not_copied(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build("--export", "weights", "-o", "w.safetensors", "--seed", "3") == 0
    assert build("--export", "onnx", "--weights-from", "w.safetensors", "-o", "net.onnx") == 0
    assert "must stay beside it" in capsys.readouterr().out
    assert build("--export", "onnx", "--seed", "3", "-o", "copy.onnx") == 0
    copied, pointing = (outputs(f"{name}.onnx", input=pixels()) for name in ("copy", "net"))
    np.testing.assert_array_equal(copied, pointing)
    (here / "elsewhere").mkdir()
    capsys.readouterr()
    status = build("--export", "onnx", "--weights-from", "w.safetensors", "-o", "elsewhere/n.onnx")
    assert status == 2
    assert "--weights" in said(capsys)
    assert list((here / "elsewhere").iterdir()) == []


def test_weights_in_a_file_of_their_own_are_said(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build("--export", "onnx", "--external-data", "-o", "net.onnx") == 0
    assert "net.onnx.data must stay beside it" in capsys.readouterr().out
    assert build("--export", "onnx", "-o", "whole.onnx") == 0
    apart, whole = (outputs(f"{name}.onnx", input=pixels()) for name in ("net", "whole"))
    np.testing.assert_array_equal(apart, whole)


def test_int8_and_its_calibration(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("samples.npy", np.repeat(pixels(), 8, axis=0))
    int8 = ("--export", "onnx", "--precision", "int8", "-o", "int8.onnx", "--calibrate")
    assert build(*int8, "missing.npy") == 2
    assert "missing.npy" in said(capsys)
    assert build(*int8, "samples.npy") == 0
    assert build("--export", "onnx", "-o", "net.onnx") == 0
    exact, found = (outputs(f"{name}.onnx", input=pixels())[0] for name in ("net", "int8"))
    assert 0 < np.abs(found - exact).max() < 0.1 * np.abs(exact).max() + 0.05
    assert not [path.name for path in here.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("output", ["missing/int8.onnx", "folder"])
def test_a_place_that_int8_cannot_be_written_to_is_named_before_anything_is_measured(
    output: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "folder").mkdir()
    np.save("samples.npy", pixels())
    int8 = ("--export", "onnx", "--precision", "int8", "--calibrate", "samples.npy")
    assert build(*int8, "-o", output) == 2
    assert said(capsys).startswith(f"archspec: error: cannot use {output}: ")


def test_a_fault_of_the_quantizer_is_told_of_the_output(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save("samples.npy", pixels())

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("it overflows")

    monkeypatch.setattr("onnxruntime.quantization.quantize_static", fails)
    int8 = ("--export", "onnx", "--precision", "int8", "--calibrate", "samples.npy")
    assert build(*int8, "-o", "int8.onnx") == 2
    assert said(capsys).startswith("archspec: error: int8.onnx: onnxruntime could not quantise")
    assert sorted(path.name for path in here.iterdir()) == ["net.yaml", "samples.npy"]


@pytest.mark.parametrize("lost", ["net.yaml", "w.safetensors", "n.onnx.data", "kinds.py"])
def test_what_the_network_is_read_from_is_not_overwritten(
    lost: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "kinds.py").write_text("KINDS = []\n")
    assert build("--export", "weights", "-o", "w.safetensors") == 0
    (here / "n.onnx.data").write_bytes((here / "w.safetensors").read_bytes())
    before = (here / lost).read_bytes()
    weights = lost if lost == "n.onnx.data" else "w.safetensors"
    output = lost.removesuffix(".data")
    asked = ("--export", "onnx", "--weights", weights, "--kinds", "kinds.py", "-o", output)
    assert build(*asked) == 2
    assert f"{lost} is what the network is read from" in said(capsys)
    assert (here / lost).read_bytes() == before


def test_a_file_that_points_nowhere_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("--export", "weights", "-o", "w.safetensors") == 0
    pointing = ("--export", "onnx", "--weights-from", "w.safetensors", "--precision", "fp16")
    assert build(*pointing, "-o", "half.onnx") == 0
    assert "so it needs no other file" in capsys.readouterr().out
    (here / "w.safetensors").unlink()
    outputs("half.onnx", input=pixels())


def test_source_code_has_no_weights_and_says_so(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build("--export", "weights", "-o", "w.safetensors") == 0
    assert build("--export", "python", "--weights", "w.safetensors", "-o", "net.py") == 0
    assert "`--export weights` writes them" in said(capsys)


def test_pictures_in_and_the_likeliest_classes_out(here: Path) -> None:
    ends = ("--with-preprocess", "--with-softmax", "--with-top-k", "2")
    assert build("--export", "onnx", *ends, "-o", "net.onnx") == 0
    pictures = np.random.default_rng(0).integers(0, 256, (2, 12, 10, 3), np.uint8)
    scores, classes = outputs("net.onnx", input=pictures)
    assert scores.shape == classes.shape == (2, 2)
    assert (scores[:, 0] >= scores[:, 1]).all() and (scores.sum(axis=1) <= 1).all()


@pytest.mark.parametrize(
    ("missing", "message"), [("torch", "PyTorch is not installed"), ("sympy", "named 'sympy'")]
)
def test_what_pytorch_needs_is_not_taken_for_pytorch(
    missing: str, message: str, here: Path
) -> None:
    # In a process of its own: PyTorch can't be imported twice.
    (here / "torch.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{missing}'\", name='{missing}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "archspec", "build", "net.yaml", "--export", "torch"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
