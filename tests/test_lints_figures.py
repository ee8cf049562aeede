"""That what the lints say is so: held against arithmetic by counting, and against PyTorch."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest

import archspec
from archspec.diagnostics import Diagnostic
from archspec.lints import activations, biases
from archspec.pipeline import compile_bytes
from tests.specs import compiled, graph_of
from tests.zoo import SPECS

_HEAD = "archspec: 1\nname: t\n"


def _only(text: str, **variables: Any) -> Diagnostic:
    (found,) = compiled(text, **variables).diagnostics
    return found


def _said(text: str) -> tuple[str, str]:
    found = _only(text)
    return found.message, found.help


# Figures, worked by hand


def test_a_needless_bias_costs_a_number_a_channel_in_every_repeat() -> None:
    text = f"{_HEAD}input: [3, 8, 8]\nlayers: [sequential: {{repeat: 3, layers: "
    text += "[conv: {out_channels: 16, kernel_size: 1}, batch_norm]}]\n"
    found = _only(text)
    assert found.help == "`bias: false` saves 48 parameters"
    assert [label.text for label in found.labels] == ["this takes the mean away"]


def test_a_warning_inside_a_block_names_the_call_and_the_repeat_that_it_is_of() -> None:
    text = f"{_HEAD}input: [3, 8, 8]\nblocks:\n"
    text += "  shrink: {args: {k: ~}, layers: [max_pool: $k]}\n"
    text += "layers:\n  - shrink: {k: 2}\n  - shrink: {k: 3}\n"
    (label,) = _only(text).labels
    assert (label.span.line, label.text) == (8, "in block `shrink`, called here")
    text = text.replace("[max_pool: $k]", "[max_pool: $k, relu: {repeat: 2}]").replace("3}", "1}")
    assert [(label.span.line, label.text) for label in _only(text).labels] == [
        (5, "repeat 2 of 2"),
        (7, "in block `shrink`, called here"),
    ]


def test_a_shared_bias_is_saved_once() -> None:
    text = f"{_HEAD}inputs: {{a: [3, 8, 8], b: [3, 8, 8]}}\nblocks: {{b: {{layers: [conv: "
    text += "{out_channels: 16, kernel_size: 3}, batch_norm]}}\nlayers: [b: {name: x, from: a}, "
    text += "b: {name: y, from: b, shares: x}, add: {from: [x, y]}]\n"
    assert _only(text).help == "`bias: false` saves 16 parameters"


def test_padding_is_told_by_the_rows_that_see_nothing_else() -> None:
    text = f"{_HEAD}input: [3, 8, 6]\nlayers: [conv: {{out_channels: 4, kernel_size: 3, "
    message, help = _said(text + "padding: [4, 1]}]\n")
    assert message == (
        "the padding is at least as large as the kernel, which spans 3 rows: "
        "in 4 of 14 rows along the height the output sees padding alone"
    )
    assert help == "pad by at most 2 on each side; `padding: same` keeps the size"


def test_a_stride_is_told_by_what_it_reads() -> None:
    text = f"{_HEAD}input: [3, 64, 64]\nlayers: [conv: {{out_channels: 4, kernel_size: 2, "
    message, help = _said(text + "stride: 3}]\n")
    assert message == (
        "the stride of 3 skips input: the kernel spans 2 rows, and reads 2 of every 3 rows along "
        "the height and the width"
    )
    assert help == "use a kernel of at least 3, or a stride of at most 2"
    assert _said(text.replace("kernel_size: 2", "kernel_size: 1") + "stride: 3}]\n")[1] == (
        "use a kernel of at least 3, or put `avg_pool: 3` before it and leave out the stride; "
        "`subsample: 3` before it skips on purpose"
    )


def test_a_pool_is_told_by_the_rows_it_drops_and_the_ways_out() -> None:
    text = f"{_HEAD}input: [3, 11, 12]\nlayers: [max_pool: {{kernel_size: 3, stride: 3}}]\n"
    assert _said(text) == (
        "this max_pool never reads the last 2 of 11 rows along the height of its input",
        "`ceil_mode: true` reads what is left, pad by 1 row more behind the last, "
        "or make the height 9 or 12 here",
    )


def test_a_row_that_is_dropped_on_both_axes_is_told_once() -> None:
    text = f"{_HEAD}input: [3, 33, 33]\nlayers: [max_pool: 2]\n"
    message, help = _said(text)
    assert message == (
        "this max_pool never reads the last of 33 rows along the height and the width of its input"
    )
    assert help.endswith("or make the height and the width 32 or 34 here")


def test_the_ways_out_of_dropped_rows_are_ways_out() -> None:
    text = f"{_HEAD}vars: {{h: 11, ceil: false, after: 0}}\ninput: [3, $h, 12]\nlayers: [max_pool: "
    text += "{kernel_size: 3, stride: 3, ceil_mode: $ceil, padding: [[0, $after], [0, 0]]}]\n"
    assert _only(text).code == "AS704"
    for way_out in ({"ceil": True}, {"after": 1}, {"h": 9}, {"h": 12}):
        assert not compiled(text, **way_out).diagnostics, way_out


def test_a_pool_that_was_meant_to_see_all_is_told_of_the_one_that_does() -> None:
    text = f"{_HEAD}input: [3, 8, 8]\nlayers: [avg_pool: 7]\n"
    assert _only(text).help.startswith("`global_avg_pool` reads all, ")


def test_a_dead_row_of_layers_is_told_with_its_cost() -> None:
    text = f"{_HEAD}input: [3, 8, 8]\nlayers: [conv: {{name: a, out_channels: 4, kernel_size: 1}}, "
    text += "conv: {out_channels: 2, kernel_size: 1}, tanh, max_pool: {kernel_size: 2, from: a}]\n"
    message, help = _said(text)
    assert message == (
        "nothing takes the value of this tanh, and 1 layer before it is there for it alone"
    )
    # 4 × 2 weights and 2 biases, on 64 pixels.
    assert help.endswith(": 10 parameters and 512 MACs for nothing")


def test_two_dead_rows_of_layers_count_apart_what_leads_to_each() -> None:
    text = f"{_HEAD}input: [3, 8, 8]\nlayers: [conv: {{name: a, out_channels: 2, kernel_size: 1}}, "
    text += "relu, tanh: {from: a}, max_pool: {kernel_size: 2, from: input}]\n"
    first, second = compiled(text).diagnostics
    assert first.message == "nothing takes the value of this relu"
    assert second.message.endswith("tanh, and 1 layer before it is there for it alone")


def test_weights_on_padding_are_counted() -> None:
    conv = "conv: {out_channels: 4, kernel_size: 3, padding: 1}"
    text = f"{_HEAD}input: [3, 1, 1]\nlayers: [{conv}]\n"
    message, help = _said(text)
    assert message == (
        "8 of the 9 weights of each kernel only ever see padding: the input is 1 × 1"
    )
    assert help.startswith("a kernel of 1 with no padding does the same")
    conv = "conv: {out_channels: 4, kernel_size: 7, padding: 3}"
    text = f"{_HEAD}input: [3, 2, 9]\nlayers: [{conv}]\n"
    # Along the height, of 2 rows, the first window's last two rows and the last one's first two.
    assert "28 of the 49 weights" in compiled(text).diagnostics[0].message


def test_the_receptive_field_is_the_least_of_the_ways() -> None:
    # 3 rows of 9 by the one way, 5 by the other; then 2 more each. A fourth sees no more than all.
    text = f"{_HEAD}input: [3, 9, 9]\nlayers:\n  - residual:\n"
    text += "      layers: [conv: {out_channels: 4, kernel_size: 5, padding: 2}]\n"
    text += "      shortcut: [conv: {out_channels: 4, kernel_size: 3, padding: 1}]\n"
    text += "  - conv: {out_channels: 4, kernel_size: 3, padding: 1, repeat: 5}\n"
    assert _only(text).message == (
        "the receptive field before this conv is 9 × 9 already, of an image of 9 × 9: its window, "
        "and those of 1 convolution after it, see nothing new"
    )


def test_the_plain_network_of_34_layers_sees_all_long_before_its_end() -> None:
    """He et al. 2016 found it to be worse than one of 18 layers. 7 rows by the first convolution
    and 11 by the pool; 48 more by 6 convolutions at a stride of 4, 8 + 7 · 16 by the next 8, and
    16 + 32 by two more: 227 of 224. Of the 33 convolutions 16 are left.
    """
    spoken = (SPECS / "plain34.yaml").read_text("utf-8")
    unsilenced = "".join(line for line in spoken.splitlines(True) if "ignore-file" not in line)
    assert unsilenced != spoken
    (found,) = compile_bytes(str(SPECS / "plain34.yaml"), unsilenced.encode(), {}).diagnostics
    assert found.message == (
        "the receptive field before this conv is 227 × 227 already, of an image of 224 × 224: its "
        "window, and those of 15 convolutions after it, see nothing new"
    )


# By counting


def _windows(n: int, k: int, s: int, p: int, d: int) -> list[list[int]]:
    """The rows that each window's kernel lies over; those outside 0 to n - 1 are padding."""
    count = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return [[i * s - p + d * j for j in range(k)] for i in range(count)]


