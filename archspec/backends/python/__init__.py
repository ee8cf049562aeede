"""The Python backend: `write_python` writes a network as the PyTorch file a person would write."""

from archspec.backends.python.file import source, write_python

__all__ = ["source", "write_python"]
