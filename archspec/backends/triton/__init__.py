"""The Triton backend: a folder that Triton Inference Server serves."""

from archspec.backends.triton.repository import write_repository
from archspec.backends.triton.serving import Serving

__all__ = ["Serving", "write_repository"]
