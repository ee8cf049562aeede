"""Running a network whose sizes are free: it is given what it takes, or it is said what that is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archspec.cli import main
from archspec.metadata import Sizes
from tests.specs import spec

pytest.importorskip("onnxruntime")
pytest.importorskip("sympy")

HALVES = """
- max_pool: 2
- upsample: {scale_factor: 2}
- add: {from: [previous, input]}
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "halves.yaml"
    path.write_text(spec(HALVES, input="[3, H, W]"), "utf-8")
    target = str(tmp_path / "halves.onnx")
    assert main(["build", str(path), "--export", "onnx", "-o", target]) == 0
    return target


def test_sizes_that_fit_are_run(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, shape in enumerate([(3, 2, 2), (3, 4, 10), (2, 3, 6, 8)]):
        np.save(tmp_path / f"{number}.npy", np.ones(shape, np.float32))
        assert main(["run", model, str(tmp_path / f"{number}.npy")]) == 0
    assert "3 × 6 × 8" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("shape", "name", "number"), [((3, 5, 4), "H", 5), ((3, 4, 7), "W", 7), ((3, 200, 1), "W", 1)]
)
def test_a_size_that_does_not_fit_is_refused_with_what_would(
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    shape: tuple[int, ...],
    name: str,
    number: int,
) -> None:
    np.save(tmp_path / "x.npy", np.ones(shape, np.float32))
    assert main(["run", model, str(tmp_path / "x.npy")]) == 1
    expected = f"the network takes {name} divisible by 2, and here it is {number}"
    assert expected in capsys.readouterr().err


def test_a_size_of_one_name_is_one_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "square.yaml"
    path.write_text(spec("- relu", input="[3, H, H]"), "utf-8")
    target = str(tmp_path / "square.onnx")
    assert main(["build", str(path), "--export", "onnx", "-o", target]) == 0
    np.save(tmp_path / "x.npy", np.ones((3, 4, 5), np.float32))
    assert main(["run", target, str(tmp_path / "x.npy")]) == 1
    assert "H is 4 in one place and 5 in another" in capsys.readouterr().err


def test_inputs_have_one_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sum would take one sample for all of the other input, as numpy does."""
    path = tmp_path / "two.yaml"
    text = spec("- add: {from: [a, b]}", input="[4]")
    path.write_text(text.replace("input: [4]", "inputs: {a: [4], b: [4]}"), "utf-8")
    target = str(tmp_path / "two.onnx")
    assert main(["build", str(path), "--export", "onnx", "-o", target]) == 0
    np.savez(tmp_path / "x.npz", a=np.ones((3, 4), np.float32), b=np.ones((1, 4), np.float32))
    assert main(["run", target, str(tmp_path / "x.npz")]) == 1
    assert "batch is 3 in one place and 1 in another" in capsys.readouterr().err


def test_runs_of_numbers_admit_what_they_say() -> None:
    sizes = Sizes(words="", period=4, runs=((0, 8, None), (1, 1, 9)))
    assert [n for n in range(1, 18) if sizes.admits(n)] == [1, 5, 8, 9, 12, 16]
