"""Normalisation, activation and arithmetic: tensors, formulas, and what does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.layers import LAYERS
from archspec.layers.base import Layer, Shape
from archspec.layers.channels import nearest_divisor
from tests.specs import compiled, errors_of, graph_of, places_of, shapes_of, spec, unmarked


def layer(kind: str, /, **fields: Any) -> Layer:
    return LAYERS[kind].model_validate(fields)


IMAGE: Shape = (6, 4, 5)


@pytest.mark.parametrize(
    ("kind", "fields", "x", "shapes"),
    [
        # nn.LayerNorm(6); nn.LayerNorm([6, 4, 5]); torchvision's LayerNorm2d(6)
        ("layer_norm", {}, (6,), {"weight": (6,), "bias": (6,)}),
        ("layer_norm", {}, (6, 9), {"weight": (6,), "bias": (6,)}),
        ("layer_norm", {}, IMAGE, {"weight": (6,), "bias": (6,)}),
        ("layer_norm", {"over": "all"}, IMAGE, {"weight": IMAGE, "bias": IMAGE}),
        ("layer_norm", {"affine": False}, IMAGE, {}),
        ("group_norm", {"num_groups": 3}, IMAGE, {"weight": (6,), "bias": (6,)}),
        ("group_norm", {"num_groups": 3, "affine": False}, IMAGE, {}),
        ("instance_norm", {}, IMAGE, {}),
        ("instance_norm", {"affine": True}, IMAGE, {"weight": (6,), "bias": (6,)}),
        ("l2_normalize", {}, IMAGE, {}),
        ("prelu", {}, IMAGE, {"weight": (1,)}),
        ("prelu", {"num_parameters": 6}, IMAGE, {"weight": (6,)}),
        ("prelu", {"num_parameters": "channels"}, IMAGE, {"weight": (6,)}),
        ("prelu", {"num_parameters": "channels"}, (1, 4, 5), {"weight": (1,)}),
        # torchvision's ConvNeXt: torch.ones(dim, 1, 1) * layer_scale
        ("layer_scale", {}, IMAGE, {"": (6, 1, 1)}),
        ("layer_scale", {}, (6, 9), {"": (6, 1)}),
        ("layer_scale", {}, (6,), {"": (6,)}),
        ("drop_path", {"p": 0.1}, IMAGE, {}),
        ("scale", {"value": 2}, IMAGE, {}),
        ("clamp", {"min": 0}, IMAGE, {}),
    ],
)
def test_the_tensors_are_pytorchs_and_the_formula_counts_them(
    kind: str, fields: dict[str, Any], x: Shape, shapes: dict[str, Shape]
) -> None:
    one = layer(kind, **fields)
    tensors = one.parameters((x,))
    assert {leaf: tensor.shape for leaf, tensor in tensors.items()} == shapes
    assert one.buffers((x,)) == {}
    assert one.output_shape((x,)) == x
    assert one.macs((x,), x) == 0
    total = sum(tensor.size for tensor in tensors.values())
    formula = one.parameter_formula((x,))
    assert formula.endswith(f"= {total:,}") if tensors else formula == ""


@pytest.mark.parametrize(
    ("kind", "fields", "starts"),
    [
        ("layer_norm", {}, {"weight": 1, "bias": 0}),
        ("group_norm", {"num_groups": 2}, {"weight": 1, "bias": 0}),
        ("instance_norm", {"affine": True}, {"weight": 1, "bias": 0}),
        ("prelu", {}, {"weight": 0.25}),
        ("prelu", {"init": 0.1}, {"weight": 0.1}),
        ("layer_scale", {}, {"": 1e-6}),
        ("layer_scale", {"init": 1}, {"": 1}),
    ],
)
def test_tensors_start_as_pytorchs_and_torchvisions_do(
    kind: str, fields: dict[str, Any], starts: dict[str, float]
) -> None:
    tensors = layer(kind, **fields).parameters((IMAGE,))
    assert {leaf: (t.constant, t.bound) for leaf, t in tensors.items()} == {
        leaf: (start, None) for leaf, start in starts.items()
    }


def test_statistics_over_positions_see_all_and_those_over_channels_one() -> None:
    for kind, fields in (
        ("layer_norm", {"over": "all"}),
        ("group_norm", {"num_groups": 2}),
        ("instance_norm", {}),
    ):
        assert layer(kind, **fields).windows((IMAGE,)) is None
    point = layer("relu").windows((IMAGE,))
    assert layer("layer_norm").windows((IMAGE,)) == point
    assert layer("l2_normalize").windows((IMAGE,)) == point


def test_a_branch_may_end_in_a_layer_scale_and_a_drop_path() -> None:
    # ConvNeXt's block (Liu et al. 2022), in torchvision's order
    graph = graph_of(
        spec(
            """
            - residual:
                layers:
                  - conv: {out_channels: $in, kernel_size: 7, padding: 3, groups: $in}
                  - layer_norm: {eps: 1e-6}
                  - fc: {out_features: 4 * $in, position_wise: true}
                  - gelu
                  - fc: {out_features: $in // 4, position_wise: true}
                  - layer_scale: {name: layer_scale}
                  - drop_path: 0.1
            """,
            "[8, 14, 14]",
        )
    )
    assert shapes_of(graph)["residual1"] == (8, 14, 14)
    assert dict(graph.tensors())["layer_scale"].shape == (8, 1, 1)


@pytest.mark.parametrize(
    ("number", "wanted", "expected"),
    [(12, 5, 4), (12, 7, 6), (12, 8, 6), (12, 99, 12), (7, 5, 7), (13, 5, 1), (64, 64, 64)],
)
def test_the_nearest_divisor_is_the_smaller_of_two(number: int, wanted: int, expected: int) -> None:
    assert nearest_divisor(number, wanted) == expected


def test_a_divisor_that_is_far_away_is_not_looked_for() -> None:
    # 2^40 - 87 is prime: its divisors are 1 and itself, and neither is near.
    assert nearest_divisor(2**40 - 87, 2**39) == 1


# What does not fit


@pytest.mark.parametrize(
    ("layers", "input", "words", "help"),
    [
        (
            "- group_norm: «AS302»4",
            "[6, 4, 4]",
            "6 incoming channels cannot be divided into 4 groups",
            "num_groups must divide the incoming channels: 3 is the nearest that does",
        ),
        (
            "- group_norm: «AS301»6",
            "[6, 1, 1]",
            "each of 6 groups of 6 × 1 × 1 is a single number",
            "use fewer groups",
        ),
        ("- group_norm: {num_groups: «AS301»6}", "[6]", "a single number", "use fewer groups"),
        ("- «AS301»instance_norm", "[6, 1, 1]", "6 × 1 × 1 has one", "use layer_norm"),
        (
            "- «AS301»layer_norm",
            "[1, 4, 4]",
            "layer_norm needs two channels or more, and 1 × 4 × 4 has one",
            "leave it out, or use batch_norm",
        ),
        ("- «AS301»layer_norm: {over: all}", "[1, 1]", "two numbers or more", "leave it out"),
        ("- «AS303»instance_norm", "[6]", "1 to 3 spatial axes", "before the flatten"),
        (
            "- reshape: [2, 1, 3, 1, 1]\n- «AS303»batch_norm",
            "[6]",
            "channels and 1 to 3 spatial axes, not one of shape [2, 1, 3, 1, 1]",
            "",
        ),
        ("- «AS204»group_norm", "[6, 4]", "needs `num_groups`", "add `num_groups:`"),
        (
            "- layer_norm: {over: «AS206»channel}",
            "[6, 4]",
            "`over` must be `channels`, or `all`",
            "did you mean `channels`?",
        ),
        (
            "- layer_norm: {eps: «AS206»0}",
            "[6, 4]",
            "a number above 0",
            "a number above 0",
        ),
        (
            "- prelu: «AS301»3",
            "[6, 4]",
            "prelu has one slope, or one a channel, not 3 for 6 channels",
            "write 1, or `channels`",
        ),
        ("- prelu: «AS205»channel", "[6, 4]", "1, or `channels`", "write 1, or `channels`"),
        ("- prelu: «AS206»0", "[6, 4]", "1, or `channels`", "write 1, or `channels`"),
        (
            "- scale: «AS301»[1, 2]",
            "[3, 4]",
            "`value` lists 2 numbers, but the input has 3 channels",
            "write one number for every channel, or a list of 3",
        ),
        ("- shift: {value: «AS301»[1]}", "[3, 4]", "lists 1 number, but", "a list of 3"),
        ("- scale: «AS205»[1, two]", "[2, 4]", "one a channel", "one a channel"),
        ("- scale: «AS205»true", "[2, 4]", "one a channel", "one a channel"),
        ("- scale: «AS206»1e99", "[2, 4]", "float32", "float32"),
        ("- «AS204»scale", "[2, 4]", "needs `value`", "add `value:`"),
        ("- power: «AS205»two", "[2, 4]", "a number", "a number"),
        (
            "- «AS204»clamp",
            "[2, 4]",
            "clamp needs `min`, `max`, or both",
            "`clamp: {min: 0, max: 6}`",
        ),
        (
            "- clamp: {min: 2, max: «AS206»1.5}",
            "[2, 4]",
            "nothing lies between a `min` of 2 and a `max` of 1.5",
            "at least as large as `min`",
        ),
        ("- clamp: {min: «AS205»low}", "[2, 4]", "`min` must be a number", "a number"),
        ("- clamp: {max: «AS206»1e99}", "[2, 4]", "`max` must be a number", "a number"),
        ("- drop_path: «AS206»1.5", "[2, 4]", "from 0 to 1", "from 0 to 1"),
        ("- «AS204»drop_path", "[2, 4]", "needs `p`", "add `p:`"),
        ("- softplus: «AS206»0", "[2, 4]", "above 0", "above 0"),
        ("- elu: {«AS203»negative_slope: 1}", "[2, 4]", "`elu` has no", "`alpha`"),
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
