"""`PYTHON -m benchmarks.peers.torchvision_meta RUNS NETWORK…`: torchvision's networks, counted.

Prints as JSON, for each network, the parameters and MACs of torchvision's own module, built on the
meta device, and the seconds that building and counting took each time. It needs an interpreter that
has torchvision, and nothing else of this project.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torchvision  # of an environment of its own
from torch.utils.flop_counter import FlopCounterMode

SIZES = {"inception_v3": 299}
"""Where it is not 224."""

SEGMENTATION = ("fcn_resnet50",)


def build(name: str) -> torch.nn.Module:
    if name in SEGMENTATION:
        module: torch.nn.Module = getattr(torchvision.models.segmentation, name)(
            weights=None, weights_backbone=None
        )
        return module
    # Neither auxiliary heads, nor the seconds that the initial weights of these two take.
    heads = {"googlenet": "aux_logits", "inception_v3": "aux_logits"}
    options: dict[str, Any] = {"weights": None}
    if name in heads:
        options |= {heads[name]: False, "init_weights": False}
    make: Callable[..., torch.nn.Module] = getattr(torchvision.models, name)
    return make(**options)


def count(name: str) -> tuple[int, int]:
    """The parameters and MACs of one image."""
    with torch.device("meta"):
        module = build(name).eval()
        size = 520 if name in SEGMENTATION else SIZES.get(name, 224)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module(torch.empty(1, 3, size, size))
    return sum(p.numel() for p in module.parameters()), counter.get_total_flops() // 2


def main(runs: str, *names: str) -> None:
    found: dict[str, Any] = {}
    count("resnet18")  # What is loaded at the first use is not any network's.
    for name in names:
        seconds = []
        for _ in range(int(runs)):
            started = time.perf_counter()
            params, macs = count(name)
            seconds.append(time.perf_counter() - started)
        found[name] = {"params": params, "macs": macs, "seconds": seconds}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
