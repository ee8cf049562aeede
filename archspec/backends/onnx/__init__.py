"""The native ONNX backend: `write_model` puts a graph and its weights in a file."""

from archspec.backends.onnx.options import AS_IT_IS, Options
from archspec.backends.onnx.write import write_model

__all__ = ["AS_IT_IS", "Options", "write_model"]
