"""Worst cases of networks: many steps, many values, many files, many symbols."""

from __future__ import annotations

from collections.abc import Callable

from archspec.document.model import MOST_STEPS
from tests.fuzz.families import HEAD, Text, filled, repeated, steps

CONV = "conv: {out_channels: 64, kernel_size: 3, padding: 1}"


def _doubling(depth: int, inner: str = "relu") -> str:
    """Blocks of which each calls the one before twice."""
    blocks = [f"b0: {{layers: [{inner}]}}"]
    blocks += [f"b{i + 1}: {{layers: [b{i}, b{i}]}}" for i in range(depth)]
    return f"{HEAD}blocks: {{{', '.join(blocks)}}}\nlayers: [b{depth}]\n"


def _nested(depth: int, words: str) -> str:
    """Structures inside one another."""
    return f"{HEAD}layers: [{f'{words}: [relu, ' * depth}relu{']' * depth}]\n"


NETWORKS: dict[str, Callable[[], Text]] = {
    "a chain of 10,000 written out": lambda: (
        f"{HEAD}layers:\n" + f"- {CONV}\n- batch_norm\n- relu\n" * 3334
    ),
    "a chain of 10,000 with names": lambda: (
        f"{HEAD}layers:\n"
        + "".join(
            f"- conv: {{name: conv{i}, out_channels: 64, kernel_size: 3, stride: 1, padding: 1, "
            f"bias: false}}\n- batch_norm: {{name: bn{i}, eps: 0.001, momentum: 0.1}}\n"
            f"- relu: {{name: relu{i}}}\n"
            for i in range(3334)
        )
    ),
    "steps written out": lambda: steps(lambda _: "relu", 1),
    "wider and wider": lambda: steps(
        lambda i: f"conv: {{out_channels: {i + 1}, kernel_size: 1}}", 7
    ),
    "steps with names": lambda: steps(lambda i: f"relu: {{name: a{i}}}", 5),
    "steps of different fields": lambda: steps(lambda i: f"leaky_relu: 0.{i:06}", 3),
    "steps that are not there": lambda: steps(lambda i: f"relu: {{when: $in < {i % 2}}}", 7),
    "a repeat": lambda: repeated("relu: {@}"),
    "a repeat of a convolution": lambda: repeated(CONV.replace("{", "{@, ")),
    "a repeat of different convolutions": lambda: repeated(
        "conv: {@, out_channels: $number, kernel_size: 1}"
    ),
    "a repeat of different kernels": lambda: repeated(
        "conv: {@, out_channels: 3, kernel_size: $index * 2 + 1, padding: $index}"
    ),
    "a repeat of a residual": lambda: repeated(
        "residual: {@, layers: [relu]}", count=MOST_STEPS // 3
    ),
    "a repeat of a projection": lambda: repeated(
        "residual: {@, shortcut: projection, layers: [conv: {out_channels: $in + 1, "
        "kernel_size: 1}]}",
        count=MOST_STEPS // 3,
    ),
    "a repeat of what is padded": lambda: repeated(
        "residual: {@, shortcut: pad, layers: [conv: {out_channels: $in + 1, kernel_size: 1}]}",
        count=MOST_STEPS // 3,
    ),
    "a repeat that is a step too many": lambda: repeated("relu: {@}", count=MOST_STEPS + 1),
    "a repeat of a repeat of nothing": lambda: repeated(
        "sequential: {@, layers: [relu: {repeat: 50000, when: $first and not $first}]}"
    ),
    "a repeat of an empty sequential": lambda: repeated("sequential: {@, layers: []}"),
    "a repeat of no repeats": lambda: repeated("relu: {@, when: $first and not $first}"),
    "blocks that double": lambda: _doubling(16),
    "blocks that double too often": lambda: _doubling(50),
    "blocks that double nothing": lambda: _doubling(30, ""),
    "structures inside one another": lambda: _nested(29, "sequential"),
    "residuals inside one another": lambda: (
        f"{HEAD}layers: [{'residual: {layers: [' * 15}relu{']}' * 15}]\n"
    ),
    "branches": lambda: filled(f"{HEAD}layers: [add: {{branches: [", lambda _: "[],", "]}]"),
    "branches of steps": lambda: filled(
        f"{HEAD}layers: [add: {{branches: [", lambda _: "[relu],", "]}]", 2
    ),
    "branches of branches": lambda: (
        f"{HEAD}layers: [" + "add: {branches: [[], [" * 18 + "relu" + "]]}" * 18 + "]\n"
    ),
    "channels that double": lambda: repeated("concat: {@, branches: [[], []]}"),
    "values that many take": lambda: steps(lambda _: "add: {from: [input, previous]}", 7),
    "a step that takes many": lambda: filled(
        f"{HEAD}layers: [add: {{from: [", lambda _: "input,", "]}]"
    ),
    "a repeat of what takes many": lambda: repeated(
        f"add: {{@, from: [{', '.join(['input'] * 100)}]}}"
    ),
    "many variables and a repeat of a block": lambda: filled(
        f"{HEAD}blocks: {{b: {{layers: [relu]}}}}\nvars: {{",
        lambda i: f"v{i}: 1,",
        f"}}\nlayers: [b: {{repeat: {MOST_STEPS}}}]\n",
        3,
    ),
    "many variables and branches": lambda: filled(
        f"{HEAD}layers: [add: {{branches: [{'[relu],' * 10000}]}}]\nvars: {{",
        lambda i: f"v{i}: 1,",
        "}\n",
        3,
    ),
    "many arguments": lambda: filled(
        f"{HEAD}layers: [b: {{repeat: {MOST_STEPS // 2}}}]\n"
        "blocks: {b: {layers: [relu], args: {",
        lambda i: f"v{i}: 1,",
        "}}}\n",
        3,
    ),
    "a field of many values": lambda: filled(
        f"{HEAD}layers: [scale: {{repeat: 40000, value: [", lambda _: "1,", "]}]"
    ),
    "a field of many values, and a variable": lambda: filled(
        f"{HEAD}layers: [scale: {{repeat: 40000, value: [$in, ", lambda _: "1,", "]}]"
    ),
    "shared weights": lambda: (
        f"{HEAD}layers:\n- conv: {{name: a, out_channels: 3, kernel_size: 1}}\n"
        + f"- conv: {{repeat: {MOST_STEPS - 2}, shares: a, out_channels: 3, kernel_size: 1}}\n"
    ),
    "shared blocks": lambda: (
        f"{HEAD}blocks: {{b: {{layers: [{', '.join([CONV] * 400)}]}}}}\n"
        "layers:\n- b: {name: a}\n- b: {repeat: 120, shares: a}\n"
    ).replace("[3, 32, 32]", "[64, 32, 32]"),
    "outputs": lambda: (
        f"{HEAD}layers:\n"
        + "".join(f"- relu: {{name: a{i}}}\n" for i in range(9000))
        + f"outputs: [{', '.join(f'a{i}' for i in range(9000))}]\n"
    ),
    "inputs": lambda: filled(
        "archspec: 1\nname: a\nlayers: [add: {from: [a1, a2]}]\ninputs: {",
        lambda i: f"a{i}: [1],",
        "}",
        4,
    ),
    "expected outputs": lambda: filled(
        f"{HEAD}layers: [relu: {{name: a}}]\noutputs: [a]\nexpect: {{output: {{",
        lambda i: f"a{i}: [1],",
        "}}",
        4,
    ),
    "huge sizes": lambda: f"{HEAD}layers: [flatten, fc: {2**39}]\n",
    "a large kernel": lambda: (
        f"{HEAD}layers: [max_pool: {{kernel_size: 2, dilation: 999999999, padding: 1}}]\n"
    ),
    "a large input": lambda: f"{HEAD}layers: [adaptive_avg_pool: 999999]\n".replace(
        "32, 32", "1000000, 1000000"
    ),
    "a large upsampling": lambda: f"{HEAD}layers: [upsample: 100000, max_pool: 99999]\n",
    "sizes that no pool divides": lambda: steps(
        lambda i: f"adaptive_avg_pool: {i % 1000 + 3}", 3
    ).replace("32, 32", "9999, 9999"),
    "pools of pools": lambda: repeated("max_pool: {@, kernel_size: 3, stride: 1, padding: 1}"),
    "upsampling and pooling": lambda: repeated(
        "sequential: {@, layers: [upsample: 1.5, max_pool: 3, upsample: 2]}", count=MOST_STEPS // 3
    ).replace("32, 32", "3333, 3333"),
    "attention": lambda: repeated("self_attention: {@, num_heads: 1}").replace("32, 32", "32"),
    "labels": lambda: filled(f"{HEAD}layers: [flatten]\nlabels: [", lambda i: f"a{i},", "]"),
    "pads": lambda: repeated("pad: {@, padding: 1}"),
}
