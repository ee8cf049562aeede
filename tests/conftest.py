"""Fixtures that test modules share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# What whoever runs the tests has set for a terminal: pytest-xdist sets the first for its workers.
for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"):
    os.environ.pop(name, None)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch with one thread: networks of a few numbers wait for threads more than they compute,
    and most where as many tests run as there are cores.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
