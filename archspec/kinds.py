"""Kinds of layer from outside archspec: from a package that is installed, or a file that is named.

A package offers a kind through an entry point, whose name is the kind's word:

    [project.entry-points."archspec.kinds"]
    blur_pool = "my_package.archspec:BLUR_POOL"

and a file named on the command line (`--kinds FILE`) has a list of them, KINDS. Each is a `Kind`:
the class, and its two lowerings. A spec cannot name a file or a package to load: it has words
alone, and a word finds only what its user installed or named.
"""

from __future__ import annotations

import importlib.util
import keyword
import math
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.layers import LAYERS
from archspec.layers.base import AxisWindow, Layer, Tensor
from archspec.layers.sizes import at_least

if TYPE_CHECKING:
    from archspec.graph import Signature

GROUP = "archspec.kinds"
"""The group of the entry points."""

_RESERVED = frozenset(
    {"name", "from", "repeat", "when", "expect", "shares", "branches", "sequential", "residual"}
)
"""Words that mean something in every step."""


class Kind(NamedTuple):
    """A kind of layer: its class, and how it becomes PyTorch's calls and ONNX's operations.

    `torch` and `onnx` are as the lowerings in archspec.backends: functions of the layer and an
    Emitter. They may be None in a package that serves one backend alone; the other then says so.
    """

    layer: type[Layer]
    torch: Callable[[Any, Any], Any] | None = None
    onnx: Callable[[Any, Any], None] | None = None


class KindError(Exception):
    """A kind from outside that cannot be used; the message says why."""


class Vocabulary:
    """The kinds that a spec may use: archspec's own, those that were named, those installed.

    `layers` has every kind by its word, an installed one once it has been asked for; `outside`
    those that are not archspec's own, by their class.
    """

    def __init__(self, named: Iterable[Kind] = ()) -> None:
        """Raises KindError where one of the kinds cannot be used."""
        self.layers = LAYERS.and_others()
        self.outside: dict[type[Layer], Kind] = {}
        self._installed: dict[str, Any] | None = None
        for kind in named:
            self._add(kind, "")

    def installed(self) -> tuple[str, ...]:
        """The words of the kinds that installed packages offer."""
        if self._installed is None:
            from importlib.metadata import entry_points

            self._installed = {entry.name: entry for entry in entry_points(group=GROUP)}
        return tuple(self._installed)

    def find(self, word: str) -> type[Layer] | None:
        """The kind of this word, from an installed package if need be; None where there is none.

        Raises KindError where a package has it and it cannot be used.
        """
        if word in self.layers or word not in self.installed():
            return self.layers.get(word)
        assert self._installed is not None
        entry = self._installed[word]
        try:
            kind = entry.load()
        except (Exception, SystemExit) as error:  # a package may fail in any way
            message = f"{entry.value} cannot be loaded: {_said(error)}"
            raise KindError(message) from error
        return self._add(kind, word)

    def _add(self, kind: Any, word: str) -> type[Layer]:
        """Take in a kind, called `word` if that is given."""
        problem = _problem(kind, word)
        if problem:
            raise KindError(problem)
        known = self.layers.get(kind.layer.kind)
        if known is not None and known is not kind.layer:
            raise KindError(f"there is a kind `{kind.layer.kind}` already")
        self.layers.add(kind.layer)
        self.outside[kind.layer] = kind
        return kind.layer  # type: ignore[no-any-return]  # it was looked at


