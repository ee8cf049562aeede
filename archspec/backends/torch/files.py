"""A module as a file."""

from __future__ import annotations

from typing import BinaryIO

import torch
from torch import nn


def save_module(module: nn.Module, file: BinaryIO) -> None:
    """Write the whole module, code and weights: `torch.load(path, weights_only=False)` gives it
    back where PyTorch alone is installed. Raises OSError where the file cannot be written.
    """
    target = _Target(file)
    try:
        torch.save(module, target)  # type: ignore[arg-type]  # it asks for `write` and `flush`
    except RuntimeError:
        # What PyTorch says of a full disk is where its archive ended, and not that it is full.
        if target.error is not None:
            raise target.error from None
        raise


class _Target:
    """A file that remembers why it could not be written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()
