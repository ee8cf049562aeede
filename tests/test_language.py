"""The language: steps, names, references, blocks, repeats, shortcuts, merges, expectations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.layers.conv import Conv
from archspec.pipeline import compile_bytes
from tests.specs import (
    codes_of,
    compiled,
    errors_of,
    graph_of,
    names_of,
    nodes_of,
    places_of,
    shapes_of,
    spec,
)

# Steps


def test_a_step_is_a_kind_a_kind_and_its_main_field_or_a_kind_and_its_fields() -> None:
    graph = graph_of(
        spec(
            """
            - relu
            - max_pool: 2
            - conv: {out_channels: 5, kernel_size: 3, padding: 1}
            - conv:
                out_channels: 6
                kernel_size: [1, 3]
            - dropout: 0.25
            - batch_norm:
            - tanh: {}
            - flatten
            - fc: 7
            """
        )
    )
    assert [node.kind for node in graph.nodes] == [
        "relu",
        "max_pool",
        "conv",
        "conv",
        "dropout",
        "batch_norm",
        "tanh",
        "flatten",
        "fc",
    ]
    assert shapes_of(graph) == {
        "relu1": (3, 8, 8),
        "max_pool1": (3, 4, 4),
        "conv1": (5, 4, 4),
        "conv2": (6, 4, 2),
        "dropout1": (6, 4, 2),
        "batch_norm1": (6, 4, 2),
        "tanh1": (6, 4, 2),
        "flatten1": (48,),
        "fc1": (7,),
    }


def test_a_node_comes_from_the_line_and_column_of_its_word() -> None:
    graph = graph_of(spec("- relu\n-   conv: {out_channels: 3, kernel_size: 1}\n"))
    assert [node.origin[:2] for node in graph.nodes] == [(5, 5), (6, 7)]


def test_the_defaults_are_pytorchs() -> None:
    graph = graph_of(spec("- conv: {out_channels: 2, kernel_size: 3}\n- max_pool: 3\n- batch_norm"))
    conv, pool, norm = (node.layer for node in graph.nodes)
    assert isinstance(conv, Conv)
    assert (conv.stride, conv.dilation, conv.groups, conv.bias) == (1, 1, 1, True)
    assert (conv.padding.sides, conv.padding_mode) == (((0, 0),), "zeros")
    assert graph.nodes[1].output.shape == (2, 2, 2)  # the stride is the kernel
    assert norm.model_dump() == {"eps": 1e-5, "momentum": 0.1, "affine": True}
    assert pool.model_dump()["ceil_mode"] is False


@pytest.mark.parametrize("shape", ["[3, 9]", "[3, 9, 9]", "[3, 9, 9, 9]"])
def test_the_rank_follows_from_the_input(shape: str) -> None:
    layers = "- conv: {out_channels: 4, kernel_size: 3}\n- max_pool: 2\n- batch_norm\n- flatten"
    graph = graph_of(spec(layers, input=shape))
    axes = shape.count(",")
    assert graph.nodes[0].output.shape == (4, *[7] * axes)
    assert graph.nodes[-1].output.shape == (4 * 3**axes,)


# Names: each row a list of steps, and the names of its nodes.

_BLOCKS = """
blocks:
  plain:
    layers: [conv: {out_channels: 3, kernel_size: 1}, relu, conv: {out_channels: 3, kernel_size: 1}]
  counted: {sequential: [conv: {out_channels: 3, kernel_size: 1}, relu]}
  around: {layers: [residual: [plain]]}
  called: {args: {n: 0}, layers: [relu: {name: act$n}]}
  here: {args: {n: 0, full: true}, inline: [relu, {tanh: {when: $full}}, sigmoid: {name: gate$n}]}
