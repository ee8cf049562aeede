"""The PyTorch backend: `to_module` makes a graph and its weights a module, `save_module` a file;
`write_torchscript` and `write_program` write programs that need no Python of the network's.
"""

from archspec.backends.torch.files import save_module
from archspec.backends.torch.module import to_module
from archspec.backends.torch.programs import write_program, write_torchscript

__all__ = ["save_module", "to_module", "write_program", "write_torchscript"]
