"""NVIDIA's driver, GPUs and libraries, found without starting any of them in this process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from importlib import metadata

from archspec.doctor.finding import Finding

_SECONDS = 30
_FIELDS = "index,name,compute_cap,memory.total,memory.free,driver_version"

# Asked in a process of its own: a driver that is out of order may hang.
_ASK_THE_DRIVER = """
import ctypes, sys
cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
version, number = ctypes.c_int(), ctypes.c_int()
cuda.cuDriverGetVersion(ctypes.byref(version))
failed = cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(number))
print(f"{version.value // 1000}.{version.value % 1000 // 10}", failed, number.value)
"""

_LIBRARIES = {"CUDA": "cudart", "cuDNN": "cudnn", "TensorRT": "nvinfer"}
_PACKAGES = {
    "CUDA": ("nvidia-cuda-runtime",),
    "cuDNN": ("nvidia-cudnn",),
    "TensorRT": ("tensorrt-libs", "tensorrt-cu"),
}
"""The libraries by what linkers call them, and by the packages that have them, whose names go on
with a version of CUDA.
"""


def nvidia() -> Iterator[Finding]:
    """The driver and its GPUs, and the libraries that onnxruntime needs of CUDA."""
    yield from _gpus()
    for name in _LIBRARIES:
        found = library(name)
        yield Finding("nvidia", name, found or "not found", "ok" if found else "absent")


def library(name: str) -> str | None:
    """Where a library comes from: a Python package, or the system; None where it is not found."""
    packages = sorted(
        {
            f"{distribution.name} {distribution.version}"
            for distribution in metadata.distributions()
            if (distribution.name or "").lower().replace("_", "-").startswith(_PACKAGES[name])
        }
    )
    return ", ".join(packages) or find_library(_LIBRARIES[name])


def _gpus() -> Iterator[Finding]:
    """A finding for the driver and one for each GPU, as `nvidia-smi` has them, or the driver."""
    program = shutil.which("nvidia-smi")
    answer = _run([program, f"--query-gpu={_FIELDS}", "--format=csv,noheader"]) if program else None
    rows = [line.split(", ") for line in answer.splitlines()] if answer else []
    rows = [row for row in rows if len(row) == _FIELDS.count(",") + 1]
    if rows:
        yield Finding("nvidia", "driver", rows[0][5])
        for index, name, capability, total, free, _ in rows:
            yield Finding(
                "nvidia",
                f"GPU {index}",
                f"{name}, compute capability {capability}, {free} of {total} free",
            )
        return
    # -I: what lies in the current folder is not taken for a module.
    said = _run([sys.executable, "-I", "-c", _ASK_THE_DRIVER])
    words = said.split() if said else []
    if len(words) != 3:
        yield Finding("nvidia", "driver", "not found", "absent", "only GPUs need it")
    elif words[1] != "0":
        yield Finding(
            "nvidia",
            "driver",
            f"for CUDA {words[0]}, and it does not start (error {words[1]})",
            "broken",
            "`nvidia-smi` says more; a container needs `--gpus all`",
        )
    else:
        yield Finding("nvidia", "driver", f"for CUDA {words[0]}; GPUs: {words[2]}")


def _run(command: list[str]) -> str | None:
    """What a program prints; None where it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
