"""`archspec doctor`: what it finds, what it says to do, and its exit status.

What is not on the machine that runs the tests (GPUs, clashing packages) is put in its way: programs
on PATH, the metadata of packages, Linux's cpuinfo.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from archspec.cli import doctor, main
from archspec.doctor import devices, installed, machine, nvidia
from archspec.doctor.finding import Finding
from archspec.terminal import Style

ROOT = Path(__file__).parent.parent


def find(findings: Sequence[Finding], name: str) -> Finding:
    (finding,) = [each for each in findings if each.name == name]
    return finding


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a shell script of this name the only one that is found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, body: str) -> str:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)

    return make


# The whole


def test_a_machine_that_runs_networks_on_its_cpu_is_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main(["doctor", "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    assert (status, document["ok"]) == (0, True)
    found = {(each["section"], each["name"]): each for each in document["findings"]}
    assert found["devices", "cpu"]["value"] == "runs a network"
    assert found["software", "onnxruntime"]["value"] == metadata.version("onnxruntime")
    assert platform.python_version() in found["software", "python"]["value"]


def test_nothing_that_could_hang_is_imported() -> None:
    program = (
        "import sys\n"
        "from archspec.cli import main\n"
        "main(['doctor', '--format', 'json'])\n"
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'ray'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stderr.decode().strip() == "[]"


RUNS = Finding("devices", "cpu", "runs a network")


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([RUNS], 0),
        ([RUNS, Finding("devices", "cuda", "", "absent")], 0),
        ([RUNS, Finding("devices", "cuda", "", "broken")], 1),
        ([Finding("devices", "cpu", "", "absent")], 1),
    ],
)
def test_the_exit_status_is_0_where_the_cpu_works_and_nothing_is_broken(
    findings: list[Finding],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module, name in (
        (installed, "software"),
        (installed, "extras"),
        (machine, "machine"),
        (nvidia, "nvidia"),
    ):
        monkeypatch.setattr(module, name, lambda: [])
    monkeypatch.setattr(devices, "devices", lambda: findings)
    assert main(["doctor"]) == status
    assert capsys.readouterr().out.startswith("devices\n  ")


def test_the_text_has_a_line_a_finding_and_below_it_what_to_do() -> None:
    findings = [
        RUNS,
        Finding("devices", "cuda", "cannot start", "broken", "install it"),
        Finding("other", "name", "bell \x07"),
    ]
    assert doctor._text(findings, Style()) == (
        "devices\n"
        "  ok      cpu   runs a network\n"
        "  broken  cuda  cannot start\n"
        "                → install it\n"
        "\n"
        "other\n"
        "  ok      name  bell \\x07"
    )


# Packages


def test_two_onnxruntimes_are_broken_whichever_of_them_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = {"onnxruntime": ["onnxruntime", "onnxruntime-gpu"]}
    monkeypatch.setattr(metadata, "packages_distributions", lambda: both)
    (finding,) = installed.clashes()
    assert finding.status == "broken"
    assert finding.advice == (
        'pip uninstall -y onnxruntime onnxruntime-gpu, then pip install "archspec-nn[run-gpu]"'
    )


def test_the_library_that_detects_cpus_is_told_from_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = installed.version_of
    monkeypatch.setattr(
        installed, "version_of", lambda name: "0.2.5" if name == "archspec" else real(name)
    )
    (finding,) = installed.clashes()
    assert (finding.status, finding.name) == ("broken", "archspec")
    assert "0.2.5" in finding.value and "pip uninstall -y archspec" in finding.advice


def test_an_extra_is_complete_or_says_what_is_missing_and_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [
        "pydantic>=2.9",
        "numpy>=1.26; extra == 'run'",
        "archspec-nn[predict]; extra == 'ray'",
        'no-such-package>=2.40; extra == "ray"',
        'numpy>=15; extra == "predict"',
        'onnxruntime-gpu>=1.20; extra == "run-gpu"',
    ]
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    findings = list(installed.extras())
    assert [each.name for each in findings] == ["run", "run-gpu", "predict", "ray"]
    assert find(findings, "run").status == "ok"
    ray = find(findings, "ray")
    assert (ray.status, ray.advice) == ("absent", 'pip install "archspec-nn[ray]"')
    assert ray.value.endswith("missing: no-such-package")
    assert find(findings, "run-gpu").advice == (
        'pip uninstall -y onnxruntime, then pip install "archspec-nn[run-gpu]"'
    )


def test_every_extra_that_is_not_for_developers_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    developing = {"dev", "bench", "fuzz", "conventions"}
    assert set(installed.EXTRAS) == set(project["optional-dependencies"]) - developing


# The machine


def test_what_linux_says_of_processors_becomes_what_matters_for_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two cores with two threads each, of a processor with VNNI and without BF16.
    entries = [
        f"processor\t: {n}\nmodel name\t: Xeon\nphysical id\t: 0\ncore id\t\t: {n // 2}\n"
        "flags\t\t: fpu avx2 avx512f avx512_vnni\n"
        for n in range(4)
    ]
    (tmp_path / "cpuinfo").write_text("\n".join(entries))
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    findings = list(machine.machine())
    assert find(findings, "processor").value == "Xeon"
    assert find(findings, "cores").value == "2 physical, 4 logical, 1 for this process"
    assert find(findings, "vectors").value == "AVX2, AVX-512"
    assert find(findings, "int8").value == "AVX-512 VNNI"
    assert find(findings, "bfloat16").value == "no instructions for it"


def test_a_system_without_cpuinfo_is_described_by_what_python_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "none")
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    findings = list(machine.machine())
    assert find(findings, "cores").value == "8 logical"
    assert "int8" not in {finding.name for finding in findings}


# NVIDIA


def test_nvidia_smi_names_the_driver_and_every_gpu(program: Any) -> None:
    # Its documented format, csv,noheader.
    program(
        "nvidia-smi",
        'echo "0, NVIDIA H100 80GB HBM3, 9.0, 81559 MiB, 81000 MiB, 580.65.06"\n'
        'echo "1, NVIDIA H100 80GB HBM3, 9.0, 81559 MiB, 79000 MiB, 580.65.06"',
    )
    findings = list(nvidia._gpus())
    assert find(findings, "driver").value == "580.65.06"
    assert find(findings, "GPU 1").value == (
        "NVIDIA H100 80GB HBM3, compute capability 9.0, 79000 MiB of 81559 MiB free"
    )


@pytest.mark.parametrize(
    ("answer", "value", "status"),
    [
        ("exit 9", "not found", "absent"),
        ("echo 13.0 100 0", "for CUDA 13.0, and it does not start (error 100)", "broken"),
        ("echo 13.0 0 2", "for CUDA 13.0; GPUs: 2", "ok"),
    ],
)
def test_without_nvidia_smi_the_driver_itself_is_asked(
    answer: str, value: str, status: str, program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("nvidia-smi", "echo NVIDIA-SMI has failed; exit 9")
    monkeypatch.setattr(sys, "executable", program("python", answer))
    (finding,) = nvidia._gpus()
    assert (finding.value, finding.status) == (value, status)


def test_libraries_are_found_as_python_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "nvidia_cudnn_cu13-9.24.0.43.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: nvidia-cudnn-cu13\nVersion: 9.24.0.43\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(nvidia, "find_library", lambda name: None)
    assert nvidia.library("cuDNN") == "nvidia-cudnn-cu13 9.24.0.43"
    assert nvidia.library("TensorRT") is None


# Devices, each tried in a process of its own


def test_a_library_that_crashes_the_trial_is_a_finding(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", program("python", "echo said >&2; kill -SEGV $$"))
    finding = devices._tried("cuda", Path("model.onnx"))
    assert finding.status == "broken"
    assert finding.value == "the process that tried it ended with -11: said"


def test_a_library_that_hangs_is_a_finding(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", program("python", "while :; do :; done"))
    monkeypatch.setitem(devices._SECONDS, "cuda", 0.1)
    finding = devices._tried("cuda", Path("model.onnx"))
    assert (finding.status, finding.value) == ("broken", "did not answer in 0.1 s")


@pytest.mark.parametrize(
    ("device", "outcome", "said", "expected"),
    [
        (
            "cuda",
            "broken",
            "CUDA cannot start: the library libcuda.so.1 is missing; it comes with the driver",
            Finding(
                "devices",
                "cuda",
                "CUDA cannot start: the library libcuda.so.1 is missing",
                "broken",
                "it comes with the driver",
            ),
        ),
        (
            "cuda",
            "absent",
            "there is no CUDA (onnxruntime 1.32): pip uninstall -y onnxruntime",
            Finding(
                "devices",
                "cuda",
                "there is no CUDA (onnxruntime 1.32)",
                "absent",
                "pip uninstall -y onnxruntime",
            ),
        ),
        # Its provider comes with onnxruntime-gpu, whoever wants it.
        (
            "tensorrt",
            "broken",
            "TensorRT cannot start: libnvinfer.so.10 is missing; pip install it",
            Finding(
                "devices",
                "tensorrt",
                "TensorRT cannot start: libnvinfer.so.10 is missing",
                "absent",
                "pip install it",
            ),
        ),
    ],
)
def test_what_the_trial_says_is_split_into_what_is_and_what_to_do(
    device: str, outcome: str, said: str, expected: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "library", lambda name: None)
    assert devices._judged(device, outcome, said) == expected


def test_without_onnxruntime_the_way_to_get_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ModuleNotFoundError('onnxruntime')\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = {finding.name: finding for finding in devices.devices()}
    assert [found[name].status for name in devices.DEVICES] == ["absent"] * 3
    assert found["cpu"] == Finding(
        "devices",
        "cpu",
        "onnxruntime is not installed",
        "absent",
        'pip install "archspec-nn[run]"',
    )


@pytest.mark.parametrize("rest", ["", "from onnxruntime.capi import nothing"])
def test_an_onnxruntime_that_is_there_and_cannot_be_imported_is_broken(
    rest: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # As when one of two distributions that share the folder has been uninstalled.
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(f"{rest}\n")
    monkeypatch.syspath_prepend(tmp_path)
    cpu, *others = devices.devices()
    assert cpu.status == "broken"
    assert cpu.value.startswith("onnxruntime cannot be imported (No module named 'onnxruntime.")
    assert cpu.advice == 'uninstall it, then pip install "archspec-nn[run]"'
    assert {finding.value for finding in others} == {"not tried, as the CPU runs nothing"}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("raise RuntimeError('half gone')", "ended with 1: RuntimeError: half gone"),
        ("import sys; sys.exit(0)", "ended without an answer"),
        ("import os; print('[]'); os._exit(3)", "ended with 3: without a word"),
    ],
)
def test_an_onnxruntime_that_does_what_it_likes_is_a_finding(
    body: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnxruntime.py").write_text(f"{body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    cpu = next(devices.devices())
    assert (cpu.status, cpu.value) == ("broken", f"the process that tried it {value}")
    assert cpu.advice.startswith("pip uninstall -y onnxruntime")


def test_what_libraries_print_besides_is_no_answer(program: Any, monkeypatch: Any) -> None:
    body = """echo noise; echo '{"outcome": "runs", "said": "fast"}'; echo; echo 'at exit: {}'"""
    monkeypatch.setattr(sys, "executable", program("python", body))
    assert devices._tried("cpu", Path("model.onnx")) == Finding("devices", "cpu", "fast")


def test_what_lies_in_the_current_folder_is_not_taken_for_a_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("onnxruntime", "onnx", "ctypes"):
        (tmp_path / f"{name}.py").write_text("raise SystemError(__file__)\n")
    (tmp_path / "ctypes.py").write_text("open('was_run', 'w')\n")
    monkeypatch.chdir(tmp_path)
    assert next(devices.devices()) == RUNS
    list(nvidia.nvidia())
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize("body", ["raise ImportError('half gone')", "import sys; sys.exit(3)"])
def test_an_installation_that_cannot_write_a_model_is_broken(
    body: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnx.py").write_text(f"{body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    (finding,) = devices.devices()
    assert finding.status == "broken"
    assert finding.value.startswith("no ONNX file can be written: ")


def test_a_machine_without_room_for_a_file_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("tempfile.TemporaryDirectory", fails)
    (finding,) = devices.devices()
    assert (finding.status, finding.value) == (
        "broken",
        "no ONNX file can be written: no space left on device",
    )
