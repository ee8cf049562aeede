"""Keys that a mapping does not have: what was meant by each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from archspec import source
from archspec.diagnostics import Sink
from archspec.document.mending import replacing, respelling
from archspec.document.validation import listed
from archspec.source import Scalar
from archspec.words import closest

_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "bottom": ("from",),
    "drop_prob": ("p",),
    "epsilon": ("eps",),
    "factor": ("scale_factor",),
    "features": ("out_features", "out_channels"),
    "filters": ("out_channels",),
    "heads": ("num_heads",),
    "input": ("from",),
    "inputs": ("from",),
    "k": ("kernel_size",),
    "kernel": ("kernel_size",),
    "kernel_shape": ("kernel_size",),
    "keepdim": ("keep",),
    "keepdims": ("keep",),
    "n": ("repeat",),
    "negative_slope": ("negative_slope", "alpha"),
    "neurons": ("out_features",),
    "nodes": ("out_features",),
    "num_filters": ("out_channels",),
    "num_output": ("out_channels", "out_features"),
    "output_dim": ("out_features",),
    "pads": ("padding",),
    "planes": ("out_channels", "channels"),
    "pool_size": ("kernel_size",),
    "rate": ("p", "dilation"),
    "ratio": ("p",),
    "scale": ("scale_factor",),
    "size": ("kernel_size",),
    "skip": ("shortcut",),
    "times": ("repeat",),
    "units": ("out_features",),
}
"""What other tools call our fields, the likelier first; a step has one of them at most."""

_FROM_BEFORE = "leave it out: it follows from the step before"
_ONE_AXIS = "leave it out: it is always the channels, which come first"
_NEEDLESS = {
    "act": "an activation is a step of its own: `- relu`",
    "act_layer": "an activation is a step of its own: `- relu`",
    "activation": "an activation is a step of its own: `- relu`",
    "auto_pad": "padding is told by `padding`: rows, or `same_upper`, `same_lower`, `valid`",
    "axis": _ONE_AXIS,
    "data_format": "leave it out: channels always come first",
    "dim": _ONE_AXIS,
    "in_channels": _FROM_BEFORE,
    "in_features": _FROM_BEFORE,
    "inplace": "leave it out: it says how PyTorch computes, and not what",
    "input_dim": _FROM_BEFORE,
    "input_shape": "leave it out: the shape of the network's input is the section `input`",
    "kernel_initializer": "leave it out: weights are given to `build`",
    "norm": "a normalisation is a step of its own: `- batch_norm`",
    "norm_layer": "a normalisation is a step of its own: `- batch_norm`",
    "num_channels": _FROM_BEFORE,
    "num_features": _FROM_BEFORE,
    "track_running_stats": "leave it out: running statistics are kept",
    "training": "leave it out: `train()` and `eval()` say it of the compiled module",
}
"""Fields of other tools that have no counterpart, and why none is needed."""

_JOINED = r"(\w+)\s*([:=])\s*(.+)"
"""A field and its value that are one word, for want of a space or of a colon."""


def meant_by_key(key: str, known: Collection[str]) -> str | None:
    """The known key that `key` was most likely meant for, or None."""
    for ours in _OTHER_NAMES.get(key.lower(), ()):
        if ours in known:
            return ours
    if key.lower() in _NEEDLESS:
        return None
    joined = re.fullmatch(_JOINED, key)
    return closest(joined[1] if joined else key, known)


def stand_for(strange: Iterable[str], known: Collection[str], needed: Iterable[str]) -> set[str]:
    """The fields that strange keys may have been meant for: not to be called missing besides.

    `needed` are those that a step must have. A key of which nothing is known may stand for any.
    """
    meant: set[str] = set()
    for key in strange:
        near = meant_by_key(key, known)
        if near is not None:
            meant.add(near)
        elif key.lower() not in _NEEDLESS:
            meant.update(needed)
    return meant


def respelt(fields: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The fields with each misspelt one, reported elsewhere, under the word it was meant for."""
    known = tuple(known)
    meant: dict[str, Any] = {}
    for key, value in fields.items():
        near = key if key in known else meant_by_key(key, known)
        meant[near if near and (near == key or near not in fields) else key] = value
    return meant


def check_keys(
    mapping: source.Mapping,
    known: Iterable[str],
    subject: str,
    code: str,
    sink: Sink,
    shown: Collection[str] = (),
    needed: Collection[str] = (),
) -> None:
    """Report each key that is not a known one; `shown` are those that a reader may look for, and
    `needed` those that there must be.
    """
    known = tuple(known)
    for key, span in mapping.keys.items():
        if key in known:
            continue
        help, fix = f"it takes {listed(shown or known)}", None
        if not sink.is_crowded:
            near = meant_by_key(key, known)
            absent = [name for name in needed if name not in mapping.keys]
            joined = re.fullmatch(_JOINED, key)
            value = mapping.values[key]
            if joined and near and isinstance(value, Scalar) and value.value is None:
                help = f"write `{near}: {joined[3]}`"
                fix = replacing(span, f"{near}: {joined[3]}") if near == joined[1] else None
            elif near:
                help = f"did you mean `{near}`?"
                fix = respelling(key, known, span, taken=mapping.keys)
            elif key.lower() in _NEEDLESS:
                help = _NEEDLESS[key.lower()]
            elif len(absent) == 1:
                help = f"it needs `{absent[0]}`: is that what is meant?"
        sink.report(code, f"{subject} has no `{key}`", span, help=help, fix=fix)
