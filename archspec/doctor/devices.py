"""Each device tried: a small network, run on it, and held against the CPU's figures."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archspec.doctor.finding import Finding, Status
from archspec.doctor.nvidia import library

DEVICES = ("cpu", "cuda", "tensorrt")
_NETWORK = "lenet5"
_SECONDS = 180  # TensorRT compiles it first.


def devices() -> Iterator[Finding]:
    """Whether a network runs on each device, in a process of its own."""
    from archspec import load, to_onnx

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / f"{_NETWORK}.onnx"
        try:
            to_onnx(load(_NETWORK), model)
        except Exception as error:
            # Whatever is wrong with the installation, it is what is to be told here.
            yield Finding(
                "devices", "cpu", f"no ONNX file can be written: {error}", "broken", _REINSTALL
            )
            return
        for device in DEVICES:
            yield _tried(device, model)


_REINSTALL = "pip install --force-reinstall archspec-nn onnx"


def _tried(device: str, model: Path) -> Finding:
    command = [sys.executable, "-m", "archspec.runtime.trial", str(model), device]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _broken(device, f"did not answer in {_SECONDS} s")
    except OSError as error:
        return _broken(device, f"could not be tried: {error.strerror or error}")
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        # A signal is a negative status.
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        return _broken(device, f"the process that tried it ended with {done.returncode}: {last}")
    answer: dict[str, str] = json.loads(lines[-1])
    return _judged(device, answer["outcome"], answer["said"].removeprefix(f"{model}: "))


def _judged(device: str, outcome: str, said: str) -> Finding:
    """What `archspec.runtime.trial` says. Its messages end with what to do."""
    if outcome == "runs":
        return Finding("devices", device, said)
    value, *advice = re.split(r"; |: (?=pip )", said, maxsplit=1)
    # TensorRT's provider comes with onnxruntime-gpu, and the library that it needs does not.
    is_absent = outcome == "absent" or (device == "tensorrt" and library("TensorRT") is None)
    status: Status = "absent" if is_absent else "broken"
    return Finding("devices", device, value, status, "".join(advice))


def _broken(device: str, value: str) -> Finding:
    return Finding("devices", device, value, "broken", "other devices are not concerned")