"""

NAMES: dict[str, tuple[str, list[str]]] = {
    "an ordinal a kind": ("[relu, tanh, relu]", ["relu1", "tanh1", "relu2"]),
    "a named step counts as well": (
        "[relu: {name: a}, relu, relu: {name: b}, relu]",
        ["a", "relu2", "b", "relu4"],
    ),
    "a sequential counts from 0": (
        "[sequential: [relu, tanh, relu]]",
        ["sequential1.0", "sequential1.1", "sequential1.2"],
    ),
    "a named sequential": (
        "[sequential: {name: features, layers: [relu, tanh]}]",
        ["features.0", "features.1"],
    ),
    "a named step counts in a sequential": (
        "[sequential: [relu, tanh: {name: a}, relu]]",
        ["sequential1.0", "sequential1.a", "sequential1.2"],
    ),
    "a sequential in a sequential": (
        "[sequential: {name: s, layers: [sequential: [relu], relu: {}]}]",
        ["s.0.0", "s.1"],
    ),
    "a block opens a scope": (
        "[plain, plain]",
        [
            "plain1.conv1",
            "plain1.relu1",
            "plain1.conv2",
            "plain2.conv1",
            "plain2.relu1",
            "plain2.conv2",
        ],
    ),
    "a named block": ("[plain: {name: stem}]", ["stem.conv1", "stem.relu1", "stem.conv2"]),
    "a block that lists its steps under sequential": (
        "[counted, counted: {name: c}]",
        ["counted1.0", "counted1.1", "c.0", "c.1"],
    ),
    "an inline block's steps are as if written where it is called": (
        "[relu, here, here: {n: 1, full: false}, relu]",
        ["relu1", "relu2", "tanh1", "gate0", "relu3", "gate1", "relu4"],
    ),
    "an inline block in a sequential": (
        "[sequential: {name: s, layers: [here, relu, here: {n: 1}]}]",
        ["s.0", "s.1", "s.gate0", "s.3", "s.4", "s.5", "s.gate1"],
    ),
    "an unnamed residual opens no scope": (
        "[residual: [relu, tanh], relu]",
        ["relu1", "tanh1", "residual1", "relu2"],
    ),
    "a named residual opens one": (
        "[residual: {name: r, layers: [relu, tanh]}, relu]",
        ["r.relu1", "r.tanh1", "r", "relu1"],
    ),
    "an unnamed merge opens no scope": (
        "[concat: {branches: [[relu], [tanh, relu]]}, relu]",
        ["relu1", "tanh1", "relu2", "concat1", "relu3"],
    ),
    "a named merge opens one": (
        "[concat: {name: m, branches: [[relu], [tanh, relu]]}, relu]",
        ["m.relu1", "m.tanh1", "m.relu2", "m", "relu1"],
    ),
    "a residual in a sequential takes its number": (
        "[sequential: {name: s, layers: [{residual: {name: r, layers: [relu]}}, relu]}]",
        ["s.r.relu1", "s.r", "s.1"],
    ),
    "a residual in a block": (
        "[around]",
        [
            "around1.plain1.conv1",
            "around1.plain1.relu1",
            "around1.plain1.conv2",
            "around1.residual1",
        ],
    ),
    "a named repeat counts from 0": ("[relu: {name: a, repeat: 3}]", ["a.0", "a.1", "a.2"]),
    "an unnamed repeat is as if written out": (
        "[relu: {repeat: 2}, relu]",
        ["relu1", "relu2", "relu3"],
    ),
    "a repeat in a sequential is as if written out": (
        "[sequential: {name: s, layers: [{relu: {repeat: 2}}, tanh]}]",
        ["s.0", "s.1", "s.2"],
    ),
    "a named block repeated": (
        "[counted: {name: c, repeat: 2}]",
        ["c.0.0", "c.0.1", "c.1.0", "c.1.1"],
    ),
    "a repeat of one is a repeat": ("[relu: {name: a, repeat: 1}]", ["a.0"]),
    "a repeat of none leaves no number": ("[relu: {repeat: 0}, relu]", ["relu1"]),
    "a name with the repeat's number": (
        "[relu: {name: layer$number, repeat: 2}]",
        ["layer1", "layer2"],
    ),
    "a name with arithmetic": (
        '[relu: {name: "layer{$index + 2}_x", repeat: 2}]',
        ["layer2_x", "layer3_x"],
    ),
    "a name of nothing but an expression": ('[relu: {name: "{2 * $in}"}]', ["6"]),
    "a name with an argument": ("[called: {n: 4}, called]", ["called1.act4", "called2.act0"]),
    "what when leaves out does not count": (
        "[relu: {when: false}, relu, sequential: {name: s, layers: [{tanh: {when: false}}, relu]}]",
        ["relu1", "s.0"],
    ),
    "what when leaves out of a repeat does not count": (
        "[relu: {name: a, repeat: 4, when: $index % 2 == 1}, relu]",
        ["a.0", "a.1", "relu2"],
    ),
    "a number for a name": ('[relu: {name: "0"}, relu: {name: "1"}]', ["0", "1"]),
    "names that meet in scopes of their own": (
        "[sequential: {name: a, layers: [relu: {name: x}]}, relu: {name: x}]",
        ["a.x", "x"],
    ),
}


@pytest.mark.parametrize("title", NAMES)
def test_steps_have_the_names_that_the_rules_give(title: str) -> None:
    layers, names = NAMES[title]
    steps = layers[1:-1]
    text = f"archspec: 1\nname: t\ninput: [3, 8, 8]\n{_BLOCKS}\nlayers: [{steps}]\n"
    assert names_of(text) == names


def test_parameters_are_called_after_their_steps() -> None:
    graph = graph_of(
        spec(
            "- conv: {name: stem, out_channels: 2, kernel_size: 3}\n"
            "- sequential: {name: s, layers: [batch_norm]}"
        )
    )
    assert {name: tensor.shape for name, tensor in graph.tensors()} == {
        "stem.weight": (2, 3, 3, 3),
        "stem.bias": (2,),
        "s.0.weight": (2,),
        "s.0.bias": (2,),
        "s.0.running_mean": (2,),
        "s.0.running_var": (2,),
    }


@pytest.mark.parametrize(
    "layers",
    [
        "[relu: {name: a}, tanh: {name: a}]",
        "[relu: {name: tanh1}, tanh]",
        "[relu: {name: a, repeat: 2}, tanh: {name: a}]",
        '[relu: {name: "0"}, sequential: {name: "0", layers: [relu]}]',
        "[relu: {name: a, repeat: 2, when: true}, relu: {name: a, repeat: 2}]",
        '[sequential: [relu: {name: "1"}, tanh]]',
        "[relu: {name: same, repeat: 2, when: $number > 0}, relu: {name: s$in}, relu: {name: s3}]",
    ],
)
def test_two_steps_of_one_scope_cannot_share_a_name(layers: str) -> None:
    found = compiled(f"archspec: 1\nname: t\ninput: [3, 8, 8]\nlayers: {layers}\n")
    assert [d.code for d in errors_of(found)] == ["AS208"]
    assert errors_of(found)[0].labels, "the other step is shown"


@pytest.mark.parametrize(
    "name",
    [
        "train",
        "forward",
        "parameters",
        "class",
        "None",
        "input",
        "previous",
        "a-b",
        "a b",
        "é",
        "__init__",
        "__class__",
        "x" * 101,
        "half",
        "graph",
        "code",
        "meta",
    ],
)
def test_a_name_that_python_or_torch_has_taken_is_refused(name: str) -> None:
    assert codes_of(spec(f"- relu: {{name: {name}}}")) == ["AS207"]
    assert codes_of(spec(f"- sequential: {{name: {name}, layers: [relu]}}")) == ["AS207"]


# from


def test_from_takes_a_value_of_its_own_scope_before_one_further_out() -> None:
    graph = graph_of(
        spec(
            """
            - max_pool: {name: a, kernel_size: 2}
            - sequential:
                name: s
                layers:
                  - max_pool: {name: b, kernel_size: 2}
                  - identity: {name: a}
                  - relu: {from: a}
                  - sequential: [{relu: {from: b}}]
            - relu: {from: a, name: last}
            """
        )
    )
    nodes = nodes_of(graph)
    assert nodes["s.2"].inputs == ("s.a",)
    assert nodes["s.3.0"].inputs == ("s.b",)
    assert nodes["last"].inputs == ("a",)


def test_from_does_not_look_into_a_scope() -> None:
    layers = "- sequential: {name: s, layers: [relu: {name: a}]}\n- relu: {from: a}"
    found = compiled(spec(layers))
    assert [d.code for d in errors_of(found)] == ["AS211"]
    assert errors_of(found)[0].labels[0].span.line == 5, "where it is made is shown"


def test_from_finds_what_lies_outside_a_block() -> None:
    text = spec(
        "- relu: {name: a}\n- tanh\n- b", sections="blocks: {b: {layers: [relu: {from: a}]}}"
    )
    assert nodes_of(graph_of(text))["b1.relu1"].inputs == ("a",)


def test_an_unnamed_step_is_found_by_its_ordinal() -> None:
    graph = graph_of(spec("- relu\n- tanh\n- relu\n- add: {from: [relu1, previous]}"))
    assert graph.nodes[-1].inputs == ("relu1", "relu2")


def test_the_value_of_a_scope_is_that_of_its_last_step() -> None:
    graph = graph_of(
        spec("- sequential: {name: s, layers: [relu, tanh]}\n- relu\n- add: {from: [s, previous]}")
    )
    assert graph.nodes[-1].inputs == ("s.1", "relu1")


def test_the_value_of_a_repeat_is_that_of_its_last() -> None:
    graph = graph_of(
        spec("- relu: {name: a, repeat: 3}\n- tanh\n- add: {from: [a, a.1, previous]}")
    )
    assert graph.nodes[-1].inputs == ("a.2", "a.1", "tanh1")


def test_previous_is_the_value_of_the_step_before() -> None:
    graph = graph_of(spec("- relu\n- tanh: {from: previous}\n- concat: {from: [previous, input]}"))
    assert [node.inputs for node in graph.nodes[1:]] == [("relu1",), ("tanh1", "input")]


def test_input_is_the_value_that_entered_the_block() -> None:
    graph = graph_of(
        spec(
            "- relu\n- b\n- add: {from: [previous, input]}",
            sections="""
            blocks:
              b: {layers: [tanh, sequential: [add: {from: [previous, input]}, c]]}
              c: {layers: [sigmoid, add: {from: [previous, input]}]}
            """,
        )
    )
    nodes = nodes_of(graph)
    assert nodes["b1.sequential1.0"].inputs == ("b1.tanh1", "relu1")
    assert nodes["b1.sequential1.1.add1"].inputs == (
        "b1.sequential1.1.sigmoid1",
        "b1.sequential1.0",
    )
    assert nodes["add1"].inputs == ("b1.sequential1.1.add1", "input")


def test_a_blocks_argument_may_be_the_name_of_a_value() -> None:
    graph = graph_of(
        spec(
            "- relu: {name: a}\n- tanh\n- join: {skip: a}",
            sections="blocks: {join: {args: {skip: ~}, layers: [add: {from: [previous, $skip]}]}}",
        )
    )
    assert graph.nodes[-1].inputs == ("tanh1", "a")


def test_a_sequential_and_a_block_take_from_as_well() -> None:
    graph = graph_of(
        spec(
            """
            - relu: {name: a}
            - tanh
            - sequential: {from: a, layers: [sigmoid]}
            - b: {from: a}
            - residual: {from: a, layers: [silu]}
            - add: {from: a, branches: [[], [gelu]]}
            """,
            sections="blocks: {b: {layers: [silu]}}",
        )
    )
    nodes = nodes_of(graph)
    assert nodes["sequential1.0"].inputs == nodes["b1.silu1"].inputs == ("a",)
    assert nodes["residual1"].inputs == ("silu1", "a")
    assert nodes["add1"].inputs == ("a", "gelu1")


def test_a_u_nets_skip_is_concat_from_names() -> None:
    graph = graph_of(
        spec(
            """
            - conv: {name: enc1, out_channels: 4, kernel_size: 3, padding: same}
            - conv: {out_channels: 8, kernel_size: 3, padding: same}
            - concat: {from: [previous, enc1]}
            """
        )
    )
    assert graph.nodes[-1].output.shape == (12, 8, 8)
    assert graph.nodes[-1].inputs == ("conv2", "enc1")


# Blocks and their arguments


def test_a_blocks_default_is_evaluated_where_the_block_is_called() -> None:
    graph = graph_of(
        spec(
            "- b\n- conv: {out_channels: 5, kernel_size: 1}\n- b\n- b: {channels: 9}",
            sections="""
            blocks:
              b:
                args: {channels: $in, hidden: $channels * 2}
                layers:
                  - conv: {out_channels: $hidden, kernel_size: 1}
                  - conv: {out_channels: $channels, kernel_size: 1}
            """,
        )
    )
    assert [node.output.shape[0] for node in graph.nodes] == [6, 3, 5, 10, 5, 18, 9]


def test_an_argument_may_be_a_kind() -> None:
    text = spec(
        "- b\n- b: {act: tanh}\n- b: {act: leaky}\n- b: {act: $chosen}",
        sections="""
        vars: {chosen: silu}
        blocks:
          leaky: {layers: [leaky_relu: 0.2]}
          b: {args: {act: relu}, layers: [batch_norm, $act]}
        """,
    )
    assert names_of(text) == [
        "b1.batch_norm1",
        "b1.relu1",
        "b2.batch_norm1",
        "b2.tanh1",
        "b3.batch_norm1",
        "b3.leaky1.leaky_relu1",
        "b4.batch_norm1",
        "b4.silu1",
    ]


def test_a_kind_that_is_an_argument_takes_fields() -> None:
    text = spec(
        "- b: {pool: avg_pool}",
        sections="blocks: {b: {args: {pool: max_pool}, layers: [$pool: {kernel_size: 2}]}}",
    )
    assert [node.kind for node in graph_of(text).nodes] == ["avg_pool"]


def test_a_blocks_arguments_hide_vars_of_the_same_name_and_no_others_are_seen() -> None:
    graph = graph_of(
        spec(
            "- outer: {width: 5}",
            sections="""
            vars: {width: 4, depth: 1}
            blocks:
              outer:
                args: {width: ~}
                layers: [inner, conv: {out_channels: $width, kernel_size: 1}]
              inner: {layers: [conv: {out_channels: $width + $depth, kernel_size: 1}]}
            """,
        )
    )
    assert [node.output.shape[0] for node in graph.nodes] == [5, 5]


def test_the_counts_of_a_repeat_reach_a_block_as_arguments_alone() -> None:
    sections = "blocks: {b: {args: {i: 0}, layers: [conv: {out_channels: $i + 1, kernel_size: 1}]}}"
    graph = graph_of(spec("- b: {i: $index, repeat: 3}", sections=sections))
    assert [node.output.shape[0] for node in graph.nodes] == [1, 2, 3]
    inside = "blocks: {b: {layers: [conv: {out_channels: $number, kernel_size: 1}]}}"
    assert codes_of(spec("- b: {repeat: 3}", sections=inside)) == ["AS402"]


def test_a_repeat_counts_first_last_index_and_number() -> None:
    graph = graph_of(
        spec(
            "- conv: {out_channels: '$index * 10 + $number', kernel_size: 1, repeat: 3, "
            "bias: $first, stride: 2 if $last else 1}"
        )
    )
    assert [node.output.shape for node in graph.nodes] == [(1, 8, 8), (12, 8, 8), (23, 4, 4)]
    assert ["bias" in node.signature.parameters for node in graph.nodes] == [True, False, False]


def test_the_channels_coming_in_change_within_a_repeat() -> None:
    graph = graph_of(spec("- conv: {out_channels: $in * 2, kernel_size: 1, repeat: 3}"))
    assert [node.output.shape[0] for node in graph.nodes] == [6, 12, 24]


def test_a_repeat_inside_a_sequential_repeated_counts_for_itself() -> None:
    graph = graph_of(
        spec(
            "- sequential: {repeat: 2, layers: [conv: {out_channels: '$number', kernel_size: 1, "
            "repeat: 2}]}"
        )
    )
    assert [node.output.shape[0] for node in graph.nodes] == [1, 2, 1, 2]


def test_when_keeps_a_step_only_where_it_is_true() -> None:
    layers = "- relu: {when: $in == 3}\n- tanh: {when: $in > 3}\n- gelu: {when: $deep}"
    text = spec(layers, sections="vars: {deep: false}")
    assert names_of(text) == ["relu1"]
    assert names_of(text, deep=True) == ["relu1", "gelu1"]


# vars, inputs and outputs


def test_vars_may_speak_of_those_before_them_and_are_set_from_outside() -> None:
    text = spec(
        "- fc: $hidden",
        input="[$in_features]",
        sections="vars: {width: 4, hidden: $width * 2, in_features: 10}",
    )
    assert graph_of(text).nodes[0].output.shape == (8,)
    assert graph_of(text, width=5).nodes[0].output.shape == (10,)
    assert graph_of(text, hidden=3, in_features=7).nodes[0].signature.inputs == ((7,),)
    assert codes_of(text, widht=5) == ["AS402"]


def test_a_variable_that_is_set_from_outside_is_checked_as_if_it_were_written() -> None:
    text = spec("- fc: $n", input="[4]", sections="vars: {n: 2}")
    for value in ("3", 2.0, True, None, (1,), 0, -1):
        assert len(codes_of(text, n=value)) == 1


def test_a_network_may_have_several_inputs_and_outputs() -> None:
    text = """
