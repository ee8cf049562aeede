"""A module as a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import torch
from torch import nn


def save_module(module: nn.Module, file: BinaryIO) -> None:
    """Write the whole module, code and weights: `torch.load(path, weights_only=False)` gives it
    back where PyTorch alone is installed. Raises OSError where the file cannot be written.
    """
    with saved(file) as target:
        torch.save(module, target)


@contextmanager
def saved(file: BinaryIO) -> Iterator[Any]:
    """`file`, for PyTorch to write to. Raises OSError where it cannot be written."""
    target = _Target(file)
    try:
        yield target
    except RuntimeError:
        # What PyTorch says of a full disk is where its archive ended, and not that it is full.
        if target.error is not None:
            raise target.error from None
        raise


class _Target(io.RawIOBase):
    """A file that remembers why it could not be written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()
