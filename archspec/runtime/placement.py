"""Where a model runs: on which device, and with which settings of its execution providers.

Nothing here imports onnxruntime. The options are called as in its documentation,
https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html and
https://onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from archspec.metadata import Precision

Device = Literal["cpu", "cuda", "tensorrt"]
CudnnSearch = Literal["default", "heuristic", "exhaustive"]

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"

PROVIDERS: dict[Device, tuple[str, ...]] = {
    "cpu": (CPU,),
    "cuda": (CUDA,),
    "tensorrt": (TENSORRT, CUDA),
}
"""The execution providers that run a device's models, the first of them what it can. What TensorRT
has no kernel for runs on the same GPU by CUDA: that is no fallback.
"""

TF32_VARIABLE = "NVIDIA_TF32_OVERRIDE"
"""An environment variable of NVIDIA's libraries: with 0, none of them uses TF32. It is the one way
to ask that of onnxruntime's TensorRT.
"""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model runs.

    device: what is to run every layer.
    device_id: which GPU, as CUDA counts them.
    allow_cpu_fallback: nodes that the device has no kernel for may run on the CPU; otherwise the
        model is not opened.
    threads: threads that share one operation on the CPU; by default one for each physical core,
        as onnxruntime counts them.
    spins: these threads wait for the next operation in a loop, which answers soonest. Off, they
        leave their cores to others meanwhile: to threads that read pictures.
    batch: the batch is fixed to this many samples; by default it is free, as in the file.
    tf32: convolutions and matrix products of float32 round their factors to 10 bits of mantissa,
        which is faster on GPUs since Ampere. Off, though onnxruntime has it on: so that a GPU's
        outputs are the CPU's but for the order of additions.
    cudnn_search: how the kernel of each convolution is chosen. By default `exhaustive` where every
        size is fixed: cuDNN times all its kernels once, at the first run. Where a size is free it
        would do so again at each new one, in the middle of the work; so there it is `heuristic`.
    cuda_graph: a `Bound` records the kernels of a run once and launches them as one from then on.
        Every size must be fixed.
    engine_cache: the folder below which TensorRT's engines are kept; by default the cache folder
        that the platform has for whoever runs this.
    """

    device: Device = "cpu"
    device_id: int = 0
    allow_cpu_fallback: bool = False
    threads: int | None = None
    spins: bool = True
    batch: int | None = None
    tf32: bool = False
    cudnn_search: CudnnSearch | None = None
    cuda_graph: bool = False
    engine_cache: Path | None = None


def provider_options(
    placement: Placement, precision: Precision = "fp32", engines: Path | None = None
) -> list[tuple[str, dict[str, str]]]:
    """The providers of a placement, in their order, each with its options.

    `precision` is the model's. TensorRT 10 takes float16, bfloat16 and quantised networks for what
    they are only where it is allowed these types. `engines` is where it keeps what it compiles.
    """
    options = {
        CPU: {},
        CUDA: _cuda_options(placement),
        TENSORRT: _tensorrt_options(placement, precision, engines),
    }
    return [(name, options[name]) for name in PROVIDERS[placement.device]]


def _cuda_options(placement: Placement) -> dict[str, str]:
    return {
        "device_id": str(placement.device_id),
        "cudnn_conv_algo_search": (placement.cudnn_search or "heuristic").upper(),
        "use_tf32": _flag(placement.tf32),
        # With TensorRT before it, it has not all the nodes, and could record no graph.
        "enable_cuda_graph": _flag(placement.cuda_graph and placement.device == "cuda"),
    }


def _tensorrt_options(
    placement: Placement, precision: Precision, engines: Path | None
) -> dict[str, str]:
    options = {
        "device_id": str(placement.device_id),
        "trt_fp16_enable": _flag(precision == "fp16"),
        "trt_bf16_enable": _flag(precision == "bf16"),
        "trt_int8_enable": _flag(precision == "int8"),
        "trt_cuda_graph_enable": _flag(placement.cuda_graph),
    }
    if engines is not None:
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(engines),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(engines),
        }
    return options


def _flag(is_on: bool) -> str:
    return "1" if is_on else "0"


def describe(placement: Placement) -> list[tuple[str, str]]:
    """The settings of a placement that matter on its device: rows of a name and a value.

    Of `model.placement` they are those in use, without anything left open.
    """
    batch = "free" if placement.batch is None else str(placement.batch)
    if placement.device == "cpu":
        threads = "one a physical core" if placement.threads is None else str(placement.threads)
        return [("device", "cpu"), ("threads", threads), ("batch", batch)]
    rows = [
        ("device", f"{placement.device}:{placement.device_id}"),
        ("nodes on the CPU", "allowed" if placement.allow_cpu_fallback else "refused"),
        ("batch", batch),
        ("TF32", "on" if placement.tf32 else "off"),
        ("cuDNN search", placement.cudnn_search or "exhaustive where all sizes are fixed"),
        ("CUDA graph", "on" if placement.cuda_graph else "off"),
    ]
    if placement.device == "tensorrt":
        rows.append(("engines", str(placement.engine_cache or "in the cache folder")))
    return rows