archspec: 1
name: two
inputs: {left: [3, 8, 8], right: [$c, 8, 8]}
vars: {c: 5}
outputs: [head, tail]
layers:
  - conv: {name: stem, from: left, out_channels: 5, kernel_size: 1}
  - add: {name: head, from: [stem, right]}
  - sequential: {name: tail, layers: [relu, flatten]}
"""
    graph = graph_of(text)
    assert {name: type_.shape for name, type_ in graph.inputs.items()} == {
        "left": (3, 8, 8),
        "right": (5, 8, 8),
    }
    assert {name: type_.shape for name, type_ in graph.outputs.items()} == {
        "head": (5, 8, 8),
        "tail.1": (320,),
    }


def test_the_output_is_the_last_steps_unless_outputs_says_otherwise() -> None:
    assert list(graph_of(spec("- relu\n- tanh")).outputs) == ["tanh1"]
    assert list(graph_of(spec("- relu\n- tanh", sections="outputs: [relu1]")).outputs) == ["relu1"]


# Residuals and their shortcuts


def test_an_identity_shortcut_adds_what_came_in() -> None:
    graph = graph_of(spec("- relu\n- residual: [conv: {out_channels: 3, kernel_size: 1}]"))
    assert graph.nodes[-1].kind == "add"
    assert graph.nodes[-1].inputs == ("conv1", "relu1")


def test_a_projection_is_an_identity_where_the_shapes_agree() -> None:
    layers = "- residual: {layers: [relu], shortcut: projection}"
    assert names_of(spec(layers)) == ["relu1", "residual1"]


def _projected(shape: str, body: str) -> dict[str, Any]:
    graph = graph_of(
        spec(f"- residual: {{name: r, shortcut: projection, layers: [{body}]}}", input=shape)
    )
    nodes = nodes_of(graph)
    conv = nodes["r.downsample.0"].layer
    assert isinstance(conv, Conv) and not conv.bias
    assert nodes["r.downsample.1"].kind == "batch_norm"
    assert nodes["r"].kind == "add"
    assert nodes["r.downsample.0"].output == nodes["r"].output
    return {"kernel": conv.kernel_size, "stride": conv.stride, "shape": nodes["r"].output.shape}


@pytest.mark.parametrize(
    ("shape", "body", "stride", "result"),
    [
        ("[3, 8, 8]", "{conv: {out_channels: 5, kernel_size: 1}}", (1, 1), (5, 8, 8)),
        (
            "[3, 8, 8]",
            "{conv: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1}}",
            (2, 2),
            (3, 4, 4),
        ),
        (
            "[3, 9, 7]",
            "{conv: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1}}",
            (2, 2),
            (3, 5, 4),
        ),
        (
            "[3, 9, 8]",
            "{conv: {out_channels: 4, kernel_size: 3, stride: [1, 2], padding: 1}}",
            (1, 2),
            (4, 9, 4),
        ),
        (
            "[3, 8, 9]",
            "{conv: {out_channels: 4, kernel_size: 3, stride: [4, 1], padding: 1}}, relu",
            (4, 1),
            (4, 2, 9),
        ),
        (
            "[3, 17, 17]",
            "{conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}}, "
            "{conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}}",
            (4, 4),
            (4, 5, 5),
        ),
        (
            "[3, 8, 8]",
            "{sequential: [relu, {max_pool: 2}]}, {conv: {out_channels: 4, kernel_size: 1}}",
            (2, 2),
            (4, 4, 4),
        ),
        (
            "[3, 9]",
            "{conv: {out_channels: 4, kernel_size: 3, stride: 3, padding: 1}}",
            (3,),
            (4, 3),
        ),
        (
            "[3, 4, 6, 8]",
            "{conv: {out_channels: 4, kernel_size: 3, stride: [1, 2, 4], padding: 1}}",
            (1, 2, 4),
            (4, 4, 3, 2),
        ),
        (
            "[3, 8, 8]",
            "{conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}}, {multiply:"
            " {branches: [[], [global_avg_pool, {conv: {out_channels: 4, kernel_size: 1}}]]}}",
            (2, 2),
            (4, 4, 4),
        ),
    ],
)
def test_a_projection_has_the_bodys_stride_on_every_axis(
    shape: str, body: str, stride: tuple[int, ...], result: tuple[int, ...]
) -> None:
    found = _projected(shape, body)
    assert found == {"kernel": 1, "stride": stride, "shape": result}


def test_a_projection_that_cannot_reach_the_bodys_shape_is_an_error() -> None:
    layers = "- residual: {shortcut: projection, layers: [conv: {out_channels: 4, kernel_size: 3}]}"
    assert codes_of(spec(layers)) == ["AS305"]
    flat = "- residual: {shortcut: projection, layers: [flatten]}"
    assert len(codes_of(spec(flat))) == 1


def test_a_projection_after_a_gate_that_comes_first_has_the_bodys_stride() -> None:
    body = (
        "{conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}}, {multiply: "
        "{branches: [[global_avg_pool], []]}}"
    )
    assert _projected("[3, 8, 8]", body)["stride"] == (2, 2)


def test_unnamed_residuals_of_one_scope_have_projections_of_their_own() -> None:
    layers = (
        "- residual: {repeat: 2, shortcut: projection, layers: "
        "[conv: {out_channels: $in * 2, kernel_size: 1}]}"
    )
    names = names_of(spec(layers))
    assert len(set(names)) == len(names) == 8
    assert names[1].startswith("downsample") and names[5].startswith("downsample")


def test_pad_takes_every_other_row_and_adds_channels_of_zeros() -> None:
    graph = graph_of(
        spec(
            "- residual: {shortcut: pad, layers: "
            "[conv: {out_channels: 7, kernel_size: 3, stride: [2, 1], padding: 1}]}",
            input="[3, 9, 8]",
        )
    )
    assert [node.kind for node in graph.nodes] == ["conv", "subsample", "pad_channels", "add"]
    assert graph.nodes[-1].output.shape == (7, 5, 8)
    assert list(graph.tensors()) == [
        ("conv1.weight", graph.nodes[0].parameters["conv1.weight"]),
        ("conv1.bias", graph.nodes[0].parameters["conv1.bias"]),
    ]


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        ("[conv: {out_channels: 4, kernel_size: 1}]", ["conv", "pad_channels", "add"]),
        ("[max_pool: 2]", ["max_pool", "subsample", "add"]),
        ("[relu]", ["relu", "add"]),
    ],
)
def test_pad_makes_only_what_is_needed(body: str, kinds: list[str]) -> None:
    graph = graph_of(spec(f"- residual: {{shortcut: pad, layers: {body}}}"))
    assert [node.kind for node in graph.nodes] == kinds


def test_if_same_shape_adds_only_where_the_shapes_agree() -> None:
    layers = (
        "- residual: {shortcut: if_same_shape, layers: [conv: {out_channels: $c, kernel_size: 1}]}"
    )
    text = spec(f"{layers}\n- relu", sections="vars: {c: 3}")
    assert names_of(text) == ["conv1", "residual1", "relu1"]
    without = graph_of(text, c=4)
    assert [node.name for node in without.nodes] == ["conv1", "relu1"]
    assert without.nodes[-1].inputs == ("conv1",)


def test_a_shortcut_may_be_a_list_of_steps() -> None:
    graph = graph_of(
        spec(
            """
            - residual:
                layers: [max_pool: 2, conv: {out_channels: 4, kernel_size: 1}]
                shortcut:
                  - conv: {out_channels: 4, kernel_size: 2, stride: 2}
                  - relu
            """
        )
    )
    assert [node.name for node in graph.nodes] == [
        "max_pool1",
        "conv1",
        "conv2",
        "relu1",
        "residual1",
    ]
    assert nodes_of(graph)["conv2"].inputs == ("input",)
    assert graph.nodes[-1].inputs == ("conv1", "relu1")


# Merges


def test_each_branch_is_fed_the_incoming_value_and_an_empty_one_is_it() -> None:
    graph = graph_of(
        spec(
            """
            - relu
            - concat:
                branches:
                  - []
                  - [conv: {out_channels: 2, kernel_size: 1}, relu]
                  - - conv: {out_channels: 4, kernel_size: 3, padding: 1}
            """
        )
    )
    nodes = nodes_of(graph)
    assert nodes["conv1"].inputs == nodes["conv2"].inputs == ("relu1",)
    assert nodes["concat1"].inputs == ("relu1", "relu2", "conv2")
    assert nodes["concat1"].output.shape == (9, 8, 8)


def test_squeeze_and_excite_is_multiply_with_a_gate() -> None:
    graph = graph_of(
        spec(
            """
            - multiply:
                branches:
                  - []
                  - - global_avg_pool
                    - conv: {out_channels: $in, kernel_size: 1}
                    - sigmoid
            """
        )
    )
    assert graph.nodes[-1].inputs == ("input", "sigmoid1")
    assert graph.nodes[-1].output.shape == (3, 8, 8)


def test_the_channels_coming_in_are_those_of_the_branch() -> None:
    layers = (
        "- concat: {branches: [[conv: {out_channels: 8, kernel_size: 1}], "
        "[conv: {out_channels: $in * 2, kernel_size: 1}]]}"
    )
    assert graph_of(spec(layers)).nodes[-1].output.shape == (14, 8, 8)


def test_a_dense_layer_adds_features_to_what_came_in() -> None:
    text = spec(
        """
        - dense: {name: block, growth: 4, repeat: 3}
        """,
        sections="""
        blocks:
          dense:
            args: {growth: ~}
            layers:
              - concat:
                  branches:
                    - []
                    - [conv: {out_channels: $growth, kernel_size: 3, padding: 1}]
        """,
    )
    assert [n.output.shape[0] for n in graph_of(text).nodes if n.kind == "concat"] == [7, 11, 15]


@pytest.mark.parametrize("word", ["add", "multiply", "concat"])
def test_branches_and_from_cannot_name_two_incoming_values(word: str) -> None:
    layers = f"- relu: {{name: a}}\n- {word}: {{from: [a, input], branches: [[], [relu]]}}"
    assert codes_of(spec(layers)) == ["AS212"]


# Expectations


def test_a_steps_expectation_is_checked_where_it_stands() -> None:
    assert graph_of(spec("- max_pool: {kernel_size: 2, expect: [3, 4, 4]}"))
    assert graph_of(spec("- max_pool: {kernel_size: 2, repeat: 3, expect: [3, 1, 1]}"))
    assert graph_of(spec("- sequential: {layers: [flatten], expect: [192]}"))
    assert graph_of(spec("- residual: {layers: [relu], expect: [3, 8, 8]}"))
    assert codes_of(spec("- flatten: {expect: [191]}")) == ["AS306"]
    assert codes_of(spec("- flatten: {expect: 192}")) == ["AS306"]


def test_an_exact_expectation_speaks_of_the_spec_as_written() -> None:
    text = spec(
        "- fc: {out_features: $n, expect: [2]}",
        input="[4]",
        sections="vars: {n: 2}\nexpect: {params: 10, macs: 8, output: [2]}",
    )
    graph_of(text)
    assert graph_of(text, n=3).nodes[0].output.shape == (3,)


def test_a_bound_and_an_expression_hold_for_any_variables() -> None:
    text = spec(
        "- fc: {out_features: $n, expect: [$n]}",
        input="[4]",
        sections="vars: {n: 2}\nexpect: {params: '<= 10', output: [$n]}",
    )
    graph_of(text)
    graph_of(text, n=1)
    assert codes_of(text, n=3) == ["AS306"]


@pytest.mark.parametrize(
    ("bound", "holds"),
    [
        ("1930", True),
        ("1931", False),
        ("'<= 1930'", True),
        ("'< 1930'", False),
        ("'<1931'", True),
        ("'>= 1930'", True),
        ("'> 1930'", False),
        ("'== 1930'", True),
        ("'<= 1.93K'", True),
        ("'<= 1.92K'", False),
        ("'<= 5M'", True),
        ("'<= 1G'", True),
        ("'<= 1,930'", True),
        ("'<= 1_929'", False),
    ],
)
def test_the_files_expectation_takes_figures_and_bounds(bound: str, holds: bool) -> None:
    # 192 × 10 weights and 10 biases
    text = spec("- flatten\n- fc: 10", sections=f"expect: {{params: {bound}}}")
    assert codes_of(text) == ([] if holds else ["AS306"])


def test_every_total_can_be_expected() -> None:
    # 1,930 parameters of 4 bytes; 192 and 10 values alive at once
    sections = "expect: {params: 1930, macs: 1920, weight_bytes: 7720, activation_bytes: 808}"
    graph_of(spec("- flatten\n- fc: 10", sections=sections))


def test_the_output_expected_may_be_named() -> None:
    sections = "outputs: [relu1, fc1]\nexpect: {output: {relu1: [3, 8, 8], fc1: [4]}}"
    graph_of(spec("- relu\n- flatten\n- fc: 4", sections=sections))
    assert codes_of(spec("- relu\n- flatten\n- fc: 5", sections=sections)) == ["AS306"]


# YAML's anchors, and the file


def test_anchors_stand_for_steps_and_fields() -> None:
    text = """
