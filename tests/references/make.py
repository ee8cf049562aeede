"""`python -m tests.references.make [NAME…]`: write `tests/data/golden/`.

From the root of the repository, in an environment of its own, which archspec never needs:

    python3 -m venv /tmp/references
    /tmp/references/bin/pip install torch==2.14.1 torchvision==0.29.1
    /tmp/references/bin/python -m tests.references.make

Every network is filled by the rule of `tests/golden.py` and run in float32 on the CPU, in inference
mode, without fused kernels; it is run in float64 too, and how far the two differ is written down.
MACs are half of what `torch.utils.flop_counter` counts: convolutions, fc layers and attention's
matrix products, no bias and nothing else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.references.catalogue import REFERENCES, Reference
from tests.references.golden import FOLDER, Array, Input, Shape, fill

FIRST = 8
"""Values at the start of every output that are written down …"""

SPREAD = 24
"""… and values spread over the rest, in steps of the golden ratio: in every row and column."""

GOLDEN_RATIO = (5**0.5 - 1) / 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.references.make")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(REFERENCES))
    names = parser.parse_args().names or REFERENCES
    # The fused kernel of attention is another sum, and no tool counts it.
    torch.backends.mha.set_fastpath_enabled(False)
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        said = figures(name, REFERENCES[name])
        (FOLDER / f"{name}.json").write_text(f"{_text(said)}\n", "utf-8")
        print(f"{name:18} {said['params']:>12,} {said['cases'][0]['macs']:>16,}", file=sys.stderr)


def figures(name: str, reference: Reference) -> dict[str, Any]:
    """Everything that `tests/data/golden/NAME.json` says."""
    network = reference.build().eval()
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    learnt = {key: it for key, it in shapes.items() if not key.endswith(".num_batches_tracked")}
    weights = fill(learnt, reference.scale)
    network.load_state_dict(
        {key: torch.from_numpy(value) for key, value in weights.items()}, strict=False
    )
    said: dict[str, Any] = {
        "model": name,
        "source": reference.source,
        "notes": list(reference.notes),
        "published": [vars(figure) for figure in reference.published],
        "params": sum(parameter.numel() for parameter in network.parameters()),
    }
    if reference.min_size:
        said["min_size"] = list(reference.min_size)
    if reference.scale:
        said["scale"] = reference.scale
    said["cases"] = [_case(network, reference.inputs(run)) for run in reference.runs]
    said["macs_at"] = [
        {"input": list(shape), "macs": macs(network, {"input": shape})}
        for shape in reference.macs_at
    ]
    said["state_dict"] = {key: list(shape) for key, shape in shapes.items()}
    return said


def macs(network: nn.Module, shapes: Mapping[str, Shape]) -> int:
    """Multiply-accumulates of one image of these shapes."""
    images = [torch.zeros((1, *shape)) for shape in shapes.values()]
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        network(*images)
    flops: int = counter.get_total_flops()
    return flops // 2


def _case(network: nn.Module, inputs: Mapping[str, Input]) -> dict[str, Any]:
    batches = [torch.from_numpy(it.batch()) for it in inputs.values()]
    outputs = _run(network.float(), batches)
    exact = _run(network.double(), [batch.double() for batch in batches])
    network.float()
    return {
        "inputs": {name: {**vars(it), "shape": list(it.shape)} for name, it in inputs.items()},
        "macs": macs(network, {name: it.shape[1:] for name, it in inputs.items()}),
        "outputs": {name: _expected(outputs[name], exact[name]) for name in outputs},
    }


def _run(network: nn.Module, batches: list[Tensor]) -> dict[str, Array]:
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        given = network(*batches)
    named = given if isinstance(given, Mapping) else {"output": given}
    return {name: tensor.numpy() for name, tensor in named.items()}


def _expected(found: Array, exact: Array) -> dict[str, Any]:
    flat = found.reshape(len(found), -1).astype(np.float64)
    size = flat.shape[1]
    spread = (int(size * (step * GOLDEN_RATIO % 1)) for step in range(1, SPREAD + 1))
    at = sorted({*range(min(FIRST, size)), *spread})
    largest = float(np.abs(found).max())
    return {
        "shape": list(found.shape),
        "largest": _rounded(largest),
        "float32_error": float(f"{np.abs(found - exact).max() / largest:.1e}"),
        "at": at,
        "values": [[_rounded(value) for value in row[at]] for row in flat],
        "mean": [_rounded(value) for value in flat.mean(1)],
        "std": [_rounded(value) for value in flat.std(1)],
    }


def _rounded(value: float) -> float:
    return float(f"{value:.7g}")


def _text(value: Any, depth: int = 0) -> str:
    """JSON with a line a field, and lists of numbers on one."""
    inside = " " * (depth + 1)
    if isinstance(value, dict) and value:
        rows = [f"{inside}{json.dumps(key)}: {_text(it, depth + 1)}" for key, it in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{' ' * depth}}}"
    if isinstance(value, list) and any(isinstance(it, (dict, str)) for it in value):
        rows = [inside + _text(it, depth + 1) for it in value]
        return "[\n" + ",\n".join(rows) + f"\n{' ' * depth}]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