_MOTIONS = [
    (n, k, s, p, d)
    for n, k, s, p, d in product((1, 2, 5, 8), (1, 2, 3), (1, 2, 3, 4), (0, 1, 2, 4), (1, 2, 3))
    if n + 2 * p > d * (k - 1)
]


def _codes(kind: str, n: int, k: int, s: int, p: int, d: int) -> dict[str, str]:
    """What is said of such a layer, by code."""
    text = f"{_HEAD}input: [2, {n}]\nlayers: [{kind}: {{kernel_size: {k}, stride: {s}, "
    found = compiled(text + f"padding: {p}, dilation: {d}}}]\n").diagnostics
    return {one.code: one.message for one in found}


def test_what_is_said_of_windows_is_so_for_every_motion() -> None:
    for n, k, s, p, d in _MOTIONS:
        windows, said = _windows(n, k, s, p, d), _codes("depthwise", n, k, s, p, d)
        case = f"n={n} k={k} s={s} p={p} d={d}: {said}"
        # Windows with no row of the input inside their span; between their rows there may be one.
        blind = sum(window[-1] < 0 or window[0] >= n for window in windows)
        assert ("AS702" in said) == (blind > 0), case
        assert not blind or f": in {blind} of {len(windows)} row" in said["AS702"], case
        skips = len({d * j % s for j in range(k)}) < s and len(windows) > 1
        assert ("AS703" in said) == skips, case
        # Weights that are over no row; they may also step over all of few rows.
        taps = [any(0 <= window[j] < n for window in windows) for j in range(k)]
        told = re.match(r"(\d+) of the", said.get("AS714", "0 of the"))
        assert told is not None and int(told[1]) <= taps.count(False), case
        assert int(told[1]) == taps.count(False) or s > n, case


