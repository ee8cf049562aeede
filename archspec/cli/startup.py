"""What makes `archspec check` start fast."""

from __future__ import annotations

import gc
import importlib
import os
import re
import sys
from types import ModuleType
from typing import Any

_UNUSED = ("importlib.metadata", "secrets")
"""Modules that pydantic imports for what archspec does not ask of it."""


def start_lightly() -> None:
    """Keep pydantic from loading what this process does not use.

    It looks for plugins in the metadata of every installed package, and imports a module for
    comparing passwords. Whoever does use one of these modules gets it at that moment. Nor does the
    garbage collector run: there is nothing for it to find in so short a life.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for name in _UNUSED:
        if name not in sys.modules:
            sys.modules[name] = deferred = _Deferred(name)
            package, _, last = name.rpartition(".")
            if package:
                setattr(sys.modules[package], last, deferred)
    _import_yaml()


def _import_yaml() -> None:
    """Import yaml without compiling its regular expressions, which are its Python reader's: the C
    reader uses none. One of them alone takes a twentieth of a check.
    """
    re.compile = _Pattern  # type: ignore[assignment]
    try:
        importlib.import_module("yaml")
    finally:
        re.compile = _compile


_compile = re.compile


class _Pattern:
    """Stands for a compiled regular expression until it is used."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._pattern = pattern
        self._flags = flags

    def __getattr__(self, attribute: str) -> Any:
        return getattr(_compile(self._pattern, self._flags), attribute)


class _Deferred(ModuleType):
    """Stands for a module until it is used.

    The standard library's LazyLoader would do, but that CPython's import statement asks a module
    for `__spec__` and `__path__`, which loads it, and that pydantic imports a function by its name.
    """

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if attribute == "entry_points":
            return lambda **selection: self._load().entry_points(**selection)
        return getattr(self._load(), attribute)

    def _load(self) -> Any:
        name = self.__name__
        if sys.modules.get(name) is self:
            del sys.modules[name]
        return importlib.import_module(name)
