"""Worst cases of several files, and of what the command line says."""

from __future__ import annotations

from collections.abc import Callable

from archspec.document.files import MOST_FILES
from archspec.source import LARGEST_FILE
from tests.fuzz.families import HEAD, Case, filled, padded, repeated, steps
from tests.fuzz.families_networks import CONV
from tests.fuzz.families_symbols import symbolic

_MISFIT = "conv: {out_channels: 1, kernel_size: 99, from: input}"
MISTAKES_IN_FRAMES = (
    f"{HEAD}blocks:\n  c: {{layers: [{', '.join([_MISFIT] * 9)}]}}\n"
    f"  b: {{layers: [{', '.join(['c'] * 40)}]}}\nlayers: [{', '.join(['b'] * 90)}]\n"
)


def _many_files(count: int, main: str, text: Callable[[int], str]) -> Case:
    each = LARGEST_FILE // count - 200
    files = {f"f{i}.yaml": text(i)[:each].rpartition("\n")[0] + "\n" for i in range(count)}
    return Case({"spec.yaml": main, **files})


def _imports(main: str, text: Callable[[int], str], count: int = MOST_FILES - 1) -> Case:
    names = ", ".join(f"f{i}.yaml: [b{i}]" for i in range(count))
    return _many_files(count, f"{main}imports: {{{names}}}\nlayers: [relu]\n", text)


def _extends(text: Callable[[int], str], count: int = MOST_FILES - 2) -> Case:
    def one(i: int) -> str:
        other = f"extends: f{i + 1}.yaml\n" if i < count - 1 else ""
        return f"archspec: 1\nname: a\n{other}" + text(i)

    return _many_files(count, f"{HEAD}extends: f0.yaml\nlayers: [relu]\n", one)


_BLOCKS = "".join(
    f"  c{i}: {{args: {{a: $in}}, layers: [conv: {{out_channels: $a, kernel_size: 1}}]}}\n"
    for i in range(20_000)
)
_VARS = "vars:\n" + "".join(f"  v{i}: 1\n" for i in range(60_000))

FILES: dict[str, Callable[[], Case]] = {
    "imports": lambda: _imports(
        HEAD, lambda i: f"archspec: 1\nblocks:\n  b{i}: {{layers: [relu]}}\n{_BLOCKS}"
    ),
    "imports of mistakes": lambda: _imports(
        HEAD,
        lambda i: (
            f"archspec: 1\nblocks:\n  b{i}: {{layers: [relu]}}\n"
            + "".join(f"  c{j}: {{layers: [nope{j}]}}\n" for j in range(9000))
        ),
    ),
    "imports of variables": lambda: _imports(
        HEAD, lambda i: f"archspec: 1\nblocks: {{b{i}: {{layers: [relu]}}}}\n{_VARS}"
    ),
    "a file that each import extends": lambda: Case(
        {
            "spec.yaml": f"{HEAD}layers: [relu]\nimports: "
            f"{{{', '.join(f'f{i}.yaml: [b{i}]' for i in range(97))}}}\n",
            "base.yaml": f"archspec: 1\nname: a\ninput: [1]\nlayers: [relu]\n{_VARS}"[
                : LARGEST_FILE // 2
            ].rpartition("\n")[0]
            + "\n",
            **{
                f"f{i}.yaml": "archspec: 1\nextends: base.yaml\n"
                f"blocks: {{b{i}: {{layers: [relu]}}}}\n"
                for i in range(97)
            },
        }
    ),
    "extends": lambda: _extends(lambda i: _VARS),
    "extends of blocks": lambda: _extends(lambda i: f"blocks:\n{_BLOCKS}"),
    "extends of mistakes": lambda: _extends(lambda i: "".join(f"k{j}: 1\n" for j in range(9000))),
    "files that are not there": lambda: Case(
        {
            "spec.yaml": filled(
                f"{HEAD}layers: [relu]\nimports: {{", lambda i: f"a{i}.yaml: [b],", "}", 4
            )
        }
    ),
    "imports of one file": lambda: Case(
        {
            "spec.yaml": filled(
                f"{HEAD}layers: [relu]\nimports: {{",
                lambda i: f"{'./' * (i % 60)}{'/' * (i // 60)}a.yaml: [b{i}],",
                "}",
                4,
            ),
            "a.yaml": "archspec: 1\nblocks: {b1: {layers: [relu]}}\n",
        }
    ),
    "networks that are not there": lambda: Case(
        {
            "spec.yaml": filled(
                f"{HEAD}layers: [relu]\nimports: {{", lambda i: f"resnet{i}: [b],", "}", 4
            )
        }
    ),
    "a chain of the zoo": lambda: Case(
        {
            "spec.yaml": f"{HEAD}layers: [relu]\nimports: {{"
            + ", ".join(
                f"{n}: [basic, bottleneck, b]"
                for n in (
                    "resnet50",
                    "resnet152",
                    "densenet121",
                    "vit_b_16",
                    "unet",
                    "inception_v3",
                )
            )
            + "}"
        }
    ),
    "mistakes in eight files": lambda: _many_files(
        9,
        HEAD
        + "imports: {"
        + ", ".join(f"f{i}.yaml: [b{i}]" for i in range(9))
        + "}\nlayers: ["
        + ", ".join(f"b{i}" for i in range(9)) * 1
        + "]\n",
        lambda i: (
            f"archspec: 1\nblocks:\n  b{i}: {{layers: [{f'{_MISFIT}, ' * 300}relu]}}\n"
            + "# x\n" * 90_000
        ),
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
        _set(*(f"v{i}=1" for i in range(500))),
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
        {"spec.yaml": symbolic(f"- {CONV}\n- batch_norm\n- relu\n" * 3334)}, ("--format", "json")
    ),
}