def test_what_is_said_of_pools_is_so_for_every_motion() -> None:
    for n, k, s, p, d in _MOTIONS:
        if p >= d * (k - 1) + 1 or (d > 1 and p and n < d):
            continue  # These are errors.
        windows, said = _windows(n, k, s, p, d), _codes("max_pool", n, k, s, p, d)
        case = f"n={n} k={k} s={s} p={p} d={d}: {said}"
        dropped = max(0, n - 1 - windows[-1][-1])
        assert ("AS704" in said) == (dropped > 0 and "AS703" not in said), case
        if "AS704" in said:
            last = "last" if dropped == 1 else f"last {dropped}"
            assert f"the {last} of {n} row" in said["AS704"], case


# By PyTorch

_NORMALISED = {
    "batch_norm": "conv: {out_channels: 4, kernel_size: 3, padding: 1}, batch_norm",
    "instance_norm": "conv: {out_channels: 4, kernel_size: 3, padding: 1}, instance_norm",
    "a group a channel": "conv: {out_channels: 4, kernel_size: 3}, group_norm: 4",
    "depthwise": "depthwise: {kernel_size: 3, padding: 1}, batch_norm",
    "conv_transpose": "conv_transpose: {out_channels: 4, kernel_size: 3, stride: 2}, batch_norm",
    "patch_embedding": "patch_embedding: {out_channels: 4, patch_size: 4}, batch_norm",
    "fc": "flatten, fc: 5, batch_norm",
    "identity and max_pool": "conv: {out_channels: 4, kernel_size: 3}, identity, "
    "max_pool: {kernel_size: 3, padding: 1}, batch_norm",
    "flatten": "conv: {out_channels: 4, kernel_size: 3}, flatten, batch_norm",
    "upsample": "conv: {out_channels: 4, kernel_size: 3}, "
    "upsample: {scale_factor: 2, mode: bicubic}, batch_norm",
    "concat, channel_shuffle and slice": "conv: {out_channels: 4, kernel_size: 3}, "
    "concat: {branches: [[], []]}, channel_shuffle: 2, slice: {start: 2}, batch_norm",
    "split, add and subtract": "conv: {out_channels: 4, kernel_size: 3}, split: 2, "
    "add: {branches: [[], [max_pool: 1]]}, "
    "subtract: {branches: [[], [max_pool: {kernel_size: 3, stride: 1, padding: 1}]]}, batch_norm",
}
_NOT_NORMALISED = {
    "layer_norm": "conv: {out_channels: 4, kernel_size: 3}, layer_norm",
    "group_norm": "conv: {out_channels: 4, kernel_size: 3}, group_norm: 2",
    "padding": "conv: {out_channels: 4, kernel_size: 3}, pad: 1, batch_norm",
    "a mean with padding": "conv: {out_channels: 4, kernel_size: 3}, "
    "avg_pool: {kernel_size: 2, padding: 1}, batch_norm",
    "pixel_shuffle": "conv: {out_channels: 4, kernel_size: 3}, pixel_shuffle: 2, batch_norm",
}


