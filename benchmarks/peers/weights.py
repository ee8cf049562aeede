"""`python -m benchmarks.peers.weights FILE`: weights for ResNet-152, as a .safetensors file."""

from __future__ import annotations

import sys

import torch
from safetensors.torch import save_file
from torch import nn

from benchmarks.peers.resnet152 import ResNet152


def main(path: str) -> None:
    torch.manual_seed(0)
    model = ResNet152()
    # One batch gives the running statistics, so that values neither vanish nor grow from block to
    # block, and outputs can be compared.
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model(torch.randn(4, 3, 128, 128))
    names = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_file(names, path, metadata={"format": "pt"})


if __name__ == "__main__":
    main(*sys.argv[1:])
