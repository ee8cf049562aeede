"""What archspec warns of in a spec without errors, where, and what it leaves in peace."""

from __future__ import annotations

from textwrap import dedent

import pytest

from archspec.diagnostics import CODES, Severity
from tests.specs import compiled, errors_of, unmarked

_HEAD = "archspec: 1\nname: t\ninput: [3, 8, 8]\n"


def _layers(*steps: str, head: str = _HEAD) -> str:
    return f"{head}layers:\n" + "".join(f"  - {step}\n" for step in steps)


def _small(*steps: str) -> str:
    """A network whose image is larger than what `steps` see of it."""
    return _layers(*steps, head="archspec: 1\nname: t\ninput: [3, 64, 64]\n")


_CONV = "conv: {out_channels: 4, kernel_size: 3, padding: 1}"

# Each mark stands before what a warning points at; there must be no warning but the marked ones,
# and no error.
WARNED: dict[str, str] = {
    # AS701
    "a bias before batch_norm": _small(f"«AS701»{_CONV}", "batch_norm", "relu"),
    "a bias that is written": _small(
        "conv: {out_channels: 4, kernel_size: 3, bias: «AS701»true}", "batch_norm"
    ),
    "a bias before instance_norm": _small(f"«AS701»{_CONV}", "instance_norm"),
    "a bias before a group_norm of one channel a group": _small(f"«AS701»{_CONV}", "group_norm: 4"),
    "a bias of a depthwise": _small("«AS701»depthwise: 3", "batch_norm"),
    "a bias of a conv_transpose": _small(
        "«AS701»conv_transpose: {out_channels: 4, kernel_size: 2, stride: 2}", "batch_norm"
    ),
    "a bias of an fc": _small("flatten", "«AS701»fc: 9", "batch_norm"),
    "a bias of a patch_embedding": _small(
        "«AS701»patch_embedding: {out_channels: 8, patch_size: 16}", "batch_norm"
    ),
    "a bias that a pool passes on": _small(f"«AS701»{_CONV}", "max_pool: 2", "batch_norm"),
    "a bias that a flatten passes on": _small(f"«AS701»{_CONV}", "flatten", "batch_norm"),
    "a bias that an upsample passes on": _small(
        f"«AS701»{_CONV}", "upsample: {scale_factor: 2, mode: linear}", "batch_norm"
    ),
    "biases that are concatenated": _small(
        "concat: {branches: [[«AS701»conv: {out_channels: 2, kernel_size: 1}], "
        "[«AS701»conv: {out_channels: 4, kernel_size: 1}]]}",
        "channel_shuffle: 2",
        "batch_norm",
    ),
    "a bias that goes into a sum": _small(
        "residual: {layers: [«AS701»conv: {out_channels: 3, kernel_size: 3, padding: 1}]}",
        "batch_norm",
    ),
    "a bias that goes into two normalisations": _small(
        f"«AS701»{_CONV}",
        "add: {branches: [[batch_norm], [slice: {stop: 4}, instance_norm]]}",
    ),
    "a bias in each repeat of a block": _HEAD
    + "blocks: {b: {args: {c: ~}, layers: [«AS701»conv: {out_channels: $c, kernel_size: 1}, "
    "batch_norm]}}\nlayers: [b: {repeat: 3, c: 4}, b: {c: 5}]\n",
    "a bias that two layers share": "archspec: 1\nname: t\ninputs: {a: [3, 8, 8], b: [3, 8, 8]}\n"
    "blocks: {b: {layers: [«AS701»conv: {out_channels: 4, kernel_size: 3}, batch_norm]}}\n"
    "layers: [b: {name: one, from: a}, b: {name: two, from: b, shares: one}, "
    "add: {from: [one, two]}]\n",
    # AS702
    "padding as large as a kernel": _small(
        "conv: {out_channels: 4, kernel_size: 3, padding: «AS702»3}"
    ),
    "padding around a 1 × 1 kernel": _small(
        "conv: {out_channels: 4, kernel_size: 1, padding: «AS702»1}"
    ),
    "padding of one axis, on one side": _small(
        "depthwise: {kernel_size: 3, padding: «AS702»[[0, 0], [1, 3]]}"
    ),
    "padding around a fixed kernel": _small("filter: {kernel: sharpen, padding: «AS702»4}"),
    "padding of a symbolic size": _layers(
        "conv: {out_channels: 4, kernel_size: 3, padding: «AS702»3}",
        head="archspec: 1\nname: t\ninput: [3, H, W]\n",
    ),
    # AS703
    "a 1 × 1 kernel with a stride": _small(
        "conv: {out_channels: 4, kernel_size: 1, stride: «AS703»2}"
    ),
    "a stride larger than a pool": _small("max_pool: {kernel_size: 2, stride: «AS703»3}"),
    "a stride larger along one axis": _small(
        "avg_pool: {kernel_size: [2, 3], stride: «AS703»[2, 4]}"
    ),
    "a stride of a symbolic size": _layers(
        "conv: {out_channels: 4, kernel_size: 1, stride: «AS703»2}",
        head="archspec: 1\nname: t\ninput: [3, H, W]\n",
    ),
    "a dilation that goes past every second row": _small(
        "conv: {out_channels: 4, kernel_size: 3, stride: «AS703»2, dilation: 2, padding: 2}"
    ),
    "a stride in a block": _HEAD
    + "blocks: {b: {args: {s: 1}, layers: [depthwise: {kernel_size: 1, stride: «AS703»$s}]}}\n"
    "layers: [b, b: {s: 2}, b: {s: 3}]\n",
    # AS704
    "a pool on a size that it does not divide": _layers("«AS704»max_pool: 3"),
    "an overlapping pool on an even size": _small(
        "«AS704»avg_pool: {kernel_size: 3, stride: 2}", "global_avg_pool"
    ),
    "a pool of the whole, but for a row": _layers("«AS704»avg_pool: 7"),
    "a pool that drops columns alone": _layers("«AS704»max_pool: [2, 3]"),
    "patches that do not fill the image": _layers(
        "«AS704»conv: {out_channels: 4, kernel_size: 3, stride: 3}"
    ),
    "a pool in a block at two sizes": _HEAD
    + "blocks: {b: {layers: [«AS704»max_pool: {kernel_size: 3, stride: 2}]}}\n"
    "layers: [b, pad: 1, pad: [[0, 1], [0, 1]], b]\n",
    # AS705
    "an unused variable": f"{_HEAD}vars: {{«AS705»a: 3, b: 4}}\nlayers: [conv: "
    "{out_channels: $b, kernel_size: 3}]\n",
    "a variable that an argument hides": f"{_HEAD}vars: {{«AS705»a: 3}}\nblocks: {{b: {{args: "
    "{«AS712»a: 3}, layers: [dropout: {p: 1 / $a}]}}\nlayers: [b]\n",
    # AS706
    "an unused block": f"{_HEAD}blocks: {{«AS706»b: {{layers: [relu]}}}}\nlayers: [relu]\n",
    "blocks that only an unused one calls": f"{_HEAD}blocks: {{«AS706»a: {{layers: [relu]}}, "
    "«AS706»b: {layers: [a]}}\nlayers: [relu]\n",
    "an unused block and its argument": f"{_HEAD}blocks: {{«AS706»b: {{args: {{c: 1}}, layers: "
    "[relu]}}\nlayers: [relu]\n",
    # AS707
    "an unused argument": f"{_HEAD}blocks: {{b: {{args: {{«AS707»c: 1, d: 3}}, layers: "
    "[dropout: {p: 1 / $d}]}}\nlayers: [b]\n",
    "an unused argument that must be given": f"{_HEAD}blocks: {{b: {{args: {{«AS707»c: ~}}, "
    "layers: [relu]}}\nlayers: [b: {c: 2}]\n",
    # AS708
    "a value that nothing takes": _layers(
        "relu: {name: a}",
        "conv: {out_channels: 4, kernel_size: 3}",
        "«AS708»tanh",
        "max_pool: {kernel_size: 2, from: a}",
    ),
    "a step behind the outputs": f"{_HEAD}outputs: [a]\nlayers: [relu: {{name: a}}, "
    "conv: {out_channels: 4, kernel_size: 3}, «AS708»tanh]\n",
    "an input that nothing takes": "archspec: 1\nname: t\ninputs: {a: [3, 8, 8], "
    "«AS708»b: [3, 8, 8]}\nlayers: [relu: {from: a}]\n",
    "a value in a block that nothing takes": f"{_HEAD}blocks: {{b: {{layers: [«AS708»relu, "
    "identity: {from: input}]}}\nlayers: [b: {repeat: 2}]\n",
    # AS709
    "relu twice": _layers("relu", "«AS709»relu"),
    "relu before sigmoid": _layers("relu", "«AS709»sigmoid"),
    "relu before softmax": _layers("flatten", "relu", "«AS709»softmax", "fc: 3"),
    "a dropout between two activations": _layers("gelu", "dropout", "«AS709»tanh"),
    "views between two activations": _layers(
        "leaky_relu", "dropout", "flatten", "identity", "«AS709»silu", "fc: 2"
    ),
    "an activation and its repeats": _layers("«AS709»relu: {repeat: 3}"),
    "an activation at the end of a block, and after it": f"{_HEAD}blocks: {{b: {{layers: "
    "[conv: {out_channels: 4, kernel_size: 3}, relu]}}\nlayers: [b, «AS709»elu]\n",
    "an absolute value of what is not negative": _layers("softplus", "«AS709»abs"),
    "relu after relu, where both are taken": _layers(
        "relu: {name: a}", "«AS709»relu: {name: b}", "add: {from: [a, b]}"
    ),
    "relu6 after relu6 and dropout": _layers("relu6", "dropout", "«AS709»relu6"),
    # AS710
    "softmax at the end": _layers("flatten", "fc: 10", "«AS710»softmax"),
    "softmax before views at the end": _layers(
        "conv: {out_channels: 4, kernel_size: 8}", "«AS710»softmax", "flatten"
    ),
    "softmax as one of the outputs": f"{_HEAD}outputs: [a, b]\nlayers: [conv: {{name: a, "
    "out_channels: 3, kernel_size: 1}, «AS710»softmax: {name: b}]\n",
    # AS711
    "convolutions that see the image already": _layers(
        "conv: {out_channels: 4, kernel_size: «AS711»3, padding: 1, repeat: 6}"
    ),
    "convolutions that see a sequence already": _layers(
        "conv: {out_channels: 4, kernel_size: 9, padding: 4}",
        "relu",
        "conv: {out_channels: 4, kernel_size: «AS711»3, padding: 1}",
        "relu",
        "depthwise: {kernel_size: 3, padding: 1}",
        head="archspec: 1\nname: t\ninput: [3, 9]\n",
    ),
    "convolutions after a body that sees all, and its shortcut": _layers(
        "residual: {layers: [conv: {out_channels: 4, kernel_size: 9, padding: 4}], "
        "shortcut: [conv: {out_channels: 4, kernel_size: 9, padding: 4}]}",
        "conv: {out_channels: 4, kernel_size: «AS711»3, padding: 1}",
        head="archspec: 1\nname: t\ninput: [3, 9, 9]\n",
    ),
    # AS712
    "an argument that hides a variable": f"{_HEAD}vars: {{width: 4}}\nblocks: {{b: {{args: "
    "{«AS712»width: ~}, layers: [conv: {out_channels: $width, kernel_size: 3}]}}\n"
    "layers: [b: {width: $width}]\n",
    "a name in a block that hides an outer one": f"{_HEAD}blocks: {{b: {{layers: [relu: "
    "{name: «AS712»a}, tanh: {from: input}, add: {from: [a, previous]}]}}\n"
    "layers: [conv: {name: a, out_channels: 3, kernel_size: 1}, b]\n",
    "a name in a sequential that hides an input": _layers(
        "sequential: {layers: [relu: {name: «AS712»a}, conv: {out_channels: 3, kernel_size: 1}, "
        "add: {from: [a, previous]}], from: a}",
        "add: {from: [a, b, previous]}",
        head="archspec: 1\nname: t\ninputs: {a: [3, 8, 8], b: [3, 8, 8]}\n",
    ),
    "a name in a named residual that hides an outer one": _layers(
        "conv: {name: a, out_channels: 3, kernel_size: 1}",
        "residual: {name: r, layers: [conv: {name: «AS712»a, out_channels: 3, kernel_size: 1}, "
        "tanh, multiply: {from: [a, previous]}]}",
    ),
    # AS714
    "a 3 × 3 kernel on one pixel": _layers(
        "conv: {out_channels: 4, kernel_size: «AS714»3, padding: 1}",
        head="archspec: 1\nname: t\ninput: [3, 1, 1]\n",
    ),
    "a dilation as large as the map": _layers(
        "depthwise: {kernel_size: «AS714»3, padding: 12, dilation: 12}",
        head="archspec: 1\nname: t\ninput: [3, 12, 12]\n",
    ),
}


