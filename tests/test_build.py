"""`archspec build`: what it writes, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import archspec
from archspec.cli import main
from archspec.weights.save import save_safetensors
from tests.specs import spec

NET = spec(
    "- conv: {out_channels: $n, kernel_size: 3}\n- relu\n- batch_norm\n- flatten\n- fc: 4",
    sections="vars: {n: 2}",
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a spec called net.yaml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path


def _listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _weights(model: str) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(model).graph.initializer}


def test_build_writes_an_onnx_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "net.yaml", "--export", "onnx", "-o", "out.onnx"]) == 0
    out, err = capsys.readouterr()
    assert "out.onnx" in out and err == ""
    onnx.checker.check_model(onnx.load("out.onnx"), full_check=True)
    assert {"conv1.weight", "conv1.bias", "fc1.weight"} <= set(_weights("out.onnx"))
    assert _listed(here) == ["net.yaml", "out.onnx"]


def test_build_writes_a_torch_module_that_loads_without_archspec(here: Path) -> None:
    torch = pytest.importorskip("torch")
    assert main(["build", "net.yaml", "--export", "torch", "-o", "out.pt"]) == 0
    module = torch.load("out.pt", weights_only=False)
    assert module(torch.zeros(2, 3, 8, 8)).shape == (2, 4)
    code = (
        "import sys, torch; sys.modules['archspec'] = None;"
        "module = torch.load('out.pt', weights_only=False);"
        "print(module(torch.zeros(1, 3, 8, 8)).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert "[1, 4]" in done.stdout, done.stderr


def test_the_default_file_is_called_after_the_network(here: Path) -> None:
    assert main(["build", "net.yaml", "--export", "onnx"]) == 0
    assert _listed(here) == ["net.yaml", "test.onnx"]


@pytest.mark.parametrize(
    "name",
    [
        "../../evil",
        "/etc/evil",
        "a/b",
        "..",
        ".",
        "-o",
        "a b",
        "a\\0b",
        "~",
        "CON",
        "💥",
        "..\\\\x",
        ".hidden",
        "a" * 200,
        "名" * 200,
        "a\\nb",
        "$(ls)",
    ],
)
def test_a_hostile_name_makes_a_file_here_and_nowhere_else(name: str, here: Path) -> None:
    (here / "net.yaml").write_text(NET.replace("name: test", f'name: "{name}"'))
    inner = here / "inner"
    inner.mkdir()
    os.chdir(inner)
    status = main(["build", "../net.yaml", "--export", "onnx"])
    assert _listed(here) == ["inner", "net.yaml"]
    if status == 0:
        (made,) = _listed(inner)
        assert made.endswith(".onnx") and not made.startswith((".", "-o"))
    else:
        assert _listed(inner) == []


def test_build_takes_set_and_the_zoo_and_standard_input(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["build", "net.yaml", "--export", "onnx", "--set", "n=5"]) == 0
    assert _weights("test.onnx")["conv1.weight"].shape == (5, 3, 3, 3)
    assert main(["build", "lenet5", "--export", "onnx"]) == 0
    assert (here / "lenet5.onnx").exists()
    command = [sys.executable, "-m", "archspec", "build", "-", "--export", "onnx", "-o", "s.onnx"]
    done = subprocess.run(command, input=NET.encode(), capture_output=True, check=False)
    assert done.returncode == 0 and (here / "s.onnx").exists()


# Seeds and weights


def test_the_same_seed_makes_the_same_bytes_and_another_makes_others(here: Path) -> None:
    for output, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert main(["build", "net.yaml", "--export", "onnx", "-o", output, "--seed", seed]) == 0
    a, b, c = ((here / name).read_bytes() for name in "abc")
    assert a == b != c


def test_the_same_seed_makes_the_same_bytes_in_another_process(here: Path) -> None:
    assert main(["build", "net.yaml", "--export", "onnx", "-o", "a", "--seed", "7"]) == 0
    command = [sys.executable, "-m", "archspec", "build", "net.yaml", "--export", "onnx", "-o", "b"]
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    subprocess.run([*command, "--seed", "7"], check=True, env=environment, capture_output=True)
    assert (here / "a").read_bytes() == (here / "b").read_bytes()


def test_both_backends_have_the_same_weights(here: Path) -> None:
    torch = pytest.importorskip("torch")
    assert main(["build", "net.yaml", "--export", "onnx", "-o", "a.onnx", "--seed", "3"]) == 0
    assert main(["build", "net.yaml", "--export", "torch", "-o", "a.pt", "--seed", "3"]) == 0
    found = torch.load("a.pt", weights_only=False).state_dict()
    made = _weights("a.onnx")
    graph = archspec.load("net.yaml")
    for name, tensor in graph.tensors():
        assert made[name].shape == tensor.shape
        assert np.array_equal(made[name], found[name].numpy()), name


@pytest.mark.parametrize("seed", ["-1", "x", "1.5", str(2**70)])
def test_a_seed_is_any_integer_or_a_usage_error(seed: str, here: Path) -> None:
    command = [sys.executable, "-m", "archspec", "build", "net.yaml", "--export", "onnx"]
    done = subprocess.run([*command, f"--seed={seed}"], capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 2)
    assert (done.returncode == 0) == (here / "test.onnx").exists()


def test_given_weights_are_written_and_no_others(here: Path) -> None:
    graph = archspec.load("net.yaml")
    given = {name: np.full(t.shape, 0.5, np.float32) for name, t in graph.tensors()}
    save_safetensors("w.safetensors", given)
    options = ["--export", "onnx", "--weights", "w.safetensors", "-o", "a.onnx"]
    assert main(["build", "net.yaml", *options]) == 0
    made = _weights("a.onnx")
    assert all((made[name] == 0.5).all() for name in given)


def test_a_tensor_that_does_not_fit_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = archspec.load("net.yaml")
    right = {name: np.zeros(t.shape, np.float32) for name, t in graph.tensors()}
    cases = {
        "AS602": {k: v for k, v in right.items() if k != "fc1.bias"},
        "AS603": {**right, "fc9.weight": np.zeros(3, np.float32)},
        "AS604": {**right, "fc1.bias": np.zeros(5, np.float32)},
    }
    for code, given in cases.items():
        save_safetensors("w.safetensors", given)
        command = ["build", "net.yaml", "--export", "onnx", "--weights", "w.safetensors", "-o", "a"]
        assert main(command) == 1
        err = capsys.readouterr().err
        assert code in err and ("fc9.weight" if code == "AS603" else "fc1.bias") in err
        assert "help:" in err
        assert not (here / "a").exists()


# What is left alone


@pytest.mark.parametrize("target", ["net.yaml", "./net.yaml", "link.yaml", "w.safetensors"])
def test_build_does_not_write_over_what_it_reads(
    target: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "link.yaml").symlink_to("net.yaml")
    given = {n: np.zeros(t.shape, np.float32) for n, t in archspec.load("net.yaml").tensors()}
    save_safetensors("w.safetensors", given)
    before = (here / target).read_bytes()
    command = ["build", "net.yaml", "--export", "onnx", "--weights", "w.safetensors", "-o", target]
    assert main(command) == 2
    assert (here / target).read_bytes() == before
    assert "choose another" in capsys.readouterr().err


FAILURES: dict[str, list[str]] = {
    "an error in the spec": ["bad.yaml"],
    "no spec": ["none.yaml"],
    "no weights": ["net.yaml", "--weights", "none.safetensors"],
    "weights that are none": ["net.yaml", "--weights", "net.yaml"],
    "a folder for weights": ["net.yaml", "--weights", "."],
    "weights of another network": ["net.yaml", "--weights", "other.safetensors"],
}


@pytest.mark.parametrize("title", FAILURES)
@pytest.mark.parametrize("export", ["onnx", "torch"])
def test_a_failed_build_leaves_the_earlier_file_whole(
    title: str, export: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "bad.yaml").write_text(NET + "  - rel\n")
    save_safetensors("other.safetensors", {"a": np.zeros(3, np.float32)})
    (here / "out").write_bytes(b"earlier")
    before = _listed(here)
    status = main(["build", *FAILURES[title], "--export", export, "-o", "out"])
    assert status in (1, 2)
    assert capsys.readouterr().err
    assert (here / "out").read_bytes() == b"earlier"
    assert _listed(here) == before


@pytest.mark.parametrize("export", ["onnx", "torch"])
def test_a_build_that_breaks_while_writing_leaves_the_earlier_file_whole(
    export: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if export == "torch":
        pytest.importorskip("torch")
    (here / "out").write_bytes(b"earlier")
    before = _listed(here)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert main(["build", "net.yaml", "--export", export, "-o", "out"]) == 2
    assert "No space left" in capsys.readouterr().err
    assert (here / "out").read_bytes() == b"earlier"
    assert _listed(here) == before


@pytest.mark.parametrize("output", ["folder", "none/a.onnx", "net.yaml/a", "x" * 300, ""])
def test_an_output_that_cannot_be_written_is_said_with_status_2(
    output: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "folder").mkdir()
    before = _listed(here)
    status = main(["build", "net.yaml", "--export", "onnx", "-o", output])
    err = capsys.readouterr().err
    if output:
        assert status == 2 and err.startswith("archspec: error: ") and output[:40] in err
        assert _listed(here) == before
    assert "Traceback" not in err


def test_a_spec_with_errors_writes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "bad.yaml").write_text(NET + "  - rel\n")
    assert main(["build", "bad.yaml", "--export", "onnx", "-o", "a"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "AS202" in err
    assert not (here / "a").exists()


# Without a backend


def test_without_torch_build_says_what_to_install(here: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from archspec.cli import main;"
        "sys.exit(main(['build', 'net.yaml', '--export', 'torch', '-o', 'out']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 2
    assert 'pip install "archspec-nn[torch]"' in done.stderr
    assert "Traceback" not in done.stderr
    assert not (here / "out").exists()


def test_building_onnx_never_imports_torch_or_onnxruntime(here: Path) -> None:
    code = (
        "import sys; from archspec.cli import main;"
        "main(['build', 'net.yaml', '--export', 'onnx', '-o', 'out']);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    roots = {name.split(".")[0] for name in done.stderr.split()}
    assert "onnx" in roots and roots.isdisjoint({"torch", "onnxruntime"})
