"""The options of the commands that run a model: `--device`, and what goes with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archspec.cli.numbers import whole
from archspec.terminal import printable

if TYPE_CHECKING:
    from archspec.runtime.placement import Placement
    from archspec.runtime.session import Model


def add_device(parser: argparse.ArgumentParser, *, graphs: bool = True) -> None:
    """Add the options that say where a model runs, which `placement` reads.

    `--cuda-graph` is for commands that know the batch beforehand: without `graphs` it is left out.
    """
    group = parser.add_argument_group("device")
    group.add_argument(
        "--device",
        choices=("cpu", "cuda", "tensorrt"),
        default="cpu",
        help="what runs the model (default: cpu); `archspec doctor` says what there is",
    )
    group.add_argument(
        "--device-id",
        metavar="N",
        type=_device_id,
        default=0,
        help="which GPU, as CUDA counts them (default: 0)",
    )
    group.add_argument(
        "--allow-cpu-fallback",
        action="store_true",
        help="let layers that the device cannot run, run on the CPU, and name them",
    )
    group.add_argument(
        "--threads",
        metavar="N",
        type=_threads,
        help="threads of the CPU that share one operation (default: one a physical core)",
    )
    group.add_argument(
        "--tf32",
        action="store_true",
        help="let the GPU round float32 factors to TF32: faster, and outputs differ from the CPU's",
    )
    group.add_argument(
        "--cudnn-search",
        choices=("default", "heuristic", "exhaustive"),
        help="how cuDNN chooses kernels (default: exhaustive where all sizes are fixed)",
    )
    if graphs:
        group.add_argument(
            "--cuda-graph",
            action="store_true",
            help="record the GPU's kernels once and launch them as one; all sizes must be fixed",
        )
    group.add_argument(
        "--engine-cache",
        metavar="FOLDER",
        type=Path,
        help="where TensorRT's engines are kept (default: in your cache folder)",
    )
    parser.set_defaults(device_parser=parser)


_ONLY_FOR = {
    "device_id": ("cuda", "tensorrt"),
    "allow_cpu_fallback": ("cuda", "tensorrt"),
    "tf32": ("cuda", "tensorrt"),
    "cudnn_search": ("cuda", "tensorrt"),
    "cuda_graph": ("cuda", "tensorrt"),
    "engine_cache": ("tensorrt",),
}
"""The devices that an option is for; what is asked of another would be left out in silence."""


def placement(options: argparse.Namespace, batch: int | None = None) -> Placement:
    """What `add_device`'s options say; with `batch`, the batch is fixed to so many samples. An
    option that the device has no use for is a usage error.
    """
    from archspec.runtime.placement import Placement

    for name, devices in _ONLY_FOR.items():
        if getattr(options, name, None) and options.device not in devices:
            option = f"--{name.replace('_', '-')}"
            options.device_parser.error(f"{option} is for --device {' and '.join(devices)}")
    return Placement(
        device=options.device,
        device_id=options.device_id,
        allow_cpu_fallback=options.allow_cpu_fallback,
        threads=options.threads,
        batch=batch,
        tf32=options.tf32,
        cudnn_search=options.cudnn_search,
        cuda_graph=getattr(options, "cuda_graph", False),
        engine_cache=options.engine_cache,
    )


def tell(model: Model) -> None:
    """Say on standard error how a model is placed, unless that is on the CPU, and which operations
    run elsewhere than it was asked.
    """
    from archspec.runtime.placement import CUDA, describe
    from archspec.runtime.providers import named

    placement = model.placement
    if placement.device == "cpu":
        return
    _say(", ".join(f"{name} {value}" for name, value in describe(placement)))
    if placement.device == "tensorrt":
        others = [operation for operation in model.operations if operation.provider == CUDA]
        if others:
            _say(f"CUDA runs what TensorRT does not: {named(others)}")
    if not model.operations:
        _say(
            "warning: this onnxruntime cannot say which operations run on the CPU; a newer one can"
        )
    if model.on_the_cpu:
        _say(
            f"warning: {len(model.on_the_cpu)} of {len(model.operations)} operations run on the "
            f"CPU: {named(model.on_the_cpu)}"
        )


def _say(message: str) -> None:
    print(f"archspec: {printable(message)}", file=sys.stderr)


_MOST_THREADS = 1024
"""More than any machine has cores. onnxruntime starts as many as it is told, and some hundred
thousand keep it busy for good.
"""


def _device_id(text: str) -> int:
    return whole(text, 0, 999)


def _threads(text: str) -> int:
    return whole(text, 1, _MOST_THREADS)
