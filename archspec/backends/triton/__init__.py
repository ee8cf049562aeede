"""The Triton backend: a folder that Triton Inference Server serves."""

from archspec.backends.triton.repository import CONFIG_FILE, write_repository
from archspec.backends.triton.serving import Serving

__all__ = ["CONFIG_FILE", "Serving", "write_repository"]
