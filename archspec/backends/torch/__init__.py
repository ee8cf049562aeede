"""The PyTorch backend: `to_module` makes a graph and its weights a module, `save_module` a file."""

from archspec.backends.torch.files import save_module
from archspec.backends.torch.module import to_module

__all__ = ["save_module", "to_module"]
