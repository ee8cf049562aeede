"""How a model is to be served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "gpu", "cpu"]


@dataclass(frozen=True, slots=True)
class Serving:
    """What Triton does with a model; by default, what its documentation begins with.

    max_batch_size: samples that are computed at once, at most; at least 1.
    preferred_batch_sizes: sizes that requests are gathered to where that is possible. Triton's
        documentation has none for most models: a batch is then as large as can be.
    max_queue_delay: microseconds that a request waits for others at most.
    instances: copies of the model on each device.
    device: where they are; `auto` is every GPU that there is, or the CPU.
    tensorrt: on a GPU, onnxruntime's TensorRT provider computes what it can.
    warm_up: the model computes zeros before it is said to be ready, as the first run is slow.

    Raises ValueError for figures that Triton refuses.
    """

    max_batch_size: int = 32
    preferred_batch_sizes: tuple[int, ...] = ()
    max_queue_delay: int = 100
    instances: int = 1
    device: Device = "auto"
    tensorrt: bool = False
    warm_up: bool = True

    def __post_init__(self) -> None:
        if self.max_batch_size < 1 or self.instances < 1 or self.max_queue_delay < 0:
            raise ValueError(
                "a batch has at least 1 sample, a device at least 1 instance, and the longest "
                "delay is at least 0 microseconds"
            )
        if any(not 1 <= size <= self.max_batch_size for size in self.preferred_batch_sizes):
            raise ValueError(f"preferred batch sizes are from 1 to {self.max_batch_size}, the most")
        if self.tensorrt and self.device == "cpu":
            raise ValueError("TensorRT is for GPUs: leave it out, or the CPU")


BY_DEFAULT = Serving()