archspec: 1
name: anchors
input: [3, 8, 8]
layers:
  - conv: &c {out_channels: 3, kernel_size: 3, padding: 1}
  - &r relu
  - conv: *c
  - *r
  - sequential: &s [*r, tanh]
  - sequential: *s
"""
    assert names_of(text) == [
        "conv1",
        "relu1",
        "conv2",
        "relu2",
        "sequential1.0",
        "sequential1.1",
        "sequential2.0",
        "sequential2.1",
    ]


def test_an_error_in_an_anchored_step_is_reported_once() -> None:
    text = "archspec: 1\nname: t\ninput: [3, 8, 8]\nlayers: [&a {rel: }, *a, *a]\n"
    assert places_of(compiled(text)) == [("AS202", 4, 14)]


def test_load_gives_the_graph_and_raises_with_the_diagnostics(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(spec("- flatten\n- fc: $n", sections="vars: {n: 2}"))
    assert archspec.load(path).outputs["fc1"].shape == (2,)
    assert archspec.load(str(path), n=5).outputs["fc1"].shape == (5,)
    with pytest.raises(archspec.SpecError) as caught:
        archspec.load(path, n=0)
    assert [d.code for d in caught.value.diagnostics] == ["AS206"]
    with pytest.raises(FileNotFoundError):
        archspec.load(tmp_path / "none.yaml")


def test_ten_thousand_steps_are_read_in_one_go() -> None:
    text = spec("\n".join(["- conv: {out_channels: 3, kernel_size: 1}", "- relu"] * 5_000))
    assert len(graph_of(text).nodes) == 10_000
    # The goal is 1.5 s on a machine of its own.


def test_a_layer_that_runs_again_in_the_same_scope_needs_another_name() -> None:
    for step in (
        "- residual: {repeat: 2, layers: [conv: {name: x, out_channels: 3, kernel_size: 1}]}",
        "- add: {repeat: 2, branches: [[], [relu: {name: a}]]}",
        '- relu: {name: "a{$index // 2}", repeat: 4}',
    ):
        text = f"archspec: 1\nname: t\ninput: [3, 8, 8]\nlayers:\n  {step}\n"
        found = compile_bytes("t", text.encode(), {})
        assert [d.code for d in found.diagnostics] == ["AS208"], step


def test_a_name_with_a_variable_that_does_not_count_is_numbered_by_its_repeats() -> None:
    found = compile_bytes(
        "t",
        b"archspec: 1\nname: t\nvars: {stage: 1}\ninput: [3, 4]\n"
        b"layers: [relu: {name: layer$stage, repeat: 2}]\n",
        {},
    )
    assert [node.name for node in found.graph.nodes] == ["layer1.0", "layer1.1"]


@pytest.mark.parametrize("steps", ["[relu: {when: false}, relu]", "[relu: {from: previous}]"])
def test_with_several_inputs_there_is_none_before_the_first_step(steps: str) -> None:
    text = f"archspec: 1\nname: t\ninputs: {{a: [3], b: [3]}}\nlayers: {steps}\n"
    found = compile_bytes("t", text.encode(), {})
    assert [d.code for d in found.diagnostics] == ["AS211"]


@pytest.mark.parametrize("text", ["$a$b", "0x$a", "3 if '$a' == '_a' else 4"])
def test_a_variable_stands_by_itself_in_an_expression(text: str) -> None:
    spec = (
        "archspec: 1\nname: t\nvars: {a: 3, b: 4}\ninput: [3]\n"
        f'layers: [fc: {{out_features: "{text}"}}]\n'
    )
    found = compile_bytes("t", spec.encode(), {})
    assert [d.code for d in found.diagnostics] == ["AS401"]
