"""What an error about shapes says of the way there, and of the way out."""

from __future__ import annotations

import pytest

from archspec.diagnostics import Diagnostic
from archspec.edits import edited
from tests.specs import compiled, errors_of, spec


def the_error(text: str) -> Diagnostic:
    (error,) = errors_of(compiled(text))
    return error


def mended(text: str) -> str:
    """The text with the certain mend of its one error made."""
    fix = the_error(text).fix
    assert fix is not None
    return edited(text, fix.edits)


def trail_of(text: str) -> list[str]:
    return [f"{label.span.line}: {label.text}" for label in the_error(text).trail]


# The trail


def test_the_trail_has_the_last_shapes_that_led_to_a_misfit() -> None:
    text = spec(
        """
        - conv: {out_channels: 6, kernel_size: 5}
        - relu
        - max_pool: 2
        - fc: 10
        """,
        input="[1, 28, 28]",
    )
    assert trail_of(text) == [
        "3: `input` is 1 × 28 × 28",
        "5: `conv1` makes 6 × 24 × 24",
        "7: `max_pool1` makes 6 × 12 × 12",
    ]


def test_the_trail_of_a_merge_follows_each_value() -> None:
    text = spec(
        """
        - max_pool: {name: left, kernel_size: 2}
        - max_pool: {name: right, kernel_size: 4, from: input}
        - add: {from: [left, right]}
        """
    )
    assert trail_of(text) == [
        "3: `input` is 3 × 8 × 8",
        "5: `left` makes 3 × 4 × 4",
        "6: `right` makes 3 × 2 × 2",
    ]


def test_a_long_trail_ends_with_the_last_shapes() -> None:
    steps = "\n".join("- conv: {out_channels: 1, kernel_size: 3}" for _ in range(9))
    trail = trail_of(spec(f"{steps}\n- fc: 3", input="[1, 20, 20]"))
    assert len(trail) == 6
    assert trail[-1] == "13: `conv9` makes 1 × 2 × 2"


def test_an_unmet_expectation_has_a_trail() -> None:
    text = spec("- max_pool: 2\n- conv: {out_channels: 4, kernel_size: 3, expect: [4, 3, 3]}")
    assert trail_of(text)[-1] == "6: `conv1` makes 4 × 2 × 2"


def test_repeats_and_blocks_name_their_layers_in_full() -> None:
    text = spec(
        "- b: {name: body, repeat: 3}\n- fc: 1",
        sections="blocks: {b: {layers: [max_pool: 2]}}",
    )
    assert trail_of(text) == [
        "3: `input` is 3 × 8 × 8",
        "4: `body.0.max_pool1` makes 3 × 4 × 4",
        "4: `body.1.max_pool1` makes 3 × 2 × 2",
        "4: `body.2.max_pool1` makes 3 × 1 × 1",
    ]


# Mends that are certain


@pytest.mark.parametrize(
    "layers",
    [
        "- relu\n- fc: 10  # scores",
        "- fc: {out_features: 10}",
        "-   fc: 10",
        "- sequential:\n    - relu\n    - fc: 10",
    ],
)
def test_a_missing_flatten_is_put_before_fc(layers: str) -> None:
    assert compiled(mended(spec(layers))).ok


@pytest.mark.parametrize(
    "layers",
    ["[relu, fc: 10]", "[fc: 10]", "[relu, {fc: 10}]", "[{fc: {out_features: 3}}, relu]"],
)
def test_a_missing_flatten_is_put_into_a_list_on_one_line(layers: str) -> None:
    text = f"archspec: 1\nname: t\ninput: [3, 8, 8]\nlayers: {layers}\n"
    assert compiled(mended(text)).ok


def test_no_flatten_is_put_before_a_step_that_takes_another_value() -> None:
    error = the_error(spec("- relu: {name: a}\n- relu\n- fc: {out_features: 3, from: a}"))
    assert error.code == "AS303"
    assert error.fix is None


