"""Tokens and attention: shapes, tensors, MACs, and what does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.analysis.cost import cost
from archspec.layers import LAYERS
from archspec.layers.base import AxisWindow, Layer, Shape
from archspec.reports.json import report
from archspec.reports.text import layers as table
from tests import vit
from tests.specs import compiled, errors_of, graph_of, places_of, spec, unmarked


def layer(kind: str, /, **fields: Any) -> Layer:
    return LAYERS[kind].model_validate(fields)


def tensors(kind: str, x: Shape, /, **fields: Any) -> dict[str, Shape]:
    return {k: t.shape for k, t in layer(kind, **fields).parameters((x,)).items()}


# Shapes, tensors and MACs


@pytest.mark.parametrize(
    ("kind", "fields", "x", "expected"),
    [
        # ViT-B/16: 14 × 14 patches of 224 × 224, and the class token
        ("patch_embedding", {"out_channels": 768, "patch_size": 16}, (3, 224, 224), (768, 196)),
        ("patch_embedding", {"out_channels": 8, "patch_size": (2, 5)}, (3, 6, 10), (8, 6)),
        ("patch_embedding", {"out_channels": 8, "patch_size": 4}, (3, 12), (8, 3)),
        ("patch_embedding", {"out_channels": 8, "patch_size": 2}, (3, 4, 6, 2), (8, 6)),
        ("class_token", {}, (768, 196), (768, 197)),
        ("position_embedding", {}, (768, 197), (768, 197)),
        ("self_attention", {"num_heads": 12}, (768, 197), (768, 197)),
        ("fc", {"out_features": 4, "position_wise": True}, (6, 197), (4, 197)),
        ("fc", {"out_features": 4, "position_wise": True}, (6, 5, 7), (4, 5, 7)),
        ("fc", {"out_features": 4, "position_wise": True}, (6,), (4,)),
    ],
)
def test_the_shape_is_that_worked_by_hand(
    kind: str, fields: dict[str, Any], x: Shape, expected: Shape
) -> None:
    assert layer(kind, **fields).output_shape((x,)) == expected


def test_the_tensors_are_those_of_pytorch_and_torchvision() -> None:
    torch = pytest.importorskip("torch")
    for bias in (True, False):
        module = torch.nn.MultiheadAttention(12, 3, bias=bias, batch_first=True)
        theirs = {name: tuple(value.shape) for name, value in module.state_dict().items()}
        assert tensors("self_attention", (12, 5), num_heads=3, bias=bias) == theirs
    assert tensors("class_token", (768, 196)) == {"": (1, 1, 768)}
    assert tensors("position_embedding", (768, 197)) == {"": (1, 197, 768)}
    assert tensors("patch_embedding", (3, 8, 8), out_channels=4, patch_size=2) == {
        "weight": (4, 3, 2, 2),
        "bias": (4,),
    }
    assert tensors("fc", (6, 9), out_features=4, position_wise=True) == {
        "weight": (4, 6),
        "bias": (4,),
    }


def test_tensors_start_as_those_of_pytorch_and_torchvision_do() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(64, 4).state_dict()
    ours = layer("self_attention", num_heads=4).parameters(((64, 9),))
    for name, tensor in ours.items():
        largest = theirs[name].abs().max().item()
        if tensor.bound is None:
            assert tensor.constant == largest == 0
        else:
            # The largest of some thousand uniform numbers is near the bound.
            assert 0.99 * tensor.bound < largest <= tensor.bound * (1 + 1e-6)
    (positions,) = layer("position_embedding").parameters(((64, 9),)).values()
    assert positions.bound is not None
    # A uniform distribution within b has the deviation b / √3; torchvision: normal_(std=0.02)
    assert positions.bound / 3**0.5 == pytest.approx(0.02)
    (token,) = layer("class_token").parameters(((64, 9),)).values()
    assert (token.constant, token.bound) == (0, None)


def test_the_macs_of_attention_are_its_projections_and_its_two_products() -> None:
    # 5 tokens of 6 channels. Projections: 3 to 18 channels in all, 5 · 6 · 18, and 5 · 6 · 6 after;
    # queries with keys: 5 · 5 numbers of 6 products each, in heads or not; then with values alike
    for heads in (1, 2, 3, 6):
        assert layer("self_attention", num_heads=heads).macs(((6, 5),), (6, 5)) == (
            540 + 180 + 150 + 150
        )
    # Each of 7 · 9 positions: 6 · 4
    fc = layer("fc", out_features=4, position_wise=True)
    assert fc.macs(((6, 7, 9),), (4, 7, 9)) == 63 * 24
    # 2 · 3 patches of 2 · 2 · 3 numbers to 8 channels
    patches = layer("patch_embedding", out_channels=8, patch_size=2)
    assert patches.macs(((3, 4, 6),), (8, 6)) == 6 * 12 * 8


@pytest.mark.parametrize(
    ("variables", "params", "gigamacs"),
    [
        # torchvision's table of weights (models/vision_transformer.py: num_params, _ops)
        ({}, 86_567_656, 17.564),
        ({"patch": 32}, 88_224_232, 4.409),
        ({"width": 1024, "heads": 16, "mlp": 4096, "depth": 24}, 304_326_632, 61.555),
        (
            {"patch": 32, "width": 1024, "heads": 16, "mlp": 4096, "depth": 24},
            306_535_400,
            15.378,
        ),
        ({"image": 384}, 86_859_496, 55.484),
        (
            {"image": 518, "patch": 14, "width": 1280, "heads": 16, "mlp": 5120, "depth": 32},
            633_470_440,
            1016.717,
        ),
    ],
    ids=["vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_b_16 at 384", "vit_h_14 at 518"],
)
def test_vision_transformers_have_the_published_parameters_and_macs(
    variables: dict[str, int], params: int, gigamacs: float
) -> None:
    total = cost(graph_of(vit.SPEC, **variables))
    assert total.params == params
    assert round(total.macs / 1e9, 3) == gigamacs


def test_the_names_of_a_vision_transformer_are_torchvisions() -> None:
    # From torchvision's VisionTransformer, Encoder, EncoderBlock and MLPBlock
    block = [
        *("ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias"),
        *("self_attention.in_proj_weight", "self_attention.in_proj_bias"),
        *("self_attention.out_proj.weight", "self_attention.out_proj.bias"),
        *("mlp.0.weight", "mlp.0.bias", "mlp.3.weight", "mlp.3.bias"),
    ]
    names = {
        *("class_token", "conv_proj.weight", "conv_proj.bias", "encoder.pos_embedding"),
        *("encoder.ln.weight", "encoder.ln.bias", "heads.head.weight", "heads.head.bias"),
        *(f"encoder.layers.encoder_layer_{i}.{name}" for i in range(12) for name in block),
    }
    assert {name for name, _ in graph_of(vit.SPEC).tensors()} == names


def test_formulas_show_the_numbers() -> None:
    patches = layer("patch_embedding", out_channels=768, patch_size=16)
    assert patches.shape_formula(((3, 224, 224),), (768, 196)) == "(224 / 16) × (224 / 16) = 196"
    assert patches.parameter_formula(((3, 224, 224),)) == "(16 × 16 × 3) × 768 + 768 = 590,592"
    token = layer("class_token")
    assert token.shape_formula(((768, 196),), (768, 197)) == "1 + 196 = 197"
    assert token.parameter_formula(((768, 196),)) == "1 × 768 = 768"
    positions = layer("position_embedding")
    assert positions.parameter_formula(((768, 197),)) == "197 × 768 = 151,296"
    attention = layer("self_attention", num_heads=12)
    assert attention.parameter_formula(((768, 197),)) == "4 × 768 × 768 + 4 × 768 = 2,362,368"
    plain = layer("self_attention", num_heads=12, bias=False)
    assert plain.parameter_formula(((768, 197),)) == "4 × 768 × 768 = 2,359,296"


@pytest.mark.parametrize(
    ("kind", "fields", "x"),
    [
        ("self_attention", {"num_heads": 3}, (12, 5)),
        ("self_attention", {"num_heads": 3, "bias": False}, (12, 5)),
        ("patch_embedding", {"out_channels": 8, "patch_size": 2}, (3, 4, 6)),
        ("patch_embedding", {"out_channels": 8, "patch_size": 2, "bias": False}, (3, 4, 6)),
        ("class_token", {}, (12, 5)),
        ("position_embedding", {}, (12, 5)),
        ("fc", {"out_features": 4, "position_wise": True}, (12, 5)),
    ],
)
def test_the_formula_ends_in_the_number_of_parameters(
    kind: str, fields: dict[str, Any], x: Shape
) -> None:
    one = layer(kind, **fields)
    total = sum(tensor.size for tensor in one.parameters((x,)).values())
    assert one.parameter_formula((x,)).endswith(f"= {total:,}")


def test_a_token_reads_its_own_patch_and_attention_reads_all() -> None:
    strip = layer("patch_embedding", out_channels=2, patch_size=4)
    assert strip.windows(((3, 12),)) == (AxisWindow(4, 4, 0),)
    assert strip.windows(((3, 12, 12),)) is None
    assert layer("class_token").windows(((3, 5),)) == (AxisWindow(1, 1, 1),)
    assert layer("self_attention", num_heads=1).windows(((3, 5),)) is None


# The reports


def test_the_report_has_the_tensors_by_their_leaves_and_counts_every_bias() -> None:
    found = compiled(vit.SPEC, **vit.TINY)
    layers = {entry["name"]: entry for entry in report(found)["layers"]}
    attention = layers["encoder.layers.encoder_layer_0.self_attention"]
    assert attention["parameters"] == {
        "in_proj_weight": [36, 12],
        "in_proj_bias": [36],
        "out_proj.weight": [12, 12],
        "out_proj.bias": [12],
    }
    assert layers["class_token"]["parameters"] == {"": [1, 1, 12]}
    (row,) = [
        line for line in table(found.graph).splitlines() if "encoder_layer_0.self_attention" in line
    ]
    # 4 · 12² weights, 4 · 12 biases; 4 · 5 · 12² and 2 · 5² · 12 MACs
    assert row.split()[-3:] == ["576", "48", "3,480"]


# What does not fit


@pytest.mark.parametrize(
    ("layers", "input", "words", "help"),
    [
        (
            "- self_attention: «AS302»5",
            "[12, 9]",
            "12 incoming channels cannot be divided into 5 heads",
            "num_heads must divide the incoming channels: 4 is the nearest that does",
        ),
        (
            "- self_attention: {bias: false, num_heads: «AS302»24}",
            "[12, 9]",
            "24 heads",
            "12 is the nearest",
        ),
        (
            "- «AS303»self_attention: 2",
            "[12, 4, 4]",
            "[channels, length], not one of 12 × 4 × 4",
            "`- flatten: {start: 1}`",
        ),
        ("- «AS303»self_attention: 2", "[12]", "not one of 12", "before the flatten"),
        ("- «AS303»class_token", "[12, 4, 4]", "12 × 4 × 4", "patch_embedding"),
        ("- «AS303»position_embedding", "[12]", "not one of 12", "before the flatten"),
        (
            "- patch_embedding: {out_channels: 4, patch_size: «AS301»16}",
            "[3, 224, 230]",
            "a width of 230 cannot be divided into patches of 16",
            "make the width a multiple of 16: 224 is the nearest",
        ),
        (
            "- patch_embedding: {out_channels: 4, patch_size: «AS301»16}",
            "[3, 233, 224]",
            "a height of 233 cannot be divided into patches of 16",
            "make the height a multiple of 16: 240 is the nearest",
        ),
        (
            "- patch_embedding: {out_channels: 4, patch_size: «AS301»[4, 2]}",
            "[3, 3, 6]",
            "a height of 3 cannot be divided into patches of 4",
            "4 is the nearest",
        ),
        (
            "- patch_embedding: {out_channels: 4, patch_size: «AS301»16}",
            "[3, 4]",
            "a length of 4",
            "16 is the nearest",
        ),
        (
            "- patch_embedding: {out_channels: 4, patch_size: «AS303»[4, 2, 1]}",
            "[3, 4, 6]",
            "`patch_size` lists 3 axes, but the input has 2",
            "a list of 2",
        ),
        (
            "- «AS303»patch_embedding: {out_channels: 4, patch_size: 1}",
            "[3]",
            "1 to 3 spatial axes",
            "before the flatten",
        ),
        ("- «AS204»patch_embedding: 4", "[3, 4, 6]", "needs `patch_size`", "add `patch_size:`"),
        ("- «AS204»self_attention", "[3, 4]", "needs `num_heads`", "add `num_heads:`"),
        ("- self_attention: «AS206»0", "[3, 4]", "at least 1", "at least 1"),
        (
            "- self_attention: {num_heads: 1, dropout: «AS206»1.5}",
            "[3, 4]",
            "from 0 to 1",
            "0 to 1",
        ),
        (
            "- «AS303»fc: 4",
            "[3, 4]",
            "fc needs a flat input, not one of 3 × 4",
            "put `- flatten` before it, or `position_wise: true` for one at each position",
        ),
    ],
)
def test_what_does_not_fit_is_said_once_at_its_place_with_the_way_out(
    layers: str, input: str, words: str, help: str
) -> None:
    text, places = unmarked(spec(layers, input))
    found = compiled(text)
    assert places_of(found) == places
    (error,) = errors_of(found)
    assert words in error.message
    assert help in error.help
