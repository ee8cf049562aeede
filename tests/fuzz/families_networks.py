"""Worst cases of networks: many steps, many values, many files, many symbols."""

from __future__ import annotations

from collections.abc import Callable

from archspec.document.files import MOST_FILES
from archspec.document.model import MOST_STEPS
from archspec.source import LARGEST_FILE
from tests.fuzz.families import HEAD, Case, Text, filled, padded, repeated, steps

_CONV = "conv: {out_channels: 64, kernel_size: 3, padding: 1}"


def _doubling(depth: int, inner: str = "relu") -> str:
    """Blocks of which each calls the one before twice."""
    blocks = [f"b0: {{layers: [{inner}]}}"]
    blocks += [f"b{i + 1}: {{layers: [b{i}, b{i}]}}" for i in range(depth)]
    return f"{HEAD}blocks: {{{', '.join(blocks)}}}\nlayers: [b{depth}]\n"


def _nested(depth: int, words: str) -> str:
    """Structures inside one another."""
    return f"{HEAD}layers: [{f'{words}: [relu, ' * depth}relu{']' * depth}]\n"


NETWORKS: dict[str, Callable[[], Text]] = {
    "a chain of 10,000 written out": lambda: f"{HEAD}layers:\n"
    + f"- {_CONV}\n- batch_norm\n- relu\n" * 3334,
    "a chain of 10,000 with names": lambda: f"{HEAD}layers:\n"
    + "".join(
        f"- conv: {{name: conv{i}, out_channels: 64, kernel_size: 3, stride: 1, padding: 1, "
        f"bias: false}}\n- batch_norm: {{name: bn{i}, eps: 0.001, momentum: 0.1}}\n"
        f"- relu: {{name: relu{i}}}\n"
        for i in range(3334)
    ),
    "steps written out": lambda: steps(lambda _: "relu", 1),
    "wider and wider": lambda: steps(
        lambda i: f"conv: {{out_channels: {i + 1}, kernel_size: 1}}", 7
    ),
    "steps with names": lambda: steps(lambda i: f"relu: {{name: a{i}}}", 4),
    "steps of different fields": lambda: steps(lambda i: f"leaky_relu: 0.{i:06}", 3),
    "steps that are not there": lambda: steps(lambda i: f"relu: {{when: $in < {i % 2}}}", 4),
    "a repeat": lambda: repeated("relu: {@}"),
    "a repeat of a convolution": lambda: repeated(_CONV.replace("{", "{@, ")),
    "a repeat of different convolutions": lambda: repeated(
        "conv: {@, out_channels: $number, kernel_size: 1}"
    ),
    "a repeat of different kernels": lambda: repeated(
        "conv: {@, out_channels: 3, kernel_size: $index * 2 + 1, padding: $index}"
    ),
    "a repeat of a residual": lambda: repeated("residual: {@, layers: [relu]}", count=16_000),
    "a repeat of a projection": lambda: repeated(
        "residual: {@, shortcut: projection, layers: [conv: {out_channels: $in + 1, "
        "kernel_size: 1}]}",
        count=16_000,
    ),
    "a repeat of what is padded": lambda: repeated(
        "residual: {@, shortcut: pad, layers: [conv: {out_channels: $in + 1, kernel_size: 1}]}",
        count=16_000,
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
    "branches of branches": lambda: f"{HEAD}layers: ["
    + "add: {branches: [[], [" * 18
    + "relu"
    + "]]}" * 18
    + "]\n",
    "channels that double": lambda: repeated("concat: {@, branches: [[], []]}"),
    "values that many take": lambda: steps(lambda _: "add: {from: [input, previous]}", 6),
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
        f"{HEAD}layers: [b: {{repeat: {MOST_STEPS // 2}}}]\nblocks: {{b: {{layers: [relu], args: {{",
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
    "shared weights": lambda: f"{HEAD}layers:\n- conv: {{name: a, out_channels: 3, kernel_size: 1}}\n"
    + f"- conv: {{repeat: {MOST_STEPS - 2}, shares: a, out_channels: 3, kernel_size: 1}}\n",
    "shared blocks": lambda: (
        f"{HEAD}blocks: {{b: {{layers: [{', '.join([_CONV] * 400)}]}}}}\n"
        "layers:\n- b: {name: a}\n- b: {repeat: 120, shares: a}\n"
    ).replace("[3, 32, 32]", "[64, 32, 32]"),
    "outputs": lambda: f"{HEAD}layers:\n"
    + "".join(f"- relu: {{name: a{i}}}\n" for i in range(9000))
    + f"outputs: [{', '.join(f'a{i}' for i in range(9000))}]\n",
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
    "a large kernel": lambda: f"{HEAD}layers: [max_pool: {{kernel_size: 2, dilation: 999999999, padding: 1}}]\n",
    "a large input": lambda: f"{HEAD}layers: [adaptive_avg_pool: 999999]\n".replace(
        "32, 32", "1000000, 1000000"
    ),
    "a large upsampling": lambda: f"{HEAD}layers: [upsample: 100000, max_pool: 99999]\n",
    "sizes that no pool divides": lambda: steps(
        lambda i: f"adaptive_avg_pool: {i % 1000 + 3}", 3
    ).replace("32, 32", "9999, 9999"),
    "pools of pools": lambda: repeated(
        "max_pool: {@, kernel_size: 3, stride: 1, padding: 1}"
    ),
    "upsampling and pooling": lambda: repeated(
        "sequential: {@, layers: [upsample: 1.5, max_pool: 3, upsample: 2]}", count=16_000
    ).replace("32, 32", "3333, 3333"),
    "attention": lambda: repeated("self_attention: {@, num_heads: 1}").replace("32, 32", "32"),
    "labels": lambda: filled(
        f"{HEAD}layers: [flatten]\nlabels: [", lambda i: f"a{i},", "]"
    ),
    "pads": lambda: repeated("pad: {@, padding: 1}"),
}

_SYMBOLIC = "archspec: 1\nname: worst\ninput: [3, H, W]\n"


def _symbolic(layers: str, input: str = "[3, H, W]") -> str:
    return f"archspec: 1\nname: worst\ninput: {input}\nlayers:\n{layers}"


def _ties(count: int, step: str) -> str:
    """Two inputs, and steps that ask something of both."""
    return (
        "archspec: 1\nname: worst\ninputs: {x: [3, H, W], y: [3, A, B]}\nlayers:\n"
        + "".join(f"- {step.replace('@', str(i + 1))}\n" for i in range(count))
    )


SYMBOLS: dict[str, Callable[[], Text]] = {
    "a chain of symbolic sizes": lambda: _symbolic(f"- {_CONV}\n- batch_norm\n- relu\n" * 3334),
    "strides of symbolic sizes": lambda: _symbolic("- max_pool: {kernel_size: 3, stride: 2}\n" * 3000),
    "odd strides of symbolic sizes": lambda: _symbolic(
        "".join(
            f"- conv: {{out_channels: 3, kernel_size: 3, stride: {p}, padding: 1}}\n- upsample: {p}\n"
            for p in (2, 3, 5, 7, 11, 13, 17, 19, 23)
        )
        * 400
    ),
    "periods that multiply": lambda: _symbolic(
        "".join(
            f"- add: {{branches: [[], [conv: {{out_channels: 3, kernel_size: {p}, stride: {p}}}, "
            f"upsample: {p}]]}}\n"
            for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43)
        )
    ),
    "periods that multiply, again and again": lambda: _symbolic(
        "".join(
            f"- add: {{branches: [[pad: {i}], [conv: {{out_channels: 3, kernel_size: {p}, stride: {p}}}, "
            f"upsample: {p}, pad: {i}]]}}\n"
            for i in range(60)
            for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43)
        )
    ),
    "pads of symbolic sizes": lambda: _symbolic("- pad: {repeat: 40000, padding: 1}\n"),
    "upsampling of symbolic sizes": lambda: _symbolic("- upsample: {repeat: 30, scale_factor: 3}\n"),
    "products of symbolic sizes": lambda: _symbolic(
        "- reshape: [3, -1]\n" * 2000
    ),
    "products and pools of symbolic sizes": lambda: _symbolic(
        "".join(f"- flatten: {{start: 1}}\n- max_pool: {i + 2}\n" for i in range(2000))
    ),
    "a product of many symbols": lambda: (
        "archspec: 1\nname: a\ninputs: {"
        + ", ".join(f"i{i}: [3, A{i}, B{i}, C{i}]" for i in range(300))
        + "}\nlayers:\n"
        + "".join(
            f"- flatten: {{start: 1, from: i{i}, name: f{i}}}\n" for i in range(300)
        )
        + f"- concat: {{from: [{', '.join(f'f{i}' for i in range(300))}]}}\n"
    ),
    "many symbols": lambda: filled(
        "archspec: 1\nname: a\nlayers: [relu: {from: a1}]\ninputs: {",
        lambda i: f"a{i}: [3, A{i}, B{i}, C{i}],",
        "}",
        7,
    ),
    "many symbols that are tied": lambda: (
        "archspec: 1\nname: a\ninputs: {"
        + ", ".join(f"i{i}: [3, A{i}, B{i}, C{i}]" for i in range(300))
        + "}\nlayers:\n"
        + "".join(f"- add: {{from: [i{i}, i{i + 1}]}}\n" for i in range(299))
    ),
    "ties that cannot be": lambda: _ties(
        2000, "add: {branches: [[pad: {padding: @, from: x}], [pad: {padding: 1, from: y}]], from: x}"
    ),
    "ties that can be": lambda: _ties(
        2000, "add: {branches: [[pad: {padding: @, from: x}], [pad: {padding: @, from: y}]], from: x}"
    ),
    "ties of products": lambda: _ties(
        1000,
        "add: {branches: [[flatten: {start: 1, from: x}, pad: @], "
        "[flatten: {start: 1, from: y}, pad: {padding: [[1, 3]]}]], from: x}",
    ),
    "ties of pools": lambda: _ties(
        1000, "add: {branches: [[max_pool: {kernel_size: @, from: x}], "
        "[max_pool: {kernel_size: 7, from: y}]], from: x}"
    ),
    "differences that cannot be": lambda: _symbolic(
        "".join(f"- add: {{branches: [[pad: {i}], []], from: input}}\n" for i in range(1, 2000))
    ),
    "the smaller of the smaller": lambda: _symbolic(
        "- upsample: {repeat: 2000, like: input}\n- concat: {branches: [[], [max_pool: 2, upsample: {like: input}]]}\n"
    ),
    "sizes of one another": lambda: _symbolic(
        "- concat: {repeat: 14, branches: [[flatten: {start: 1}], [flatten: {start: 1}]]}\n",
        "[3, H]",
    ),
    "a chain of pools of sums": lambda: _symbolic(
        "- flatten: {start: 1}\n" +
        "".join(f"- pad: {{padding: [[0, {i + 1}]]}}\n- max_pool: {i % 7 + 2}\n- upsample: {i % 5 + 2}\n" for i in range(1000))
    ),
    "formulas that are expected": lambda: _symbolic(
        "".join(f"- relu: {{expect: [3, 'H*W*H*W*H*W*H*W + {i}', W]}}\n" for i in range(3000))
    ),
    "formulas of brackets that are expected": lambda: _symbolic(
        "".join(
            f"- relu: {{expect: [3, '{'(' * 60}H + {i}{') // 2' * 60}', W]}}\n" for i in range(1000)
        )
    ),
    "formulas of the larger that are expected": lambda: _symbolic(
        "".join(
            f"- relu: {{expect: [3, '{'max(H, ' * 30}W + {i}{')' * 30}', W]}}\n" for i in range(1000)
        )
    ),
    "a pool of each size": lambda: _symbolic(
        "".join(f"- max_pool: {{kernel_size: {i + 1}, from: input}}\n" for i in range(6000))
    ),
    "a product of each size": lambda: _symbolic(
        "".join(
            f"- max_pool: {{kernel_size: {i + 1}, from: input, name: p{i}}}\n- flatten: {{start: 1}}\n"
            for i in range(3000)
        )
    ),
    "sums of products": lambda: _symbolic(
        "".join(
            f"- max_pool: {{kernel_size: {i + 1}, from: input}}\n- flatten: {{start: 1, name: p{i}}}\n"
            for i in range(300)
        )
        + f"- concat: {{from: [{', '.join(f'p{i}' for i in range(300))}]}}\n"
    ),
    "adaptive pools of symbolic sizes": lambda: _symbolic(
        "".join(f"- adaptive_avg_pool: {{output_size: {i + 1}, from: input}}\n" for i in range(3000))
    ),
    "patches of symbolic sizes": lambda: _symbolic(
        "".join(
            f"- patch_embedding: {{out_channels: 8, patch_size: {i + 1}, from: input}}\n"
            "- position_embedding\n- self_attention: 2\n" for i in range(1500)
        )
    ),
    "shuffles of symbolic sizes": lambda: _symbolic(
        "".join(f"- pixel_unshuffle: {{downscale_factor: {i + 1}, from: input}}\n" for i in range(3000))
    ),
    "reshapes of symbolic sizes": lambda: _symbolic(
        "".join(f"- reshape: {{shape: [{i + 1}, -1], from: input}}\n" for i in range(3000))
    ),
    "same padding of symbolic sizes": lambda: _symbolic(
        "".join(
            f"- conv: {{out_channels: 3, kernel_size: {i % 9 + 1}, stride: {i % 7 + 1}, padding: same_upper}}\n"
            for i in range(2000)
        )
    ),
    "transposed convolutions of symbolic sizes": lambda: _symbolic(
        "- conv_transpose: {repeat: 300, out_channels: 3, kernel_size: 3, stride: 2}\n"
    ),
    "fractions of symbolic sizes": lambda: _symbolic("- upsample: {repeat: 300, scale_factor: 1.5}\n"),
}


