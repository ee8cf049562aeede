"""Rows of `tests/kinds.py`, a case each: normalisation, activation, arithmetic and transformers."""

from __future__ import annotations

from typing import Any

from archspec.layers.base import Shape
from tests.cases import FLAT, IMAGES, Case

TOKENS: Shape = (6, 13)

_ANYWHERE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("layer_norm", {}),
    ("layer_norm", {"eps": 0.01}),
    ("layer_norm", {"affine": False}),
    ("layer_norm", {"over": "channels"}),
    ("layer_norm", {"over": "all"}),
    ("layer_norm", {"over": "all", "affine": False, "eps": 0.02}),
    ("group_norm", {"num_groups": 1}),
    ("group_norm", {"num_groups": 2}),
    ("group_norm", {"num_groups": 2, "eps": 0.01}),
    ("group_norm", {"num_groups": 2, "affine": False}),
    ("l2_normalize", {}),
    ("l2_normalize", {"eps": 2}),
    ("prelu", {}),
    ("prelu", {"num_parameters": 1, "init": 0.1}),
    ("prelu", {"num_parameters": "channels"}),
    ("elu", {}),
    ("elu", {"alpha": 0.4}),
    ("hard_sigmoid", {}),
    ("hard_swish", {}),
    ("mish", {}),
    ("softplus", {}),
    ("softplus", {"beta": 3}),
    ("softplus", {"beta": 0.5, "threshold": 0.25}),
    ("softplus", {"threshold": -0.5}),
    ("log_softmax", {}),
    ("drop_path", {"p": 0.3}),
    ("fc", {"out_features": 4, "position_wise": True}),
    ("fc", {"out_features": 4, "position_wise": True, "bias": False}),
    ("scale", {"value": -1.5}),
    ("shift", {"value": 0.25}),
    ("power", {"exponent": 2}),
    ("power", {"exponent": 3}),
    ("power", {"exponent": 1}),
    ("power", {"exponent": 0}),
    ("clamp", {"min": -0.5}),
    ("clamp", {"max": 0.5}),
    ("clamp", {"min": -0.25, "max": 0.5}),
    ("clamp", {"min": 0.5, "max": 0.5}),
    ("abs", {}),
    ("layer_scale", {}),
    ("layer_scale", {"init": 0.1}),
)

_ON_SIX_CHANNELS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("group_norm", {"num_groups": 6}),
    ("group_norm", {"num_groups": 6, "affine": False}),
    ("instance_norm", {}),
    ("instance_norm", {"eps": 0.01, "affine": True}),
    ("prelu", {"num_parameters": 6}),
    ("scale", {"value": (1, -2, 0.5, 0, 3, 1e-3)}),
    ("shift", {"value": (1, -2, 0.5, 0, 3, 1e-3)}),
    ("patch_embedding", {"out_channels": 5, "patch_size": 1}),
    ("patch_embedding", {"out_channels": 5, "patch_size": 1, "bias": False}),
)


def _patches() -> list[Case]:
    """Patches of each size along each axis, so that none is taken for another."""
    return [
        Case("patch_embedding", {"out_channels": 4, **fields}, (shape,))
        for shape, size in (((3, 12), 4), ((3, 6, 10), 2), ((3, 4, 2, 6), 2))
        for fields in (
            {"patch_size": size},
            {"patch_size": size, "bias": False},
            {"patch_size": shape[1:]},
            {"patch_size": (1,) * (len(shape) - 2) + (shape[-1],)},
        )
    ]


def _tokens() -> list[Case]:
    cases = [Case(kind, {}, (TOKENS,)) for kind in ("class_token", "position_embedding")]
    cases += [Case(kind, {}, ((5, 1),)) for kind in ("class_token", "position_embedding")]
    for heads in (1, 2, 3, 6):
        cases.append(Case("self_attention", {"num_heads": heads}, (TOKENS,)))
    cases.append(Case("self_attention", {"num_heads": 2, "bias": False}, (TOKENS,)))
    cases.append(Case("self_attention", {"num_heads": 2, "dropout": 0.2}, (TOKENS,)))
    cases.append(Case("self_attention", {"num_heads": 2}, ((4, 1),)))
    return cases


POINTWISE: tuple[Case, ...] = (
    *(Case(kind, fields, (shape,)) for kind, fields in _ANYWHERE for shape in (*IMAGES, FLAT)),
    *(Case(kind, fields, (shape,)) for kind, fields in _ON_SIX_CHANNELS for shape in IMAGES),
    *_patches(),
    *_tokens(),
)
