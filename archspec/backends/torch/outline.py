"""The module that a graph becomes, as plain data, from which a source file can be written."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from archspec.backends.python.outline import Argument, Call, Const, New, Outline, Ref
from archspec.backends.torch.module import to_module
from archspec.graph import Graph
from archspec.layers.base import Tensor

_SIGNS: Mapping[Callable[..., Any], str] = {
    operator.add: "+",
    operator.iadd: "+=",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.pow: "**",
    operator.getitem: "[]",
    getattr: ".",
}

_OF_SIZES = frozenset({operator.add, operator.mul, operator.floordiv, torch.sym_min, torch.sym_max})
"""What sizes are reckoned with."""

_ALONG_AXES = frozenset(
    {"kernel_size", "stride", "padding", "dilation", "output_padding", "output_size"}
)
"""Arguments that take one number for all axes; `scale_factor` too."""

_HELD: Mapping[tuple[type[nn.Module], str], Callable[[Any], Any]] = {
    (nn.MultiheadAttention, "bias"): lambda module: module.in_proj_bias is not None,
    (nn.MultiheadAttention, "add_bias_kv"): lambda module: module.bias_k is not None,
    (nn.MultiheadAttention, "kdim"): lambda module: None,  # the embedding's own, always
    (nn.MultiheadAttention, "vdim"): lambda module: None,
}
"""Arguments that a module holds under no name of its own."""


def outline(graph: Graph) -> Outline:
    """What `to_module` makes of the graph, but for the weights.

    Raises ValueError for a module or a function that no import finds, and for a module that its
    constructor's arguments do not make again; both can only come from outside.
    """
    module = to_module(graph, None)
    imports: set[str] = set()
    overwriting = {call.target for call in module.graph.nodes if call.meta.get("may_overwrite")}
    modules = {
        path: _described(held, imports, path, path in overwriting)
        if isinstance(held, nn.Module)
        else _parameter(graph, path)
        for path, held in _held(module)
    }
    calls, sizes = [], set[fx.Node]()
    kinds = {node.name: node.kind for node in graph.nodes}
    shapes = {node.name: node.output.shape for node in graph.nodes}
    arguments = [call.name for call in module.graph.nodes if call.op == "placeholder"]
    names = dict(zip(arguments, graph.inputs, strict=True))
    outputs: tuple[str, ...] = ()
    for call in module.graph.nodes:
        if call.op == "output":
            (made,) = call.args
            outputs = tuple(_names(made if isinstance(made, tuple) else (made,)))
        elif call.op != "placeholder":
            if _is_size(call, sizes):
                sizes.add(call)
            layer = call.meta["layer"]
            calls.append(
                Call(
                    call.name,
                    _function(call, imports, layer),
                    call.target if isinstance(call.target, str) else "",
                    fx.node.map_arg(call.args, lambda each: Ref(each.name)),
                    fx.node.map_arg(call.kwargs, lambda each: Ref(each.name)),
                    layer,
                    kinds[layer],
                    shapes.get(call.meta.get("archspec", "")),
                    call in sizes,
                )
            )
    inputs = {argument: graph.inputs[name].shape for argument, name in names.items()}
    return Outline(graph, modules, tuple(calls), inputs, outputs, frozenset(imports))


def _names(values: tuple[fx.Node, ...]) -> list[str]:
    return [value.name for value in values]


def _held(root: nn.Module, prefix: str = "") -> list[tuple[str, nn.Module | nn.Parameter]]:
    """The modules that are called and the parameters beside them, in the state dict's order."""
    found: list[tuple[str, nn.Module | nn.Parameter]] = []
    for name, parameter in root.named_parameters(recurse=False):
        found.append((f"{prefix}{name}", parameter))
    for name, child in root.named_children():
        # A module that only holds others is none of PyTorch's classes.
        if type(child) is nn.Module:
            found += _held(child, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", child))
    return found


def _is_size(call: fx.Node, sizes: set[fx.Node]) -> bool:
    """Whether a call makes a number, one of the inputs' sizes or what follows from them."""
    if call.op == "call_method":
        return call.target == "size"
    arguments = call.args
    return (
        call.target in _OF_SIZES
        and any(each in sizes for each in arguments)
        and all(each in sizes or isinstance(each, int) for each in arguments)
    )


def _function(call: fx.Node, imports: set[str], layer: str) -> str:
    if call.op in ("call_module", "get_attr"):
        return "module" if call.op == "call_module" else "tensor"
    if isinstance(call.target, str):
        return f".{call.target}"
    if call.target in _SIGNS:
        return _SIGNS[call.target]
    name = getattr(call.target, "__name__", "")
    if getattr(torch.Tensor, name, None) is call.target:
        return f".{name}"
    for home, called in ((torch, "torch"), (F, "F")):
        if getattr(home, name, None) is call.target:
            return f"{called}.{name}"
    return _imported(call.target, imports, layer)


def _imported(held: Any, imports: set[str], layer: str) -> str:
    """What a class or a function is called in the file, which imports it. Raises ValueError where
    no import finds it.
    """
    name, home = getattr(held, "__qualname__", repr(held)), getattr(held, "__module__", None) or ""
    try:
        there = home != "__main__" and importlib.util.find_spec(home.partition(".")[0]) is not None
        found = there and getattr(importlib.import_module(home), name, None) is held
    except (ImportError, ValueError):
        found = False
    if not found:
        raise ValueError(
            f"{layer}: a Python file cannot import `{name}`, which its kind makes use of: "
            "it must be a name of a module in an installed package"
        )
    imports.add(f"from {home} import {name}")
    return str(name)


def _described(module: nn.Module, imports: set[str], path: str, may_overwrite: bool = False) -> New:
    """The constructor call that makes a module like this one, its constants included."""
    made = _constructed(module, imports, path)
    made = New(made.function, made.arguments, not _tensors(module), may_overwrite)
    constants = {
        name: tensor
        for name, tensor in module.named_buffers()
        if name in module._non_persistent_buffers_set
    }
    if not constants:
        return made
    arguments = [Argument("module", made, positional=True)]
    for name, tensor in constants.items():
        arguments.append(Argument(name, Const(_listed(tensor.numpy()), "constant")))
    return New("with_constants", tuple(arguments))


def _tensors(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shapes of a module's tensors by their names."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _constructed(module: nn.Module, imports: set[str], path: str) -> New:
    cls = type(module)
    native = getattr(nn, cls.__name__, None) is cls
    function = f"nn.{cls.__name__}" if native else _imported(cls, imports, path)
    # What is written down must make the module again.
    try:
        arguments = tuple(_arguments(module))
        given = {argument.name: argument.value.value for argument in arguments}
        with torch.device("meta"):
            again = cls(**given)
        same = tuple(_arguments(again)) == arguments
        same &= native or (repr(again), _tensors(again)) == (repr(module), _tensors(module))
    except Exception as error:  # a class from outside may fail in any way
        raise ValueError(f"{path}: `{function}` cannot be made again: {error}") from error
    if not same:
        raise ValueError(
            f"{path}: `{function}` cannot be made again: it does not hold the arguments it was "
            "made with under their names"
        )
    return New(function, arguments)


def _arguments(module: nn.Module) -> list[Argument]:
    """What the module's constructor was called with, by what the module holds."""
    cls = type(module)
    arguments: list[Argument] = []
    for name, parameter in inspect.signature(cls).parameters.items():
        if name in ("device", "dtype", "_weight", "_bias") or parameter.kind in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ):
            continue
        held = _HELD.get((cls, name))
        if held is None and not hasattr(module, name):
            raise AttributeError(f"it does not hold its argument `{name}` under that name")
        value = getattr(module, name) if held is None else held(module)
        if name == "bias" and not isinstance(value, bool):
            # Without an affine part there is no bias to speak of.
            scaled = getattr(module, "affine", getattr(module, "elementwise_affine", True))
            value = value is not None or not scaled
        if isinstance(value, tuple | list | torch.Size):
            value = _for_all_axes(name, tuple(value))
        required = parameter.default is inspect.Parameter.empty
        default = ... if required else parameter.default
        if name == "stride" and value == _given(arguments, "kernel_size") and default is None:
            value = None  # a pool's stride is its kernel's size
        arguments.append(Argument(name, Const(value, name), required or name == "p", default))
    return arguments


def _given(arguments: list[Argument], name: str) -> Any:
    return next((each.value.value for each in arguments if each.name == name), ...)


def _for_all_axes(name: str, value: tuple[Any, ...]) -> Any:
    """One number for all axes, where they have the same."""
    alike = name in _ALONG_AXES or name == "scale_factor" or len(value) == 1
    return value[0] if alike and len(set(value)) == 1 else value


def _parameter(graph: Graph, path: str) -> New:
    """A parameter of a layer's own, with the values that it has before training."""
    tensors: dict[str, Tensor] = dict(graph.tensors())
    tensor = tensors[path]
    shape = [Argument("", Const(size, "size"), True) for size in tensor.shape]
    if tensor.bound is not None:
        made = New("torch.empty", tuple(shape))
        ends = [Argument("", Const(end, "bound"), True) for end in (-tensor.bound, tensor.bound)]
        made = New("nn.init.uniform_", (Argument("", made, True), *ends))
    elif tensor.constant in (0, 1):
        made = New("torch.zeros" if tensor.constant == 0 else "torch.ones", tuple(shape))
    else:
        whole = Argument("", New("", tuple(shape)), True)
        value = Argument("", Const(float(tensor.constant), "value"), True)
        made = New("torch.full", (whole, value))
    return New("nn.Parameter", (Argument("", made, True),))


def _listed(array: np.ndarray[Any, Any]) -> Any:
    """An array as nested tuples of numbers."""
    if array.ndim:
        return tuple(_listed(each) for each in array)
    # In as few digits as a float32 has.
    short = float(str(array[()]))
    return short if np.float32(short) == array else float(array)