def _many_files(count: int, main: str, text: Callable[[int], str]) -> Case:
    each = LARGEST_FILE // count - 200
    files = {f"f{i}.yaml": text(i)[:each].rpartition("\n")[0] + "\n" for i in range(count)}
    return Case({"spec.yaml": main, **files})


def _imports(main: str, text: Callable[[int], str], count: int = MOST_FILES - 1) -> Case:
    names = ", ".join(f"f{i}.yaml: [b{i}]" for i in range(count))
    return _many_files(count, f"{main}imports: {{{names}}}\nlayers: [relu]\n", text)


def _extends(text: Callable[[int], str], count: int = MOST_FILES - 2) -> Case:
    def one(i: int) -> str:
        return f"archspec: 1\nname: a\nextends: f{i + 1}.yaml\n" + text(i)

    return _many_files(count, f"{HEAD}extends: f0.yaml\nlayers: [relu]\n", one)


_BLOCKS = "".join(f"  c{i}: {{args: {{a: $in}}, layers: [conv: {{out_channels: $a, kernel_size: 1}}]}}\n" for i in range(20_000))
_VARS = "vars:\n" + "".join(f"  v{i}: 1\n" for i in range(60_000))

FILES: dict[str, Callable[[], Case]] = {
    "imports": lambda: _imports(HEAD, lambda i: f"archspec: 1\nblocks:\n  b{i}: {{layers: [relu]}}\n{_BLOCKS}"),
    "imports of mistakes": lambda: _imports(
        HEAD, lambda i: f"archspec: 1\nblocks:\n  b{i}: {{layers: [relu]}}\n" + "".join(f"  c{j}: {{layers: [nope{j}]}}\n" for j in range(9000))
    ),
    "imports of variables": lambda: _imports(HEAD, lambda i: f"archspec: 1\nblocks: {{b{i}: {{layers: [relu]}}}}\n{_VARS}"),
    "a file that each import extends": lambda: Case(
        {
            "spec.yaml": f"{HEAD}imports: {{{', '.join(f'f{i}.yaml: [b{i}]' for i in range(97))}}}\nlayers: [relu]\n",
            "base.yaml": f"archspec: 1\nname: a\ninput: [1]\nlayers: [relu]\n{_VARS}"[: LARGEST_FILE // 2].rpartition("\n")[0] + "\n",
            **{f"f{i}.yaml": f"archspec: 1\nextends: base.yaml\nblocks: {{b{i}: {{layers: [relu]}}}}\n" for i in range(97)},
        }
    ),
    "extends": lambda: _extends(lambda i: _VARS),
    "extends of blocks": lambda: _extends(lambda i: f"blocks:\n{_BLOCKS}"),
    "extends of mistakes": lambda: _extends(lambda i: "".join(f"k{j}: 1\n" for j in range(9000))),
    "files that are not there": lambda: Case(
        {"spec.yaml": filled(f"{HEAD}layers: [relu]\nimports: {{", lambda i: f"a{i}.yaml: [b],", "}", 4)}
    ),
    "networks that are not there": lambda: Case(
        {"spec.yaml": filled(f"{HEAD}layers: [relu]\nimports: {{", lambda i: f"resnet{i}: [b],", "}", 4)}
    ),
    "a chain of the zoo": lambda: Case(
        {"spec.yaml": f"{HEAD}layers: [relu]\nimports: {{" + ", ".join(f"{n}: [basic, bottleneck, b]" for n in ("resnet50", "resnet152", "densenet121", "vit_b_16", "unet", "inception_v3")) + "}"}
    ),
    "mistakes in eight files": lambda: _many_files(
        9,
        HEAD + "imports: {" + ", ".join(f"f{i}.yaml: [b{i}]" for i in range(9)) + "}\nlayers: ["
        + ", ".join(f"b{i}" for i in range(9)) * 1 + "]\n",
        lambda i: f"archspec: 1\nblocks:\n  b{i}: {{layers: [{'conv: {out_channels: 1, kernel_size: 99, from: input}, ' * 300}relu]}}\n" + "# x\n" * 90_000,
    ),
    "a label file": lambda: Case(
        {"spec.yaml": f"{HEAD}layers: [flatten]\nlabels: l.txt\n", "l.txt": padded("", "\n")}
    ),
    "a label file of one line": lambda: Case(
        {"spec.yaml": f"{HEAD}layers: [flatten]\nlabels: l.txt\n", "l.txt": padded("", "x")}
    ),
}


def _set(*assignments: str) -> tuple[str, ...]:
    return tuple(word for assignment in assignments for word in ("--set", assignment))


_LONGEST_ARGUMENT = 130_000

OPTIONS: dict[str, Callable[[], Case]] = {
    "a long value set": lambda: Case(
        {"spec.yaml": repeated("relu: {@, when: '$a == $a'}", "vars: {a: 1}\n")},
        _set("a=" + "x" * _LONGEST_ARGUMENT),
    ),
    "a list set": lambda: Case(
        {"spec.yaml": repeated("max_pool: {@, kernel_size: [$a, 1]}", "vars: {a: 1}\n")},
        _set("a=[" + "1," * (_LONGEST_ARGUMENT // 2) + "]"),
    ),
    "brackets set": lambda: Case(
        {"spec.yaml": repeated("relu: {@}", "vars: {a: 1}\n")}, _set("a=" + "[" * _LONGEST_ARGUMENT)
    ),
    "many that are set and are not there": lambda: Case(
        {"spec.yaml": repeated("relu: {@}", "vars: {a: 1}\n")},
        _set(*(f"v{i}=1" for i in range(20_000))),
    ),
    "mistakes as JSON": lambda: Case(
        {"spec.yaml": steps(lambda i: f"cnov{i}", 1)}, ("--format", "json")
    ),
    "mistakes in frames as JSON": lambda: Case(
        {"spec.yaml": MISTAKES_IN_FRAMES}, ("--format", "json")
    ),
    "a network as JSON": lambda: Case(
        {"spec.yaml": repeated("conv: {@, out_channels: $number, kernel_size: 1}")},
        ("--format", "json"),
    ),
    "a network as formulas": lambda: Case(
        {"spec.yaml": repeated("conv: {@, out_channels: $number, kernel_size: 1}")},
        ("--formulas",),
    ),
    "a network by every convention": lambda: Case(
        {"spec.yaml": repeated("conv: {@, out_channels: $number, kernel_size: 1}")},
        ("--reconcile",),
    ),
    "symbolic sizes as JSON": lambda: Case(
        {"spec.yaml": _symbolic(f"- {_CONV}\n- batch_norm\n- relu\n" * 3334)}, ("--format", "json")
    ),
}

MISTAKES_IN_FRAMES = (
    f"{HEAD}blocks:\n  c: {{layers: [{', '.join(['conv: {out_channels: 1, kernel_size: 99, from: input}'] * 9)}]}}\n"
    f"  b: {{layers: [{', '.join(['c'] * 40)}]}}\nlayers: [{', '.join(['b'] * 90)}]\n"
)
