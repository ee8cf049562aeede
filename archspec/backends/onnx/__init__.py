"""The native ONNX backend: `write_model` puts a graph and its weights in a file."""

from archspec.backends.onnx.write import write_model

__all__ = ["write_model"]
