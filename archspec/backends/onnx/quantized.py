"""What onnxruntime's quantizer is told of a model of ours, and what is put right in what it makes.

It leaves a model with QuantizeLinear and DequantizeLinear around each operation, which runtimes
take for one operation on integers.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from archspec.backends.onnx.model import add_metadata

WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""The operations that take nearly all of the time."""

QUANTIZED = (
    *sorted(WEIGHTED),
    *("Add", "Mul", "Clip", "Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool"),
    *("Concat", "Split", "Slice", "Gather", "Pad", "Resize"),
    *("Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"),
)
"""The operations that are faster on integers, or that stand between such. Normalisations and
functions that saturate are computed in float32.
"""


def has_batch_norm(path: str | os.PathLike[str]) -> bool:
    """Whether a model has batch norms that nobody has folded."""
    model = onnx.load(path, load_external_data=False)
    return any(node.op_type == "BatchNormalization" for node in model.graph.node)


def before_the_weights(path: str | os.PathLike[str]) -> list[str]:
    """The names of operations that no weights stand before, which prepare the input: eight bits
    would be too few for what comes out of them as it is.
    """
    body = onnx.load(path, load_external_data=False).graph
    known = {value.name for value in body.input} | {tensor.name for tensor in body.initializer}
    found = []
    for node in body.node:
        if node.op_type not in WEIGHTED and known.issuperset(filter(None, node.input)):
            known.update(node.output)
            found.append(node.name)
    return [name for name in found if name]


def finished(path: str | os.PathLike[str], source: str | os.PathLike[str]) -> ModelProto:
    """The quantised model at `path`, with what its `source` says of itself, and its scores in
    float32. Raises ValueError, naming a value, where a range is not finite.
    """
    model, original = onnx.load(path), onnx.load(source, load_external_data=False)
    _check_scales(model)
    _leave_results_in_float(model)
    del model.metadata_props[:]
    model.metadata_props.extend(original.metadata_props)
    add_metadata(model, precision="int8")
    model.producer_name, model.producer_version = original.producer_name, original.producer_version
    model.doc_string = original.doc_string
    model.graph.name = original.graph.name
    domains = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in domains]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.ir_version = max(original.ir_version, helper.find_min_ir_version_for(kept))
    return model


def _check_scales(model: ModelProto) -> None:
    scales = {
        node.input[1]: node.input[0]
        for node in model.graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear")
    }
    for tensor in model.graph.initializer:
        if tensor.name in scales and not np.isfinite(numpy_helper.to_array(tensor)).all():
            name = tensor.name.removesuffix("_scale")
            raise ValueError(f"the values of {name} have no finite range")


class _Pair(NamedTuple):
    """A value quantised and dequantised again."""

    quantize: NodeProto
    dequantize: NodeProto


def _leave_results_in_float(model: ModelProto) -> None:
    """Take away what rounds values that no weights follow: of 256 levels, scores would be tied.

    A convolution's output stays rounded, for it is not computed on integers otherwise.
    """
    body = model.graph
    producers = {name: node for node in body.node for name in node.output}
    behind = _behind_the_weights(body.node)
    removed = []
    for pair in _pairs(body.node, producers):
        maker = producers.get(pair.quantize.input[0])
        if maker is None or maker.op_type in ("Conv", "ConvTranspose"):
            continue
        readers = [node for node in body.node if pair.quantize.output[0] in node.input]
        if readers == [pair.dequantize] and pair.dequantize.output[0] in behind:
            rounded, exact = pair.dequantize.output[0], pair.quantize.input[0]
            _rename(body.node, exact, rounded)
            removed += [pair.quantize.name, pair.dequantize.name]
    kept = [node for node in body.node if node.name not in removed]
    del body.node[:]
    body.node.extend(kept)
    read = {name for node in kept for name in node.input}
    stored = [tensor for tensor in body.initializer if tensor.name in read]
    del body.initializer[:]
    body.initializer.extend(stored)
    made = {name for node in kept for name in node.output}
    values = [value for value in body.value_info if value.name in made]
    del body.value_info[:]
    body.value_info.extend(values)


def _pairs(nodes: Collection[NodeProto], producers: dict[str, NodeProto]) -> Iterator[_Pair]:
    for node in nodes:
        if node.op_type == "DequantizeLinear":
            maker = producers.get(node.input[0])
            if maker is not None and maker.op_type == "QuantizeLinear":
                yield _Pair(maker, node)


def _behind_the_weights(nodes: Collection[NodeProto]) -> frozenset[str]:
    """The values that no operation with weights follows from."""
    ahead: set[str] = set()
    for node in reversed(nodes):  # type: ignore[call-overload]
        if node.op_type in WEIGHTED or ahead.intersection(node.output):
            ahead.update(node.input)
    return frozenset(name for node in nodes for name in node.output if name not in ahead)


def _rename(nodes: Collection[NodeProto], old: str, new: str) -> None:
    """Call a value otherwise wherever it is made and read."""
    for node in nodes:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
