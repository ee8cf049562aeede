"""Worst cases of symbolic sizes."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.families import Text, filled
from tests.fuzz.families_networks import CONV


def symbolic(layers: str, input: str = "[3, H, W]") -> str:
    return f"archspec: 1\nname: worst\ninput: {input}\nlayers:\n{layers}"


def _ties(count: int, step: str) -> str:
    """Two inputs, and steps that ask something of both."""
    return "archspec: 1\nname: worst\ninputs: {x: [3, H, W], y: [3, A, B]}\nlayers:\n" + "".join(
        f"- {step.replace('@', str(i + 1))}\n" for i in range(count)
    )


SYMBOLS: dict[str, Callable[[], Text]] = {
    "a chain of symbolic sizes": lambda: symbolic(f"- {CONV}\n- batch_norm\n- relu\n" * 3334),
    "strides of symbolic sizes": lambda: symbolic(
        "- max_pool: {kernel_size: 3, stride: 2}\n" * 3000
    ),
    "odd strides of symbolic sizes": lambda: symbolic(
        "".join(
            f"- conv: {{out_channels: 3, kernel_size: 3, stride: {p}, padding: 1}}\n"
            f"- upsample: {p}\n"
            for p in (2, 3, 5, 7, 11, 13, 17, 19, 23)
        )
        * 400
    ),
    "periods that multiply": lambda: symbolic(
        "".join(
            f"- add: {{branches: [[], [conv: {{out_channels: 3, kernel_size: {p}, stride: {p}}}, "
            f"upsample: {p}]]}}\n"
            for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43)
        )
    ),
    "periods that multiply, again and again": lambda: symbolic(
        "".join(
            f"- add: {{branches: [[pad: {i}], "
            f"[conv: {{out_channels: 3, kernel_size: {p}, stride: {p}}}, "
            f"upsample: {p}, pad: {i}]]}}\n"
            for i in range(60)
            for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43)
        )
    ),
    "pads of symbolic sizes": lambda: symbolic("- pad: {repeat: 40000, padding: 1}\n"),
    "upsampling of symbolic sizes": lambda: symbolic("- upsample: {repeat: 30, scale_factor: 3}\n"),
    "products of symbolic sizes": lambda: symbolic("- reshape: [3, -1]\n" * 2000),
    "products and pools of symbolic sizes": lambda: symbolic(
        "".join(f"- flatten: {{start: 1}}\n- max_pool: {i + 2}\n" for i in range(2000))
    ),
    "a product of many symbols": lambda: (
        "archspec: 1\nname: a\ninputs: {"
        + ", ".join(f"i{i}: [3, A{i}, B{i}, C{i}]" for i in range(300))
        + "}\nlayers:\n"
        + "".join(f"- flatten: {{start: 1, from: i{i}, name: f{i}}}\n" for i in range(300))
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
        2000,
        "add: {branches: [[pad: {padding: @, from: x}], [pad: {padding: 1, from: y}]], from: x}",
    ),
    "ties that can be": lambda: _ties(
        2000,
        "add: {branches: [[pad: {padding: @, from: x}], [pad: {padding: @, from: y}]], from: x}",
    ),
    "ties of products": lambda: _ties(
        1000,
        "add: {branches: [[flatten: {start: 1, from: x}, pad: @], "
        "[flatten: {start: 1, from: y}, pad: {padding: [[1, 3]]}]], from: x}",
    ),
    "ties of pools": lambda: _ties(
        1000,
        "add: {branches: [[max_pool: {kernel_size: @, from: x}], "
        "[max_pool: {kernel_size: 7, from: y}]], from: x}",
    ),
    "differences that cannot be": lambda: symbolic(
        "".join(f"- add: {{branches: [[pad: {i}], []], from: input}}\n" for i in range(1, 2000))
    ),
    "the smaller of the smaller": lambda: symbolic(
        "- upsample: {repeat: 2000, like: input}\n"
        "- concat: {branches: [[], [max_pool: 2, upsample: {like: input}]]}\n"
    ),
    "sizes of one another": lambda: symbolic(
        "- concat: {repeat: 14, branches: [[flatten: {start: 1}], [flatten: {start: 1}]]}\n",
        "[3, H]",
    ),
    "a chain of pools of sums": lambda: symbolic(
        "- flatten: {start: 1}\n"
        + "".join(
            f"- pad: {{padding: [[0, {i + 1}]]}}\n"
            f"- max_pool: {i % 7 + 2}\n- upsample: {i % 5 + 2}\n"
            for i in range(1000)
        )
    ),
    "formulas that are expected": lambda: symbolic(
        "".join(f"- relu: {{expect: [3, 'H*W*H*W*H*W*H*W + {i}', W]}}\n" for i in range(3000))
    ),
    "formulas of brackets that are expected": lambda: symbolic(
        "".join(
            f"- relu: {{expect: [3, '{'(' * 60}H + {i}{') // 2' * 60}', W]}}\n" for i in range(1000)
        )
    ),
    "formulas of the larger that are expected": lambda: symbolic(
        "".join(
            f"- relu: {{expect: [3, '{'max(H, ' * 30}W + {i}{')' * 30}', W]}}\n"
            for i in range(1000)
        )
    ),
    "a pool of each size": lambda: symbolic(
        "".join(f"- max_pool: {{kernel_size: {i + 1}, from: input}}\n" for i in range(6000))
    ),
    "a product of each size": lambda: symbolic(
        "".join(
            f"- max_pool: {{kernel_size: {i + 1}, from: input, name: p{i}}}\n"
            "- flatten: {start: 1}\n"
            for i in range(3000)
        )
    ),
    "sums of products": lambda: symbolic(
        "".join(
            f"- max_pool: {{kernel_size: {i + 1}, from: input}}\n"
            f"- flatten: {{start: 1, name: p{i}}}\n"
            for i in range(300)
        )
        + f"- concat: {{from: [{', '.join(f'p{i}' for i in range(300))}]}}\n"
    ),
    "adaptive pools of symbolic sizes": lambda: symbolic(
        "".join(
            f"- adaptive_avg_pool: {{output_size: {i + 1}, from: input}}\n" for i in range(3000)
        )
    ),
    "patches of symbolic sizes": lambda: symbolic(
        "".join(
            f"- patch_embedding: {{out_channels: 8, patch_size: {i + 1}, from: input}}\n"
            "- position_embedding\n- self_attention: 2\n"
            for i in range(1500)
        )
    ),
    "shuffles of symbolic sizes": lambda: symbolic(
        "".join(
            f"- pixel_unshuffle: {{downscale_factor: {i + 1}, from: input}}\n" for i in range(3000)
        )
    ),
    "reshapes of symbolic sizes": lambda: symbolic(
        "".join(f"- reshape: {{shape: [{i + 1}, -1], from: input}}\n" for i in range(3000))
    ),
    "same padding of symbolic sizes": lambda: symbolic(
        "".join(
            f"- conv: {{out_channels: 3, kernel_size: {i % 9 + 1}, stride: {i % 7 + 1}, "
            "padding: same_upper}\n"
            for i in range(2000)
        )
    ),
    "transposed convolutions of symbolic sizes": lambda: symbolic(
        "- conv_transpose: {repeat: 300, out_channels: 3, kernel_size: 3, stride: 2}\n"
    ),
    "fractions of symbolic sizes": lambda: symbolic(
        "- upsample: {repeat: 300, scale_factor: 1.5}\n"
    ),
}
