"""What can go wrong when a model is run. Each message is one sentence with a way out."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO


class RuntimeFailure(Exception):
    """The base of what this package raises on purpose."""


class MissingPackageError(RuntimeFailure):
    """A package that is needed cannot be imported; `extra` is what of archspec's brings it.

    `is_absent` tells one that is not there from one that is, and does not work.
    """

    def __init__(self, package: str, cause: ImportError, extra: str = "run") -> None:
        install = f'pip install "archspec-nn[{extra}]"'
        # A module may be missing within a package that is there, or one that it needs.
        of_its_own = {"Pillow": "PIL"}.get(package, package)
        self.is_absent = isinstance(cause, ModuleNotFoundError) and cause.name in (None, of_its_own)
        super().__init__(
            f"{package} is not installed: {install}"
            if self.is_absent
            else f"{package} cannot be imported ({one_line(cause)}); uninstall it, then {install}"
        )


class ModelError(RuntimeFailure):
    """A model that cannot be loaded, or whose metadata cannot be used."""


class DeviceError(RuntimeFailure):
    """A device that is not there, does not start, cannot run a model, or fails at it."""


class InputError(RuntimeFailure):
    """One input that this model cannot be run on; others may well be fine."""


class OutputError(RuntimeFailure):
    """The raw outputs cannot be written."""


def one_line(error: BaseException | str, limit: int = 300) -> str:
    """The text of somebody else's error on one line; over `limit` characters, its two ends."""
    text = " ".join(str(error).split()) or type(error).__name__
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]} … {text[-half:]}"


def reason(error: OSError) -> str:
    """Why the system refused, in a few words: `no such file or directory`."""
    return (error.strerror or one_line(error)).lower()


def open_input(path: Path) -> BinaryIO:
    """The file, for reading. Raises InputError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {reason(error)}; check the path") from error
