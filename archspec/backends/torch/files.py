"""A module as a file."""

from __future__ import annotations

from typing import BinaryIO

import torch
from torch import nn


def save_module(module: nn.Module, file: BinaryIO) -> None:
    """Write the whole module, code and weights: `torch.load(path, weights_only=False)` gives it
    back where PyTorch alone is installed.
    """
    torch.save(module, file)
