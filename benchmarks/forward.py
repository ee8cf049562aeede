"""`python -m benchmarks.forward WEIGHTS BATCH RUNS`: seconds of each forward pass of ResNet-152.

Prints pairs, archspec's module and the hand-written one, and the largest difference between their
outputs, relative to the largest output, as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import archspec
from benchmarks.pairs import alternate
from benchmarks.peers.resnet152 import ResNet152


def main(weights: str, batch: str, runs: str) -> None:
    ours = archspec.to_torch(archspec.load("resnet152"), weights)
    peer = ResNet152().eval()
    peer.load_state_dict(load_file(weights), strict=False)  # without the batch counters
    x = torch.randn(int(batch), 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = peer(x)
        difference = (ours(x) - expected).abs().max() / expected.abs().max()
        pairs = alternate(lambda: _seconds(ours, x), lambda: _seconds(peer, x), int(runs))
    print(json.dumps({"pairs": pairs, "difference": difference.item()}))


def _seconds(model: nn.Module, x: Tensor) -> float:
    started = time.perf_counter()
    model(x)
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*sys.argv[1:])