def _problem(kind: Any, word: str) -> str:
    """Why something is no kind that a spec could use; empty where it is one."""
    if not isinstance(kind, Kind):
        return f"it is a {type(kind).__name__}, and should be an archspec.kinds.Kind"
    layer = kind.layer
    if not (isinstance(layer, type) and issubclass(layer, Layer)):
        return f"its layer is {layer!r}, and should be a class of archspec.layers.base.Layer"
    name = getattr(layer, "kind", None)
    if not (isinstance(name, str) and name.isidentifier() and name not in _RESERVED):
        return f"{layer.__name__}.kind is {name!r}, and should be a word of its own"
    if word and name != word:
        return f"its entry point is called `{word}`, but the kind `{name}`"
    missing = sorted(getattr(layer, "__abstractmethods__", ()))
    if missing:
        return f"{layer.__name__} has no {', '.join(missing)}"
    taken = sorted(set(layer.model_fields) & _RESERVED)
    if taken:
        return f"{layer.__name__} has a field `{taken[0]}`, which means something in every step"
    for part in ("main_field", "reference"):
        field = getattr(layer, part)
        wrong = not isinstance(field, str) or (field in layer.model_fields) is (part == "reference")
        if field is not None and wrong:
            return f"{layer.__name__}.{part} is {field!r}, which does not go with its fields"
    return ""


def problem_with(signature: Signature) -> str:
    """Why what a layer from outside says of itself cannot be used; empty where it can."""
    shape = signature.output.shape
    if not _is_shape(shape):
        return f"its output_shape is {shape!r}, and should be a tuple of sizes of at least 1"
    for name in ("parameters", "buffers"):
        tensors = getattr(signature, name)
        if not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
            return f"its {name} are {tensors!r}, and should be Tensors by name"
        for leaf, tensor in tensors.items():
            if not isinstance(leaf, str) or any(map(keyword.iskeyword, leaf.split("."))):
                return f"it has a tensor called {leaf!r}, and no module could"
            if not _is_shape(tensor.shape):
                return f"its {leaf} has the shape {tensor.shape!r}, which is none"
            if not (_is_number(tensor.constant) and _is_number(tensor.bound or 0.0)):
                return f"its {leaf} starts as {tensor!r}, which are no numbers"
    if signature.macs is True or not _is_size(signature.macs + 1):
        return f"its macs are {signature.macs!r}, and should be a count"
    windows = signature.windows
    if windows is not None:
        axes = max(len(inputs) for inputs in signature.inputs) - 1
        if len(windows) != axes or not all(map(_is_window, windows)):
            return f"its windows are {windows!r}, and should be an AxisWindow for each of {axes}"
    return ""


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(map(_is_size, value))


def _is_size(size: Any) -> bool:
    """Whether it is a size, which may be symbolic."""
    return not isinstance(size, bool | float | str | None) and at_least(size, 1)


def _is_number(number: Any) -> bool:
    return type(number) in (int, float) and math.isfinite(number)


def _is_window(window: Any) -> bool:
    """Whether it says what an axis reads, from whatever offset."""
    if not isinstance(window, AxisWindow) or isinstance(window.before, bool | float | str | None):
        return False
    return _is_size(window.extent) and _is_size(window.stride)


_READ: set[str] = set()
"""The modules that were read from files that the user named."""


def read_kinds(path: str) -> tuple[Kind, ...]:
    """The `KINDS` of a Python file, which is run: name none that you would not run.

    Raises OSError where it cannot be read, KindError where it fails or has no kinds.
    """
    with open(path, "rb"):
        pass  # Say so plainly, if that is not possible.
    name = os.path.basename(path).removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not name.isidentifier():
        raise KindError(f"{path} is no Python module's file: call it `my_kinds.py`, or so")
    if name not in _READ and importlib.util.find_spec(name) is not None:
        raise KindError(f"{path} is called like the module `{name}`: rename it")
    _READ.add(name)
    module = importlib.util.module_from_spec(spec)
    # By its own name it is found again by whoever has it on the path: pickle, pydantic.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a file may fail in any way
        sys.modules.pop(name, None)
        raise KindError(f"{path} fails: {_said(error)}") from error
    kinds = getattr(module, "KINDS", None)
    if not isinstance(kinds, list | tuple):
        raise KindError(f"{path} has no KINDS, a list of archspec.kinds.Kind")
    for kind in kinds:
        problem = _problem(kind, "")
        if problem:
            raise KindError(f"{path}: {problem}")
    return tuple(kinds)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