@pytest.mark.parametrize("case", WARNED)
def test_a_warning_points_at_what_it_is_about(case: str) -> None:
    text, places = unmarked(WARNED[case])
    found = compiled(text)
    assert not errors_of(found), [d.message for d in errors_of(found)]
    assert [(d.code, d.span.line, d.span.column) for d in found.diagnostics] == places
    for warning in found.diagnostics:
        assert warning.severity is Severity.WARNING and warning.message and warning.help


def test_every_warning_of_a_lint_has_a_case_here() -> None:
    marked = {code for text in WARNED.values() for code, _, _ in unmarked(text)[1]}
    assert marked | {"AS713"} == {code for code in CODES if code.startswith("AS7")}


# These have nothing to warn of.
CLEAN: dict[str, str] = {
    # AS711
    "other axes than the image's": _small(
        "reshape: [12, -1]", "conv: {out_channels: 2, kernel_size: 3}"
    ),
    # AS701
    "no bias": _small("conv: {out_channels: 4, kernel_size: 3, bias: false}", "batch_norm"),
    "a bias before layer_norm": _small(_CONV, "layer_norm"),
    "a bias before layer_norm over all": _small(_CONV, "layer_norm: {over: all}"),
    "a bias before group_norm": _small(_CONV, "group_norm: 2"),
    "a bias before an activation": _small(_CONV, "relu", "batch_norm"),
    "a bias before a mean with padding": _small(
        _CONV, "avg_pool: {kernel_size: 2, padding: 1}", "batch_norm"
    ),
    "a bias before padding": _small(_CONV, "pad: 1", "batch_norm"),
    "a bias before dropout": _small(_CONV, "dropout", "batch_norm"),
    "a bias before shuffled pixels": _small(_CONV, "pixel_shuffle: 2", "batch_norm"),
    "a bias that something else takes too": _small(
        "conv: {name: a, out_channels: 4, kernel_size: 3}",
        "batch_norm",
        "add: {from: [a, previous]}",
    ),
    "a bias that is an output too": f"{_HEAD}outputs: [a, b]\nlayers: [conv: {{name: a, "
    "out_channels: 4, kernel_size: 3}, batch_norm: {name: b}]\n",
    "a bias in a block, where one call has another normalisation": f"{_HEAD}blocks: {{b: {{args: "
    "{norm: ~}, layers: [conv: {out_channels: 4, kernel_size: 1}, $norm]}}\n"
    "layers: [b: {norm: batch_norm}, b: {norm: layer_norm}]\n",
    "a bias that two layers share, and one needs": "archspec: 1\nname: t\n"
    "inputs: {a: [3, 8, 8], b: [3, 8, 8]}\nlayers: ["
    "conv: {name: one, out_channels: 4, kernel_size: 3, from: a}, batch_norm: {name: x}, "
    "conv: {name: two, out_channels: 4, kernel_size: 3, from: b, shares: one}, "
    "add: {from: [x, two]}]\n",
    "a bias of the keys and queries": _small(
        "patch_embedding: {out_channels: 8, patch_size: 16}", "self_attention: 2", "batch_norm"
    ),
    # AS702, AS714
    "padding of one row less than the kernel": _small(
        "conv: {out_channels: 4, kernel_size: 3, padding: 2}"
    ),
    "padding that is less than the dilated kernel": _small(
        "conv: {out_channels: 4, kernel_size: 3, padding: 4, dilation: 2}"
    ),
    "padding behind that no window reaches": _layers(
        "conv: {out_channels: 4, kernel_size: 2, stride: 2, padding: [[0, 1], [0, 1]]}"
    ),
    "padding with copies": _small(
        "conv: {out_channels: 4, kernel_size: 3, padding: 3, padding_mode: reflect}"
    ),
    "padding that is its own step": _small("pad: 3", "conv: {out_channels: 4, kernel_size: 1}"),
    "padding of a conv_transpose": _small(
        "conv_transpose: {out_channels: 4, kernel_size: 2, stride: 2, padding: 2}"
    ),
    "a kernel as large as what it reads": _layers("conv: {out_channels: 4, kernel_size: 8}"),
    "a 3 × 3 kernel on 2 × 2": _layers(
        "conv: {out_channels: 4, kernel_size: 3, padding: 1}",
        head="archspec: 1\nname: t\ninput: [3, 2, 2]\n",
    ),
    # AS703
    "a stride as large as the kernel": _small("conv: {out_channels: 4, kernel_size: 2, stride: 2}"),
    "a stride of the patches": _small("patch_embedding: {out_channels: 4, patch_size: 4}"),
    "a stride that is there to skip": _small("subsample: 2"),
    "a stride of a projection": _small(
        "residual: {layers: [conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}], "
        "shortcut: projection}"
    ),
    "a stride of a padded shortcut": _small(
        "residual: {layers: [conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}], "
        "shortcut: pad}"
    ),
    "a stride that nothing follows": _layers("conv: {out_channels: 4, kernel_size: 7, stride: 9}"),
    "a dilation that reads every row": _small(
        "conv: {out_channels: 4, kernel_size: 3, stride: 2, dilation: 3, padding: 3}"
    ),
    # AS704
    "a pool that divides": _layers("max_pool: 2"),
    "an overlapping pool on an odd size": _layers(
        "max_pool: {kernel_size: 3, stride: 2}", head="archspec: 1\nname: t\ninput: [3, 9, 9]\n"
    ),
    "a pool that rounds up": _layers("max_pool: {kernel_size: 3, ceil_mode: true}"),
    "a pool that is padded": _layers("max_pool: {kernel_size: 3, stride: 2, padding: 1}"),
    "a pool of a symbolic size": _layers(
        "max_pool: 2", head="archspec: 1\nname: t\ninput: [3, H, W]\n"
    ),
    "a convolution whose windows overlap": _small(
        "conv: {out_channels: 4, kernel_size: 3, stride: 2}"
    ),
    # AS705, AS706, AS707
    "variables that everything uses": """
        archspec: 1
        name: t
        vars: {a: 3, b: $a, c: 8, d: 4, e: two, f: 2, g: true, h: 2, i: 3, j: 3, k: relu, l: 1}
        input: [3, $c, $c]
        blocks:
          one:
            args: {x: $i, y: $x}
            layers: [conv: {out_channels: $y, kernel_size: $j, padding: 1}]
        layers:
          - conv: {out_channels: $b, kernel_size: 3, padding: 1, expect: [$j, $c, $c]}
          - one: {repeat: $f, name: $e, when: $g}
          - $k
          - conv: {name: "c{$l + $h}", out_channels: $d, kernel_size: 1}
        expect: {output: [4, $c, $c]}
    """,
    "a block that a variable names": f"{_HEAD}vars: {{act: b}}\nblocks: {{b: {{layers: [relu]}}}}\n"
    "layers: [$act]\n",
    "a block that an argument names": f"{_HEAD}blocks: {{a: {{args: {{act: ~}}, layers: [$act]}}, "
    "b: {layers: [relu]}}\nlayers: [a: {act: b}]\n",
    "a block that a default names": f"{_HEAD}blocks: {{a: {{args: {{act: b}}, layers: [$act]}}, "
    "b: {layers: [relu]}}\nlayers: [a]\n",
    "blocks that an expression names": f"{_HEAD}vars: {{deep: true}}\nblocks: {{a: {{layers: "
    "[relu]}, b: {layers: [tanh]}}\nlayers: [\"'a' if $deep else 'b'\"]\n",
    "a block that a variable may be set to": f"{_HEAD}vars: {{act: a}}\nblocks: {{a: {{layers: "
    "[relu]}, b: {layers: [tanh]}}\nlayers: [$act]\n",
    "an argument that a block called by an expression must take": f"{_HEAD}vars: {{unit: a}}\n"
    "blocks: {a: {args: {c: ~, g: 1}, layers: [conv: {out_channels: $c, kernel_size: 3}]}, "
    "b: {args: {c: ~, g: 1}, layers: [conv: {out_channels: $c, kernel_size: 3, groups: $g}]}}\n"
    "layers: [$unit: {c: 4, g: 1}]\n",
    "an argument that a name uses": f"{_HEAD}blocks: {{b: {{args: {{n: ~}}, layers: [relu: "
    "{name: a$n}]}}\nlayers: [b: {n: 2}]\n",
    "an argument that a later default uses": f"{_HEAD}blocks: {{b: {{args: {{c: ~, d: $c * 2}}, "
    "layers: [conv: {out_channels: $d, kernel_size: 1}]}}\nlayers: [b: {c: 2}]\n",
    "an argument that a from uses": f"{_HEAD}blocks: {{b: {{args: {{s: ~}}, layers: [abs, "
    "add: {from: [$s, previous]}]}}\nlayers: [tanh: {name: x}, b: {s: x}]\n",
    # AS708
    "a value that an upsample looks at": _layers(
        "max_pool: 2",
        "conv: {name: a, out_channels: 4, kernel_size: 1}",
        "upsample: {like: input}",
        "upsample: {like: a}",
    ),
    "values that are outputs": f"{_HEAD}outputs: [a, b]\nlayers: [conv: {{name: a, "
    "out_channels: 4, kernel_size: 3}, conv: {name: b, out_channels: 4, kernel_size: 3}]\n",
    "a value that one call of a block takes": f"{_HEAD}blocks: {{b: {{args: {{s: ~}}, layers: "
    "[relu: {name: r}, conv: {out_channels: 3, kernel_size: 1, from: $s}]}}\n"
    "layers: [b: {s: r}, b: {s: input}]\n",
    # AS709
    "mish by hand": _layers("multiply: {branches: [[], [softplus, tanh]]}"),
    "swish of a relu that is taken elsewhere too": _layers(
        "relu", "multiply: {branches: [[], [sigmoid]]}"
    ),
    "an activation behind a layer": _layers("relu", "max_pool: 2", "sigmoid"),
    "hard_sigmoid by hand": _layers("shift: 3", "relu6", "scale: 0.16666667"),
    "an activation of an activation that is an output": f"{_HEAD}outputs: [a, b]\n"
    "layers: [tanh: {name: a}, silu: {name: b}]\n",
    "abs of what may be negative": _layers("tanh", "abs"),
    # AS710
    "logits": _layers("flatten", "fc: 10"),
    "log_softmax": _layers("flatten", "fc: 10", "log_softmax"),
    "sigmoid": _layers("flatten", "fc: 1", "sigmoid"),
    "a softmax inside": _layers("softmax", "conv: {out_channels: 4, kernel_size: 3}"),
    # AS711
    "convolutions with shortcuts": _layers(
        "residual: {layers: [conv: {out_channels: 3, kernel_size: 3, padding: 1}], repeat: 20}"
    ),
    "convolutions with a gate that sees all": _small(
        "residual: {layers: [conv: {out_channels: 3, kernel_size: 3, padding: 1}, multiply: "
        "{branches: [[], [global_avg_pool, conv: {out_channels: 3, kernel_size: 1}, sigmoid]]}], "
        "repeat: 20}"
    ),
    "1 × 1 convolutions on what sees all": _layers(
        "conv: {out_channels: 4, kernel_size: 8}", "relu", "conv: {out_channels: 4, kernel_size: 1}"
    ),
    "an image made of one pixel": _layers(
        "conv_transpose: {out_channels: 4, kernel_size: 4}",
        "conv: {out_channels: 4, kernel_size: 3, padding: 1}",
        "upsample: {scale_factor: 2}",
        "conv: {out_channels: 4, kernel_size: 3, padding: 1}",
        head="archspec: 1\nname: t\ninput: [9, 1, 1]\n",
    ),
    "an image of a symbolic size": _layers(
        "conv: {out_channels: 4, kernel_size: 3, padding: 1, repeat: 9}",
        head="archspec: 1\nname: t\ninput: [3, H, W]\n",
    ),
    # AS712
    "names of a block that are the network's too": f"{_HEAD}blocks: {{b: {{layers: [conv: {{name: "
    "conv1, out_channels: 3, kernel_size: 1}]}}\n"
    "layers: [conv: {name: conv1, out_channels: 3, kernel_size: 1}, b]\n",
    "an argument that is called as a field": f"{_HEAD}blocks: {{b: {{args: {{stride: 1}}, layers: "
    "[conv: {out_channels: 3, kernel_size: 3, stride: $stride}]}}\nlayers: [b]\n",
    "a from that means an outer name": f"{_HEAD}blocks: {{b: {{layers: [abs, add: {{from: [x, "
    "previous]}]}}\nlayers: [tanh: {name: x}, b]\n",
}


@pytest.mark.parametrize("case", CLEAN)
def test_nothing_is_said_of_a_network_that_is_as_it_should_be(case: str) -> None:
    found = compiled(dedent(CLEAN[case]).lstrip())
    assert [(d.code, d.span[:2], d.message) for d in found.diagnostics] == []


def test_of_a_great_many_warnings_some_are_told() -> None:
    text = _layers("relu", *["relu"] * 5000)
    assert 100 < len(compiled(text).diagnostics) < 5000