def _moved_by_its_bias(layers: str) -> bool:
    """Whether what a network makes in training depends on its first bias."""
    import torch

    graph = graph_of(f"{_HEAD}input: [4, 16, 16]\nlayers: [{layers}]\n")
    module = archspec.to_torch(graph).double().train()
    image = torch.randn(3, 4, 16, 16, dtype=torch.double, generator=torch.manual_seed(0))
    before = module(image)
    name = next(node.name for node in graph.nodes if "bias" in node.signature.parameters)
    with torch.no_grad():
        bias = module.get_parameter(f"{name}.bias")
        bias.add_(torch.arange(1.0, 1.0 + len(bias)))
    return not torch.allclose(before, module(image), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", _NORMALISED)
def test_a_bias_that_is_warned_of_changes_nothing(case: str, one_thread: None) -> None:
    layers = _NORMALISED[case]
    text = f"{_HEAD}input: [4, 16, 16]\nlayers: [{layers}]\n"
    assert {found.code for found in compiled(text).diagnostics} == {"AS701"}
    assert not _moved_by_its_bias(layers)


@pytest.mark.parametrize("case", _NOT_NORMALISED)
def test_a_bias_that_is_not_warned_of_counts(case: str, one_thread: None) -> None:
    layers = _NOT_NORMALISED[case]
    assert not compiled(f"{_HEAD}input: [4, 16, 16]\nlayers: [{layers}]\n").diagnostics
    assert _moved_by_its_bias(layers)


def test_every_kind_that_passes_a_bias_on_is_tried() -> None:
    tried = set(re.findall(r"[a-z_]+", " ".join(_NORMALISED.values())))
    assert not (biases.PASSES | biases.BIASED) - tried


def test_an_activation_that_is_said_to_change_nothing_does_not(one_thread: None) -> None:
    import torch

    image = torch.linspace(-9, 9, 4 * 16, dtype=torch.double).reshape(1, 4, 16)
    idle = set()
    for first, second in product(sorted(activations.KINDS), repeat=2):
        text = f"{_HEAD}input: [4, 16]\nlayers: [{first}, {second}, max_pool: 1]\n"
        warned = [found for found in compiled(text).diagnostics if found.code == "AS709"]
        if warned and "changes nothing" in warned[0].message:
            idle.add((first, second))
            one = f"{_HEAD}input: [4, 16]\nlayers: [{first}]\n"
            once, twice = (archspec.to_torch(graph_of(spec)).double() for spec in (one, text))
            assert torch.equal(once(image), twice(image)), (first, second)
    assert not {("relu", "relu"), ("sigmoid", "relu6"), ("softmax", "abs")} - idle
