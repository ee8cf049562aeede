"""The networks that come with archspec, found by name."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).parent
FOLDERS = (_PACKAGE / "specs", _PACKAGE.parent / "specs")
"""In the wheel, and in a checkout."""


def networks() -> dict[str, Path]:
    """Every network of the zoo: its name, and its file."""
    for folder in FOLDERS:
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return {}


def find(name: str) -> Path | None:
    """The file of the network called so, or None."""
    if not name.replace("_", "").isalnum():
        return None
    for folder in FOLDERS:
        path = folder / f"{name}.yaml"
        if os.path.isfile(path):  # no error, even of a name too long for the system
            return path
    return None


def resolve(spec: str) -> str:
    """The path that `spec` stands for: itself where there is such a file, else that of the network
    of this name in the zoo, else itself, for opening it to say what is wrong.
    """
    if spec != "-" and not os.path.isfile(spec):
        found = find(spec)
        if found is not None:
            return str(found)
    return spec
