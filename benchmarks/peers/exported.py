"""`PYTHON -m benchmarks.peers.exported NETWORK WEIGHTS FILE`: a network to ONNX, through PyTorch.

It is torchvision's own module where this interpreter has torchvision, or else what archspec
compiles to; exported as `torch.onnx.export` does by default, with a free batch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from safetensors.torch import load_file


def main(network: str, weights: str, path: str) -> None:
    model = _module(network)
    # Batches that were counted are no weights; all else must be there.
    missing = model.load_state_dict(load_file(weights), strict=False).missing_keys
    if any(not key.endswith("num_batches_tracked") for key in missing):
        raise RuntimeError(f"no weights for {missing}")
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        model.eval(), (torch.zeros(2, 3, 224, 224),), path, dynamic_shapes=({0: batch},)
    )


def _module(network: str) -> Any:
    if find_spec("torchvision") is not None:
        return getattr(import_module("torchvision").models, network)(weights=None)
    import archspec

    return archspec.to_torch(archspec.load(network))


if __name__ == "__main__":
    main(*sys.argv[1:])
