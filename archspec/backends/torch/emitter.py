"""Where the lowering of a layer leaves its modules and operations."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from archspec.backends.torch.sizes import RunTimeSizes
from archspec.graph import Node
from archspec.layers.base import Inputs, Shape, Tensor

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Emitter:
    """One layer's place in the module being built.

    Modules go into `root`, calls into `graph`. `inputs` are the calls that made the layer's input
    values. Where `may_overwrite`, nobody else needs the first input's memory, backward included.
    `sizes` has the symbolic sizes as calls.
    """

    node: Node
    root: nn.Module
    graph: fx.Graph
    inputs: tuple[fx.Node, ...]
    weights: Mapping[str, NDArray[Any]] | None = field(repr=False)
    sizes: RunTimeSizes
    may_overwrite: bool = False

    @property
    def x(self) -> fx.Node:
        """The input value of a layer that takes one."""
        (x,) = self.inputs
        return x

    @property
    def shapes(self) -> Inputs:
        """The shapes of the inputs, without the batch."""
        return self.node.input_shapes

    @property
    def shape(self) -> Shape:
        """The shape of the input of a layer that takes one, without the batch."""
        (shape,) = self.shapes
        return shape

    def module(
        self,
        module: nn.Module,
        *values: fx.Node,
        part: str = "",
        step: str = "",
        constants: Mapping[str, Array] | None = None,
        **options: Any,
    ) -> fx.Node:
        """A call of `module` on `values`, the layer's input by default, with these options.

        The module takes the layer's name, and the layer's weights for its own; where these are
        another layer's, that one's module is called again. With `part` it is only a step on the
        way, `<layer>.<part>`. With `step` only its value is, which generated code calls so.
        `constants` are its tensors that are of the network and not among the weights: they follow
        the module from device to device, and are not in its state dict.
        """
        inputs = values or (self.x,)
        self.sizes.check_module(module)
        path = self.node.tensor_name(part)
        if self.node.owner is not None:
            self._check_shared(path, module)
            return self._call_module(path, part or step, inputs, options)
        for leaf, tensor in self.node.signature.parameters.items():
            # A leaf with a dot is a module's within the module.
            within, _, last = leaf.rpartition(".")
            parameter = nn.Parameter(self._weight(leaf, tensor))
            setattr(module.get_submodule(within), last, parameter)
        for leaf, tensor in self.node.signature.buffers.items():
            setattr(module, leaf, self._weight(leaf, tensor))
        for leaf, array in (constants or {}).items():
            if hasattr(module, leaf):  # PyTorch's module would have learnt it.
                delattr(module, leaf)
            module.register_buffer(leaf, torch.from_numpy(array), persistent=False)
        parent, last = _parent(self.root, path)
        parent.add_module(last, module)
        return self._call_module(path, part or step, inputs, options)

    def _call_module(
        self, path: str, part: str, inputs: tuple[fx.Node, ...], options: dict[str, Any]
    ) -> fx.Node:
        name = _variable(self._path(part))
        return self.graph.create_node("call_module", path, inputs, options, name=name)

    def _check_shared(self, path: str, module: nn.Module) -> None:
        """Raise ValueError where the module at `path`, which has the weights, is not alike."""
        if repr(self.root.get_submodule(path)) != repr(module):
            raise ValueError(
                f"{self.node.name} has the weights of {self.node.owner}, but on inputs of its "
                f"size PyTorch's module would be another: {module}"
            )

    def call(
        self, function: Callable[..., Any], *arguments: Any, part: str = "", **options: Any
    ) -> fx.Node:
        """A call of `function`; with `part` only a step on the way. Symbolic sizes among the
        arguments are worked out when it runs.
        """
        arguments, options = self.sizes.known(arguments), self.sizes.known(options)
        return self.graph.create_node(
            "call_function", function, arguments, options, name=_variable(self._path(part))
        )

    def parameter(self, leaf: str) -> fx.Node:
        """A parameter for a `call`; the empty leaf is the one with the layer's own name."""
        name = self.node.tensor_name(leaf)
        if self.node.owner is None:
            parent, last = _parent(self.root, name)
            tensor = self._weight(leaf, self.node.signature.parameters[leaf])
            parent.register_parameter(last, nn.Parameter(tensor))
        return self.attribute(name, part=leaf or "parameter")

    def attribute(self, path: str, *, part: str) -> fx.Node:
        """The tensor at `path` in the module; `part` is what generated code calls it."""
        return self.graph.create_node("get_attr", path, name=_variable(self._path(part)))

    def _path(self, part: str) -> str:
        return f"{self.node.name}.{part}" if part else self.node.name

    def _weight(self, leaf: str, tensor: Tensor) -> torch.Tensor:
        """The weights of one tensor, in memory of their own: training writes into it."""
        name = self.node.tensor_name(leaf)
        if self.weights is None:
            return torch.empty(tensor.shape, dtype=torch.float32, device="meta")
        array = self.weights[name]
        if array.shape != tensor.shape:
            raise ValueError(
                f"{name} has the shape {list(tensor.shape)}, "
                f"but the weights given for it {list(array.shape)}"
            )
        # PyTorch's own memory, because it is aligned for the processor's widest loads.
        weight = torch.empty(tensor.shape, dtype=torch.float32, device="cpu")
        weight.numpy()[...] = array
        return weight


USED_IN_CODE = frozenset({"self", "torch", "inf", "slice", "getattr", "__debug__"})
"""What generated code means something else by than a value."""


def _variable(path: str) -> str:
    """What generated code calls the value that is made at `path`."""
    return f"{path}_" if path in USED_IN_CODE else path


def _parent(root: nn.Module, path: str) -> tuple[nn.Module, str]:
    """The module that is to hold what lies at `path`, made where there is none yet, and the last
    word of the path. Raises ValueError where the path cannot be written in Python or is taken.
    """
    *scopes, last = path.split(".")
    for word in (*scopes, last):
        # Names become attributes in generated code, so nothing else may pass.
        if not re.fullmatch(r"\w+", word) or keyword.iskeyword(word):
            raise ValueError(f"{word!r} in the layer name {path!r} cannot be a module's name")
    parent = root
    for word in scopes:
        child = getattr(parent, word, None)
        if child is None:
            child = nn.Module()
            parent.add_module(word, child)
        if not isinstance(child, nn.Module):
            raise _taken(path, word)
        parent = child
    if hasattr(parent, last):
        raise _taken(path, last)
    return parent, last


def _taken(path: str, word: str) -> ValueError:
    return ValueError(f"{word!r} in the layer name {path!r} is an attribute of its module already")


Lowering = Callable[[Any, Emitter], fx.Node]
"""Emits a layer, the first argument, of the one class that it is listed for. Returns the call that
makes its output.
"""
