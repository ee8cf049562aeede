"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "pydantic",
    "PyYAML",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "torch",
    "torchinfo",
)


def machine() -> str:
    """Processor, cores, Python and the packages that are compared, in a line."""
    versions = [f"{name} {_version(name)}" for name in _PACKAGES]
    python = f"Python {platform.python_version()}"
    return ", ".join([_processor(), f"{os.cpu_count()} cores", python, *versions])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
