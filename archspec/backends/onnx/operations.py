"""The operations of an ONNX file, and small files to measure a machine with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from onnx import ModelProto, TensorProto, helper

from archspec.backends.onnx.read import UnreadableModel, read_model

__all__ = ["FileOperation", "UnreadableModel", "operations", "write_product", "write_sum"]

_OPSET = 17


class FileOperation(NamedTuple):
    """An operation as the file has it; one without a name is called as onnxruntime calls it."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def operations(path: Path) -> list[FileOperation]:
    """The operations of the model at `path`, in its order. Raises UnreadableModel."""
    return [
        FileOperation(
            node.name or f"{node.op_type}_{index}",
            node.op_type,
            tuple(filter(None, node.input)),
            tuple(filter(None, node.output)),
        )
        for index, node in enumerate(read_model(path).graph.node)
    ]


def write_product(path: Path, size: int) -> None:
    """A model of one product of two square matrices, inputs `a` and `b`."""
    _write(path, "MatMul", [size, size])


def write_sum(path: Path, size: int) -> None:
    """A model of one sum of two vectors, inputs `a` and `b`."""
    _write(path, "Add", [size])


def _write(path: Path, operator: str, shape: list[int]) -> None:
    a, b, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("a", "b", "y")
    )
    node = helper.make_node(operator, ["a", "b"], ["y"], name=operator)
    opsets = [helper.make_opsetid("", _OPSET)]
    model: ModelProto = helper.make_model(
        helper.make_graph([node], operator, [a, b], [y]),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
    )
    path.write_bytes(model.SerializeToString())
