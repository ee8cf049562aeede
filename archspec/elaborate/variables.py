"""The values of variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.document import Block, Home
from archspec.document.settings import Setting
from archspec.elaborate.builder import Builder
from archspec.expressions import UNKNOWN, Unknown
from archspec.source import Plain


def variables_of(home: Home, overrides: Mapping[str, Plain], builder: Builder) -> dict[str, Any]:
    """Every variable's value, or UNKNOWN, with `overrides` for some."""
    names: dict[str, Any] = {}
    for name, setting in home.vars.items():
        names[name] = overrides[name] if name in overrides else value_of(setting, names, builder)
    return names


def value_of(setting: Setting, names: dict[str, Any], builder: Builder) -> Any:
    """The setting's value, or UNKNOWN where that has been reported."""
    try:
        return setting.evaluate(names, builder)
    except Unknown:
        return UNKNOWN


class GivenBlock(str):
    """The name of a block, as an argument: whose block it is does not depend on who is called."""

    __slots__ = ("block",)
    block: Block

    def __new__(cls, name: str, block: Block) -> GivenBlock:
        given = super().__new__(cls, name)
        given.block = block
        return given
