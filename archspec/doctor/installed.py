"""Which packages are installed, which extras they complete, and which are in each other's way."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata

from archspec import __version__
from archspec.doctor.finding import Finding

DISTRIBUTION = "archspec-nn"
PACKAGES = (
    "pydantic",
    "PyYAML",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "pillow",
    "torch",
    "sympy",
    "pygls",
    "pyarrow",
    "ray",
)

EXTRAS: Mapping[str, str] = {
    "torch": "build --export torch, torchscript, program and python; verify; bench beside PyTorch",
    "run": "run, predict, bench, verify and int8, on the CPU",
    "run-gpu": "the same on NVIDIA's GPUs: --device cuda and tensorrt",
    "predict": "predict, beside run or run-gpu",
    "ray": "predict --engine ray",
    "symbolic": "sizes that are formulas (`input: [3, H, W]`)",
    "lsp": "lsp, the language server",
}
"""What each extra is for. Those that are for developing archspec are left out."""


def software() -> Iterator[Finding]:
    """Python, archspec, and the packages that it works with."""
    yield Finding("software", "python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("software", "platform", platform.platform())
    yield Finding("software", "archspec", __version__)
    for name in PACKAGES:
        version = version_of(name)
        if version is not None:
            yield Finding("software", name, version)
    yield from clashes()


def clashes() -> Iterator[Finding]:
    """Distributions that overwrite each other's files."""
    runtimes = sorted(set(metadata.packages_distributions().get("onnxruntime", ())))
    if len(runtimes) > 1:
        wanted = "run-gpu" if any("gpu" in name for name in runtimes) else "run"
        yield Finding(
            "software",
            "onnxruntime",
            f"{' and '.join(runtimes)} are installed into the same folder",
            "broken",
            f'pip uninstall -y {" ".join(runtimes)}, then pip install "{DISTRIBUTION}[{wanted}]"',
        )
    other = version_of("archspec")
    if other is not None:
        yield Finding(
            "software",
            "archspec",
            f"the library of that name, which detects CPUs ({other}), is installed in its place",
            "broken",
            f"pip uninstall -y archspec {DISTRIBUTION}, then pip install {DISTRIBUTION}",
        )


def extras() -> Iterator[Finding]:
    """The extras of archspec: complete, or what is missing of them."""
    wanted = requirements()
    for extra, purpose in EXTRAS.items():
        if extra not in wanted:  # An installation that is older than this file.
            continue
        missing = [name for name in wanted[extra] if version_of(name) is None]
        if missing:
            yield Finding(
                "extras",
                extra,
                f"for {purpose}; missing: {', '.join(missing)}",
                "absent",
                _advice(extra),
            )
        else:
            yield Finding("extras", extra, f"for {purpose}")


def _advice(extra: str) -> str:
    install = f'pip install "{DISTRIBUTION}[{extra}]"'
    if extra == "run-gpu" and version_of("onnxruntime") is not None:
        return f"pip uninstall -y onnxruntime, then {install}"
    if extra == "run" and version_of("onnxruntime-gpu") is not None:
        return ""  # It does all that the other does, and both must not be there.
    return install


def requirements() -> dict[str, list[str]]:
    """The packages that each extra of the installed archspec asks for, those of extras that it
    includes too.
    """
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        lines = []
    found: dict[str, list[str]] = {}
    for line in lines:
        parts = re.match(r"([\w.-]+)(?:\[([\w,\s-]+)\])?.*;.*extra == ['\"]([\w-]+)['\"]", line)
        if parts is None:
            continue
        name, included, extra = parts.groups()
        names = found.setdefault(extra, [])
        names += [f"[{each.strip()}]" for each in included.split(",")] if included else [name]
    return {extra: _resolved(extra, found) for extra in found}


def _resolved(extra: str, found: Mapping[str, list[str]]) -> list[str]:
    names: list[str] = []
    for name in found.get(extra, ()):
        names += _resolved(name[1:-1], found) if name.startswith("[") else [name]
    return names


def version_of(distribution: str) -> str | None:
    """The installed version; None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
