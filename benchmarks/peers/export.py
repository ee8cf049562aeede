"""`python -m benchmarks.peers.export WEIGHTS FILE`: ResNet-152 to ONNX, through PyTorch."""

from __future__ import annotations

import sys

import torch
from safetensors.torch import load_file

from benchmarks.peers.resnet152 import ResNet152


def main(weights: str, path: str) -> None:
    model = ResNet152().eval()
    model.load_state_dict(load_file(weights), strict=False)
    example = torch.zeros(2, 3, 224, 224)
    batch = torch.export.Dim("batch")
    torch.onnx.export(model, (example,), path, dynamic_shapes=({0: batch},))


if __name__ == "__main__":
    main(*sys.argv[1:])
