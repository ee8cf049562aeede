"""A compiled network, opened for running: its inputs, its outputs and what its metadata says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from archspec.metadata import METADATA_KEY, Metadata
from archspec.runtime.errors import (
    InputError,
    MissingPackageError,
    ModelError,
    one_line,
    reason,
)

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error
try:
    import onnxruntime
except ImportError as error:
    raise MissingPackageError("onnxruntime", error) from error

Array = np.ndarray[Any, np.dtype[Any]]
Dimension = int | str | None
"""A size, or, where it is free, its name in the model if it has one."""

CPU = ("CPUExecutionProvider",)

_FATAL = 4
_ELEMENT_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
}


@dataclass(frozen=True)
class ModelTensor:
    """An input or an output of a model; its shape includes the batch, its type is numpy's word."""

    name: str
    shape: tuple[Dimension, ...]
    dtype: str


@dataclass(frozen=True)
class Model:
    """An open model. `metadata` is None for one that archspec did not write."""

    path: str
    inputs: tuple[ModelTensor, ...]
    outputs: tuple[str, ...]
    metadata: Metadata | None
    session: Any

    def predict(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, for one array an input. Raises InputError."""
        try:
            arrays = self.session.run(list(self.outputs), dict(feeds))
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            raise InputError(
                f"onnxruntime could not run the model on it ({_without_preamble(error)}); "
                "check its values, or give fewer samples at once"
            ) from error
        return dict(zip(self.outputs, arrays, strict=True))


def open_model(path: Path, providers: Sequence[str] = CPU) -> Model:
    """Load an ONNX file. Raises ModelError, which says what to do about it."""
    _check_readable(path)
    options = onnxruntime.SessionOptions()
    # onnxruntime also prints what it raises; the user is told once, by us.
    options.log_severity_level = _FATAL
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:  # onnxruntime's exceptions have no base of their own
        raise ModelError(
            f"{path}: not a model that onnxruntime can load ({_without_preamble(error)}); give an "
            "ONNX file, with its weights file beside it if it has one, as "
            "`archspec build SPEC --export onnx` writes them"
        ) from error
    return Model(
        path=str(path),
        inputs=tuple(_model_tensor(path, value) for value in session.get_inputs()),
        outputs=tuple(value.name for value in session.get_outputs()),
        metadata=_metadata(path, session.get_modelmeta().custom_metadata_map),
        session=session,
    )


def dimensions_text(shape: Sequence[Dimension]) -> str:
    """`batch × 3 × 224 × 224`; a free dimension without a name is a question mark."""
    return " × ".join("?" if size is None else str(size) for size in shape) or "a single number"


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise ModelError(
            f"{path}: the model cannot be read: {reason(error)}; "
            "`archspec build SPEC --export onnx` writes one"
        ) from error
    if not first:
        raise ModelError(
            f"{path}: the file is empty; `archspec build SPEC --export onnx` writes a model"
        )


def _model_tensor(path: Path, value: Any) -> ModelTensor:
    if value.type not in _ELEMENT_TYPES:
        raise ModelError(
            f"{path}: its input `{value.name}` is a {value.type}, and only tensors of numbers "
            "can be given here; run the model with onnxruntime itself"
        )
    return ModelTensor(value.name, tuple(value.shape), _ELEMENT_TYPES[value.type])


def _metadata(path: Path, properties: Mapping[str, str]) -> Metadata | None:
    text = properties.get(METADATA_KEY)
    if text is None:
        return None
    try:
        return Metadata.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in (METADATA_KEY, *first["loc"]))
        raise ModelError(
            f"{path}: its metadata cannot be used: {place}: {one_line(first['msg'])}; "
            "build the model again with this version of archspec"
        ) from error


def _without_preamble(error: Exception) -> str:
    """onnxruntime's message without what it starts with, which is for onnxruntime's authors:
    `[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from model.onnx failed:`.
    """
    return one_line(str(error).split(" : ", 3)[-1].rsplit(" failed:", 1)[-1])