@pytest.mark.parametrize(
    "conv",
    [
        "- conv: {out_channels: 4, kernel_size: 5, expect: [4, 8, 8]}",
        "- conv: {kernel_size: 5, out_channels: 4, expect: [4, 8, 8]}",
        "- conv: {out_channels: 4, expect: [4, 8, 8], kernel_size: 5}",
        "- conv: {out_channels: 4, kernel_size: 5, padding: 1, expect: [4, 8, 8]}",
        "- conv: {out_channels: 4, kernel_size: 5, padding: [0, 1], expect: [4, 8, 8]}",
        "- conv:\n    out_channels: 4\n    kernel_size: 5\n    expect: [4, 8, 8]",
        "- conv:\n    kernel_size: 5\n    out_channels: 4\n    expect: [4, 8, 8]",
        "- conv: {out_channels: 4, kernel_size: [5, 5], stride: 2, expect: [4, 4, 4]}",
        "- conv_transpose: {out_channels: 4, kernel_size: 4, stride: 2, expect: [4, 16, 16]}",
        "- max_pool: {kernel_size: 3, stride: 1, expect: [3, 8, 8]}",
        "- depthwise: {kernel_size: 3, expect: [3, 8, 8]}",
    ],
)
def test_the_padding_that_an_expectation_asks_for_is_written(conv: str) -> None:
    text = mended(spec(conv))
    assert compiled(text).ok, text


def test_no_padding_is_written_where_none_makes_the_expected_shape() -> None:
    error = the_error(spec("- conv: {out_channels: 4, kernel_size: 3, expect: [5, 8, 8]}"))
    assert error.fix is None
    assert "padding" not in error.help


def test_padding_that_is_an_expression_is_left_to_its_author() -> None:
    text = spec(
        "- conv: {out_channels: 4, kernel_size: 5, padding: $p, expect: [4, 8, 8]}",
        sections="vars: {p: 1}",
    )
    error = the_error(text)
    assert error.fix is None
    assert error.help.startswith("`padding: 2` makes 4 × 8 × 8")


# Help that is worked out


def test_a_residual_whose_body_shrinks_is_told_which_padding_keeps_the_size() -> None:
    text = spec(
        """
        - residual:
            layers:
              - conv: {out_channels: 3, kernel_size: 3}
              - relu
              - conv: {out_channels: 3, kernel_size: 5, padding: 1}
        """
    )
    assert the_error(text).help == "give `conv1` `padding: 1` and `conv2` `padding: 2`"


def test_values_that_differ_in_their_channels_are_told_of_the_1x1_convolution() -> None:
    text = spec("- conv: {name: a, out_channels: 8, kernel_size: 1}\n- add: {from: [a, input]}")
    assert the_error(text).help == (
        "a `conv: {out_channels: 8, kernel_size: 1}` makes 3 channels 8; "
        "concat takes them as they are"
    )


def test_an_upsample_that_misses_a_size_is_told_the_one_that_it_should_make() -> None:
    for names in ("[previous, e]", "[e, previous]"):
        text = spec(
            f"""
            - conv: {{name: e, out_channels: 4, kernel_size: 1}}
            - max_pool: 2
            - upsample: 2
            - relu
            - concat: {{from: {names}}}
            """,
            input="[3, 9, 7]",
        )
        change = "`size: [9, 7]` instead of the `scale_factor` in `upsample1` (line 7)"
        made = "4 × 9 × 7"
        assert the_error(text).help.startswith(f"{change} makes {made}; or ")


def test_a_gate_is_told_how_many_channels_to_have_where_it_stays_one_value_a_channel() -> None:
    text = spec(
        """
        - multiply:
            branches: [[], [global_avg_pool, $c, $c, sigmoid]]
        """.replace("$c", "conv: {out_channels: 2, kernel_size: 1}")
    )
    assert the_error(text).help.startswith("`out_channels: 3` in `conv2` (line 6) makes 3 × 1 × 1")


@pytest.mark.parametrize(
    ("layer", "change"),
    [
        ("conv: {name: b, out_channels: 8, kernel_size: 5, from: input}", "`padding: 2`"),
        ("conv: {name: b, out_channels: 6, kernel_size: 1, from: input}", "`out_channels: 8`"),
        (
            "max_pool: {name: b, kernel_size: 3, from: a}",
            "`stride: 1` and `padding: 1`",
        ),
    ],
)
def test_the_layer_that_made_the_other_shape_is_told_its_change(layer: str, change: str) -> None:
    text = spec(
        f"""
        - conv: {{name: a, out_channels: 8, kernel_size: 1}}
        - {layer}
        - relu: {{name: c}}
        - add: {{from: [a, c]}}
        """
    )
    assert the_error(text).help.startswith(f"{change} in `b` (line 6) makes 8 × 8 × 8; or ")


@pytest.mark.parametrize(
    ("order", "large", "small"), [("input, a", "first", "second"), ("a, input", "second", "first")]
)
def test_values_that_differ_in_their_size_are_told_the_factor(
    order: str, large: str, small: str
) -> None:
    for kind in ("add", "concat"):
        text = spec(f"- max_pool: {{name: a, kernel_size: 4}}\n- {kind}: {{from: [{order}]}}")
        assert the_error(text).help == (
            f"`max_pool: 4`, or a stride of 4, makes the {large} as small; "
            f"`upsample: 4` the {small} as large"
        )


