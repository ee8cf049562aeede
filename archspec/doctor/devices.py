"""Each device tried: a small network, run on it, and held against the CPU's figures."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from archspec.doctor.finding import Finding, Status
from archspec.doctor.nvidia import library

DEVICES = ("cpu", "cuda", "tensorrt")
_NETWORK = "lenet5"
_SECONDS = {"cpu": 60, "cuda": 120, "tensorrt": 180}  # TensorRT compiles it first.


def devices() -> Iterator[Finding]:
    """Whether a network runs on each device, in a process of its own."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            model = Path(folder) / f"{_NETWORK}.onnx"
            _python(
                _SECONDS["cpu"],
                *("-m", "archspec", "build", _NETWORK, "--export", "onnx", "-o", str(model)),
            )
        except (OSError, _Failed) as error:
            yield Finding(
                "devices", "cpu", f"no ONNX file can be written: {error}", "broken", _REINSTALL
            )
            return
        cpu, *others = DEVICES
        finding = _tried(cpu, model)
        yield finding
        for device in others:
            if finding.status == "ok":
                yield _tried(device, model)
            else:  # What hangs, hangs there as well, and would be waited for.
                yield Finding("devices", device, "not tried, as the CPU runs nothing", "absent")


_REINSTALL = "pip install --force-reinstall archspec-nn onnx"
_AGAIN = 'pip uninstall -y onnxruntime onnxruntime-gpu, then pip install "archspec-nn[run]"'


class _Failed(Exception):
    """Why a process came to nothing."""


def _python(seconds: float, *arguments: str) -> str:
    """What a Python prints that imports what this one would import. Raises _Failed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            # -P: what lies in the folder where it is started is not taken for a package.
            [sys.executable, "-P", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _Failed(f"did not answer in {seconds:g} s") from error
    except OSError as error:
        raise _Failed(f"could not be tried: {error.strerror or error}") from error
    if done.returncode != 0:
        # A signal is a negative status.
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        raise _Failed(f"the process that tried it ended with {done.returncode}: {last}")
    return done.stdout


def _tried(device: str, model: Path) -> Finding:
    try:
        printed = _python(
            _SECONDS[device], "-m", "archspec.runtime.trial", str(model), device
        ).splitlines()
    except _Failed as error:
        return _broken(device, str(error))
    # Libraries print as well, some at the very end.
    answers = [line for line in printed if line.startswith('{"outcome": ')]
    if not answers:
        return _broken(device, "the process that tried it ended without an answer")
    answer: dict[str, str] = json.loads(answers[-1])
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
    advice = _AGAIN if device == "cpu" else "other devices are not concerned"
    return Finding("devices", device, value, "broken", advice)
