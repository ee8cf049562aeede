"""`python -m benchmarks.peers.weights FILE [NETWORK]`: weights, as a .safetensors file.

They are for the hand-written ResNet-152, or for a network of the zoo.
"""

from __future__ import annotations

import sys

import torch
from safetensors.torch import save_file
from torch import nn

import archspec
from benchmarks.peers.resnet152 import ResNet152


def main(path: str, network: str = "") -> None:
    torch.manual_seed(0)
    model = archspec.to_torch(archspec.load(network)).train() if network else ResNet152()
    size = 224 if network else 128  # Some networks take 224 alone.
    # One batch gives the running statistics, so that values neither vanish nor grow from block to
    # block, and outputs can be compared.
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model(torch.randn(4, 3, size, size))
    names = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_file(names, path, metadata={"format": "pt"})


if __name__ == "__main__":
    main(*sys.argv[1:])
