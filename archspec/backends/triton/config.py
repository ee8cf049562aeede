"""A model's `config.pbtxt`: what Triton Inference Server is told of it.

The messages are those of `model_config.proto` in triton-inference-server/common; what must hold of
them besides is in `src/model_config_utils.cc` of its core and `src/onnxruntime.cc` of its
onnxruntime backend: sizes leave out the batch and are at least 1, or −1 where they are free.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from archspec.backends.onnx import Options
from archspec.backends.onnx.interface import Interface, Tensor
from archspec.backends.triton.pbtxt import Message, Value, Word, written
from archspec.backends.triton.serving import Device, Serving
from archspec.graph import Graph
from archspec.layers.sizes import is_number
from archspec.preprocess import Preprocess, both_sides

LABELS_FILE = "labels.txt"

_TYPES: Mapping[str, Word] = {
    "FLOAT": Word("TYPE_FP32"),
    "FLOAT16": Word("TYPE_FP16"),
    "BFLOAT16": Word("TYPE_BF16"),
    "UINT8": Word("TYPE_UINT8"),
    "INT64": Word("TYPE_INT64"),
}
"""By ONNX's words."""

_KINDS: Mapping[Device, Word] = {
    "auto": Word("KIND_AUTO"),
    "gpu": Word("KIND_GPU"),
    "cpu": Word("KIND_CPU"),
}
_TENSORRT_PRECISIONS = {"fp16": "FP16", "bf16": "BF16"}


def tensors_text(tensors: Interface, labels: Sequence[str] | None) -> str:
    """What `config.pbtxt` says of the inputs and outputs; the text stands in it as it is here."""
    outputs = [_tensor(tensor) for tensor in tensors.outputs]
    if labels is not None and len(outputs) == 1:
        # Not where there are the likeliest classes: theirs are not the labels' numbers.
        outputs[0] = {**outputs[0], "label_filename": LABELS_FILE}
    return written({"input": [_tensor(tensor) for tensor in tensors.inputs], "output": outputs})


def settings_text(
    name: str, graph: Graph, tensors: Interface, options: Options, serving: Serving
) -> str:
    """What it says besides, with `name` for the model's."""
    batching: dict[str, Value] = {"max_queue_delay_microseconds": serving.max_queue_delay}
    if serving.preferred_batch_sizes:
        batching = {"preferred_batch_size": serving.preferred_batch_sizes, **batching}
    message: dict[str, Value] = {
        "name": name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": serving.max_batch_size,
        "dynamic_batching": batching,
        "instance_group": [{"count": serving.instances, "kind": _KINDS[serving.device]}],
    }
    if serving.tensorrt:
        accelerator: dict[str, Value] = {"name": "tensorrt"}
        precision = _TENSORRT_PRECISIONS.get(options.precision)
        if precision:
            accelerator["parameters"] = {"key": "precision_mode", "value": precision}
        message["optimization"] = {
            "execution_accelerators": {"gpu_execution_accelerator": [accelerator]}
        }
    sample = _sample(graph, tensors, options) if serving.warm_up else None
    if sample is not None:
        message["model_warmup"] = [{"name": "zeros", "batch_size": 1, "inputs": sample}]
    return written(message)


def _tensor(tensor: Tensor) -> dict[str, Value]:
    message: dict[str, Value] = {"name": tensor.name, "data_type": _TYPES[tensor.element]}
    sizes = tensor.sizes[1:]
    message["dims"] = [-1 if isinstance(size, str) else size for size in sizes] or [1]
    if not sizes:  # One number a sample: Triton has no scalars.
        message["reshape"] = {"shape": []}
    return message


def _sample(graph: Graph, tensors: Interface, options: Options) -> list[Message] | None:
    """A sample of zeros for each input; None where no sizes are known that the model takes."""
    numbers = _smallest_sizes(graph)
    if options.preprocess:
        names = [str(size) for size in tensors.inputs[0].sizes[1:3]]
        numbers |= zip(names, _picture(graph), strict=False)
    inputs: list[Message] = []
    for tensor in tensors.inputs:
        sizes = [numbers.get(size) if isinstance(size, str) else size for size in tensor.sizes[1:]]
        if None in sizes:
            return None
        value: dict[str, Value] = {
            "data_type": _TYPES[tensor.element],
            "dims": [size for size in sizes if size is not None] or [1],
            "zero_data": True,
        }
        inputs.append({"key": tensor.name, "value": value})
    return inputs


def _smallest_sizes(graph: Graph) -> dict[str, int]:
    """The least numbers that free sizes may be, by their names; none where none are found."""
    found: Any = graph.symbols.smallest() if graph.symbols is not None else None
    return dict(found or {})


def _picture(graph: Graph) -> tuple[int, ...]:
    """The height and the width of a picture that comes out as large as the network's input; none
    where pictures stay as they are.
    """
    preprocess = Preprocess.model_validate_json(json.dumps(graph.metadata["preprocess"]))
    resize, crop = preprocess.resize, preprocess.crop
    if isinstance(resize, tuple):
        return resize
    if crop is not None:
        height, width = both_sides(crop)
        # As one of the crop's sides is no longer than the shorter side, that is not scaled.
        return max(height, resize or 1), max(width, resize or 1)
    if resize is None:
        return ()
    (type_,) = graph.inputs.values()
    sizes = type_.shape[1:]
    return tuple(size if is_number(size) else resize for size in sizes)