def test_an_error_inside_a_block_says_which_call_and_which_repeat() -> None:
    text = spec(
        "- b: {repeat: 4, name: x, k: 3}",
        input="[3, 5, 5]",
        sections="blocks: {b: {args: {k: ~}, layers: [conv: {out_channels: 3, kernel_size: $k}]}}",
    )
    labels = [label.text for label in the_error(text).labels]
    assert labels == ["in block `b`, called here, repeat 3 of 4"]


@pytest.mark.parametrize(
    ("params", "help"),
    [
        (1162, "every `bias` of conv together have the 4 that are too many; or write"),
        (1164, "`conv1.bias` has the 2 that are too many; or write `params: 1166`"),
        (1165, "write `params: 1166` if that is what you mean"),
        (1170, "write `params: 1166` if that is what you mean"),
    ],
)
def test_parameters_that_are_too_many_are_found_where_they_are(params: int, help: str) -> None:
    layers = """
        - conv: {out_channels: 2, kernel_size: 1}
        - conv: {out_channels: 2, kernel_size: 1}
        - flatten
        - fc: {out_features: 9, bias: false}
        """
    # By hand: 3 × 2 + 2 and 2 × 2 + 2 and 128 × 9 are 1,166.
    text = spec(layers) + f"expect: {{params: {params}}}\n"
    assert the_error(text).help.startswith(help)


def test_groups_that_do_not_divide_are_told_what_would() -> None:
    text = spec("- conv: {out_channels: 8, kernel_size: 1, groups: 4}", input="[6, 8, 8]")
    assert the_error(text).help == (
        "groups must divide the incoming channels: 3 is the nearest that does; "
        "or let 8 channels come in"
    )


# Where the value that is wrong was written


def place_and_labels(text: str) -> tuple[int, int, list[str]]:
    error = the_error(text)
    return (*error.span[:2], [label.text for label in error.labels])


def test_a_kind_given_to_a_block_is_wrong_where_it_is_given() -> None:
    text = spec(
        "- b: {act: rleu}",
        sections="blocks: {b: {args: {act: relu}, layers: [$act, tanh, $act]}}",
    )
    line, column, labels = place_and_labels(text)
    assert (line, column) == (6, 14)
    assert labels == ["used here, in block `b`", "in block `b`, called here"]


def test_a_default_that_is_wrong_is_so_where_it_is_declared() -> None:
    text = spec("- b\n- b", sections="blocks: {b: {args: {act: relue}, layers: [$act]}}")
    assert place_and_labels(text)[:2] == (4, 26)


def test_a_value_is_followed_through_blocks_within_blocks() -> None:
    text = spec(
        "- outer: {width: wide}",
        sections="""
        blocks:
          inner: {args: {c: ~}, layers: [conv: {out_channels: $c, kernel_size: 1}]}
          outer: {args: {width: ~}, layers: [inner: {c: $width}]}
        """,
    )
    line, column, labels = place_and_labels(text)
    assert (line, column) == (8, 20)
    assert labels[:2] == ["used here, in block `inner`", "used here, in block `outer`"]


def test_a_sum_of_arguments_is_wrong_where_it_stands() -> None:
    sections = "blocks: {b: {args: {c: ~}, layers: [flatten, fc: $c - 1]}}"
    assert place_and_labels(spec("- b: {c: 0}", sections=sections))[0] == 4


def test_the_value_of_from_that_does_not_fit_those_before_it_is_pointed_at() -> None:
    text = spec(
        """
        - conv: {name: a, out_channels: 4, kernel_size: 1}
        - max_pool: {name: b, kernel_size: 2}
        - concat: {from: [a, a, b]}
        """
    )
    assert place_and_labels(text)[:2] == (7, 27)


@pytest.mark.parametrize(
    ("input", "doubt"),
    [
        (
            "[1, 3, 64, 64]",
            "this is 1 × 3 × 64 × 64, a volume: is the batch meant? `[3, 64, 64]`",
        ),
        (
            "[64, 64, 3]",
            "this is 64 channels of 64 × 3: channels come first: `[3, 64, 64]`",
        ),
    ],
)
def test_an_input_in_another_order_is_doubted_where_a_shape_does_not_fit(
    input: str, doubt: str
) -> None:
    text = spec("- conv: {out_channels: 8, kernel_size: 5}\n- fc: 3", input=input)
    assert doubt in [label.text for label in the_error(text).labels]
