"""How much room there is for weights, and what `build` says where there is not enough."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from archspec import room
from archspec.cli import main

SPEC = "archspec: 1\nname: big\ninput: [{size}]\nlayers: [fc: {size}]\n"


def _machine(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    """A machine that says this of its memory."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    monkeypatch.setattr(room, "_MEMORY", folder / "meminfo")
    monkeypatch.setattr(room, "_GROUP", folder)


def test_free_memory_is_what_the_machine_says_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo = "MemTotal:  900 kB\nMemFree: 100 kB\nMemAvailable:    300 kB\n"
    _machine(tmp_path, monkeypatch, meminfo=meminfo)
    assert room.free_memory() == 300 * 1024


@pytest.mark.parametrize(
    ("limit", "used", "free"), [("4096", "1096", 3000), ("10", "30", 0), ("max", "1", 300 * 1024)]
)
def test_in_a_container_it_is_what_that_is_granted(
    limit: str, used: str, free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"memory_max": f"{limit}\n", "memory_current": f"{used}\n"}
    _machine(tmp_path, monkeypatch, meminfo="MemAvailable: 300 kB\n", **files)
    assert room.free_memory() == free


def test_a_system_that_says_nothing_is_not_held_against_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _machine(tmp_path, monkeypatch)
    monkeypatch.delattr("os.sysconf", raising=False)
    assert room.free_memory() == sys.maxsize
    assert room.free_on_disk(tmp_path / "nowhere" / "file") == sys.maxsize


@pytest.mark.parametrize(
    ("export", "held"),
    # 1000² weights and 1000 biases of 4 bytes; one tensor at a time, or all and one more.
    [("onnx", 4_000_000), ("torch", 4_004_000 + 4_000_000)],
)
def test_a_network_that_does_not_fit_into_memory_is_refused_with_its_size(
    export: str,
    held: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec, output = tmp_path / "big.yaml", tmp_path / "out"
    spec.write_text(SPEC.format(size=1000))
    build = ["build", str(spec), "--export", export, "-o", str(output)]
    monkeypatch.setattr("archspec.cli.build.free_memory", lambda: held - 1)
    assert main(build) == 2
    said = capsys.readouterr().err
    assert f"{held:,} bytes of memory" in said and f"{held - 1:,} are free" in said
    assert not output.exists()
    monkeypatch.setattr("archspec.cli.build.free_memory", lambda: held)
    assert main(build) == 0 and output.exists()


@pytest.mark.parametrize("export", ["onnx", "torch"])
def test_a_network_of_terabytes_is_counted_and_not_built(
    export: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "big.yaml"
    spec.write_text(SPEC.format(size=2**19))
    assert main(["check", str(spec)]) == 0
    assert f"{2**38 + 2**19:,}" in capsys.readouterr().out
    assert main(["build", str(spec), "--export", export, "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "would take 1,099,51" in said and "free" in said  # 4 (2³⁸ + 2¹⁹), or of that 4 · 2³⁸
    assert [path.name for path in tmp_path.iterdir()] == ["big.yaml"]
