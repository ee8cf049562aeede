"""Worst cases: for each thing that a spec may have much of, a spec that has as much as it may."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from archspec.document.model import MOST_STEPS
from archspec.source import LARGEST_FILE, MOST_VALUES

HEAD = "archspec: 1\nname: worst\ninput: [3, 32, 32]\n"

Text = str | bytes


class Case(NamedTuple):
    """Files, of which `spec.yaml` is checked, and what else the command line says."""

    files: Mapping[str, Text]
    options: tuple[str, ...] = ()


def filled(head: str, entry: Callable[[int], str], tail: str = "", values: int = 1) -> str:
    """As many entries between a head and a tail as a file may have, where each has so many
    `values`.
    """
    pieces, size = [head], len((head + tail).encode())
    for index in range(MOST_VALUES // values - 20):
        piece = entry(index)
        size += len(piece.encode())
        if size > LARGEST_FILE:
            break
        pieces.append(piece)
    return "".join(pieces) + tail


def padded(head: str, unit: str, tail: str = "") -> str:
    """One unit as often as a file may have it."""
    return head + unit * ((LARGEST_FILE - len((head + tail).encode())) // len(unit.encode())) + tail


def steps(entry: Callable[[int], str], values: int, sections: str = "") -> str:
    """Steps, a line each."""
    return filled(f"{HEAD}{sections}layers:\n", lambda index: f"- {entry(index)}\n", "", values)


def repeated(step: str, sections: str = "", count: int = MOST_STEPS) -> str:
    """A step that is repeated; `step` is the inside of its braces."""
    return f"{HEAD}{sections}layers:\n- {step.replace('@', f'repeat: {count}')}\n"


def variables(entries: Iterable[str]) -> str:
    """The section `vars`."""
    return "vars:\n" + "".join(f"  {entry}\n" for entry in entries)


_LONG_SUM = " + ".join(["$a"] * 79)
_DEEP_SUM = "(" * 39 + "$a" + " + 1)" * 39
_EXPRESSIONS = ", ".join([" + ".join(["$a"] * 30)] * 500)
_LIST = ", ".join(map(str, range(9_000)))
_ROWS = ", ".join(["[" + ", ".join(["1"] * 399) + "]"] * 200)

TEXTS: dict[str, Callable[[], Text]] = {
    "too large": lambda: "#" * (LARGEST_FILE + 1),
    "one long comment": lambda: padded(HEAD, "#"),
    "lines of nothing": lambda: padded(HEAD, "\n", "layers: [relu]"),
    "lines that end alone": lambda: padded(HEAD, "\r", "layers: [relu]"),
    "lines of a separator": lambda: padded(HEAD, "\u2028", "layers: [relu]"),
    "not UTF-8 at its end": lambda: padded(HEAD, "# é\n").encode()[:-2] + b"\xff",
    "a control character at its end": lambda: padded(HEAD, "# é\n", "\x07"),
    "turned text": lambda: padded(HEAD, "# \u202e\n", "layers: [relu]"),
    "a tab at its end": lambda: padded(HEAD, "# é\n", "layers:\n\t- relu"),
    "one long word": lambda: padded(f"{HEAD}layers: [", "x", "]"),
    "one long quoted string": lambda: padded(f"{HEAD}layers: ['", "x", "']"),
    "one long string of escapes": lambda: padded(f'{HEAD}layers: ["', "\\u00e9", '"]'),
    "one long folded string": lambda: padded(f"{HEAD}description: >\n", " x\n", "layers: [relu]"),
    "one long string of lines": lambda: padded(f"{HEAD}layers: ['", "x\n\n", "']"),
    "one long key": lambda: padded(f"{HEAD}? ", "x", "\n: 1"),
    "brackets": lambda: padded(f"{HEAD}layers: ", "["),
    "braces": lambda: padded(f"{HEAD}layers: ", "{a: "),
    "brackets on lines": lambda: padded(f"{HEAD}layers:\n", " [\n"),
    "dashes": lambda: padded(f"{HEAD}layers:\n", "- "),
    "questions": lambda: padded(f"{HEAD}layers:\n", "? "),
    "colons": lambda: padded(f"{HEAD}layers:\n", ": "),
    "a staircase": lambda: HEAD + "".join(f"{' ' * i}a:\n" for i in range(1400)),
    "brackets that close": lambda: padded(f"{HEAD}layers: ", "[]"),
    "empty lists": lambda: filled(f"{HEAD}layers: [", lambda _: "[],", "]"),
    "lists of lists": lambda: filled(
        f"{HEAD}layers: [", lambda _: f"{'[' * 60}{']' * 60},", "]", 60
    ),
    "documents": lambda: padded(HEAD, "---\n"),
    "documents that end": lambda: padded("", "...\n"),
    "directives": lambda: padded("", "%TAG !a! !b\n", "---\n" + HEAD),
    "more directives": lambda: "".join(f"%TAG !a{i}! !b\n" for i in range(60_000)) + "---\n" + HEAD,
    "tags": lambda: filled(f"{HEAD}layers: [", lambda _: "!!str a,", "]"),
    "anchors": lambda: filled(f"{HEAD}layers: [", lambda i: f"&a{i} a,", "]"),
    "aliases": lambda: filled(f"{HEAD}description: &a relu\nlayers: [", lambda i: "*a,", "]"),
    "an alias bomb": lambda: (
        f"{HEAD}layers:\n- &a0 [relu]\n"
        + "".join(f"- &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(20))
    ),
    "aliases of a large value": lambda: (
        f"{HEAD}layers:\n- &a [{'relu, ' * (MOST_VALUES // 2 - 100)}]\n- *a\n- *a\n"
    ),
    "aliases of a large wrong value": lambda: (
        f"{HEAD}layers:\n- &a [{'nope, ' * 99}]\n" + "- *a\n" * (MOST_VALUES // 100 - 10)
    ),
    "aliases of a long string": lambda: padded(
        f"{HEAD}layers:\n- &a {'x' * 90_000}\n", "- scale: *a\n"
    ),
    "aliases of a long expression": lambda: padded(
        f"{HEAD}layers:\n- &a {'$x+' * 30_000}\n", "- scale: *a\n"
    ),
    "quotes in a line": lambda: padded(f"{HEAD}layers: [relu] # archspec: ignore ", "\"' "),
    "quotes before a comment": lambda: padded(
        f"{HEAD}layers: [relu] # ", "'", " # archspec: ignore[AS701]\n"
    ),
    "quoted texts before a comment": lambda: padded(
        f"{HEAD}layers: [relu]\nreferences: [", "'a\\\"b', ", "] # archspec: ignore[AS701\n"
    ),
    "comments that silence": lambda: padded(
        f"{HEAD}layers: [relu]\n", "# archspec: ignore[AS701, AS702]\n"
    ),
    "a comment that silences much": lambda: padded(
        f"{HEAD}layers: [relu]\n# archspec: ignore[", "AS7xx,", "]\n"
    ),
    "spaces": lambda: padded(f"{HEAD}layers: [relu", " ", "]]\n"),
    "spaces before a colon": lambda: padded(f"{HEAD}layers: [relu]\n", " ", "a: b: c\n"),
    "lines that lack a colon": lambda: padded(f"{HEAD}layers:\n- a\n", "b c\n"),
    "brackets in texts": lambda: padded(f"{HEAD}layers: [", "'[' ", "\n"),
    "a bracket that is not closed": lambda: padded(f"{HEAD}layers: [\n", "'a', [1],\n", ""),
    "a quote that is not closed": lambda: padded(f"{HEAD}layers: '\n", '"a"\n', ""),
    "keys": lambda: filled(HEAD, lambda i: f"k{i}: \n", values=2),
    "keys in a line": lambda: filled(f"{HEAD}layers: {{", lambda i: f"k{i},", "}", 2),
    "a key again and again": lambda: filled(HEAD, lambda _: "a: \n", values=2),
    "words that YAML 1.1 reads otherwise": lambda: steps(lambda _: "no", 1),
    "numbers of many digits": lambda: filled(f"{HEAD}layers: [", lambda i: f"1.{i:037}e1,", "]"),
    "syntax wrong at the end": lambda: steps(lambda _: "relu", 1)[: LARGEST_FILE - 10] + "\n- ]",
    "steps on one line": lambda: filled(f"{HEAD}layers: [", lambda _: "nope, ", "]"),
}

MISTAKES: dict[str, Callable[[], Text]] = {
    "unknown words": lambda: steps(lambda i: f"cnov{i}", 1),
    "unknown long words": lambda: steps(lambda i: f"cnov{i}" * 40, 1),
    "unknown fields": lambda: steps(lambda i: f"relu: {{f{i}: }}", 5),
    "a step of unknown fields": lambda: filled(
        f"{HEAD}layers: [conv: {{", lambda i: f"kernal{i}: 1,", "}]", 2
    ),
    "unknown sections": lambda: filled(HEAD, lambda i: f"layer{i}: 1\n", values=2),
    "unknown variables": lambda: steps(lambda i: f"fc: $v{i}", 3, variables(["width: 1"])),
    "unknown variables, and many known": lambda: filled(
        f"{HEAD}vars: {{", lambda i: f"v{i}: $u{i},", "}", 2
    ),
    "unknown variables of a list": lambda: filled(
        f"{HEAD}layers: [conv: [", lambda i: f"$v{i}, ", "]]"
    ),
    "wrong expressions": lambda: steps(lambda i: f"fc: $v{i} +", 3),
    "wrong long expressions": lambda: steps(lambda i: f"fc: {_LONG_SUM} + {i} +", 3),
    "wrong types": lambda: steps(lambda i: f"fc: a{i}", 3),
    "missing fields": lambda: steps(lambda _: "conv", 1),
    "missing arguments": lambda: steps(
        lambda _: "b", 1, "blocks: {b: {args: {a: ~, b: ~, c: ~}, layers: [relu]}}\n"
    ),
    "mistakes in blocks": lambda: filled(
        f"{HEAD}layers: [relu]\nblocks:\n", lambda i: f"  b{i}: {{layers: [nope]}}\n", "", 5
    ),
    "blocks that call one another": lambda: filled(
        f"{HEAD}layers: [relu]\nblocks:\n", lambda i: f"  b{i}: {{layers: [b{i + 1}]}}\n", "", 5
    ),
    "blocks in a circle": lambda: filled(
        f"{HEAD}layers: [relu]\nblocks:\n", lambda i: f"  b{i}: {{layers: [b0, b{i}]}}\n", "", 6
    ),
    "a block whose names are none": lambda: filled(
        f"{HEAD}layers: [relu]\nblocks:\n", lambda i: f"  b-{i}: {{layers: [relu]}}\n", "", 5
    ),
    "names that are taken": lambda: steps(lambda _: "relu: {name: a}", 5),
    "names that cannot be": lambda: steps(lambda i: f"relu: {{name: a-{i}}}", 5),
    "unknown values": lambda: steps(lambda i: f"relu: {{from: a{i}}}", 5),
    "unknown values in a list": lambda: filled(
        f"{HEAD}layers: [concat: {{from: [", lambda i: f"a{i},", "]}]"
    ),
    "layers that do not fit": lambda: steps(
        lambda _: "conv: {out_channels: 8, kernel_size: 99, from: input}", 9
    ),
    "groups that do not divide": lambda: steps(
        lambda i: f"conv: {{out_channels: {i + 8}, kernel_size: 3, groups: 7, from: input}}", 11
    ),
    "merges that do not fit": lambda: steps(
        lambda i: f"add: {{branches: [[pad: {i + 1}], []], from: input}}", 12
    ),
    "shortcuts that do not fit": lambda: steps(
        lambda i: f"residual: {{layers: [pad: {i + 1}], from: input}}", 10
    ),
    "expectations that are not met": lambda: steps(lambda i: f"relu: {{expect: [{i}]}}", 6),
    "outputs that are not there": lambda: filled(
        f"{HEAD}layers: [relu]\noutputs: [", lambda i: f"a{i},", "]"
    ),
    "inputs that are none": lambda: filled(
        "archspec: 1\nname: a\nlayers: [relu]\ninputs: {", lambda i: f"a{i}: x,", "}", 2
    ),
    "imports that are none": lambda: filled(
        f"{HEAD}layers: [relu]\nimports: {{", lambda i: f"a{i}.yaml: [b],", "}", 4
    ),
    "references that are none": lambda: filled(
        f"{HEAD}layers: [relu]\nreferences: [", lambda i: f"{i},", "]"
    ),
    "labels that are none": lambda: filled(
        f"{HEAD}layers: [relu]\nlabels: [", lambda i: f"{i},", "]"
    ),
    "a block of mistakes, called often": lambda: steps(
        lambda _: "b",
        1,
        "blocks: {b: {layers: ["
        + ", ".join(["conv: {out_channels: $in, kernel_size: 99}"] * 20)
        + "]}}\n",
    ),
    "a repeat of names that are not there": lambda: repeated("relu: {@, from: nope}"),
    "a repeat of names that nearly are": lambda: (
        steps(lambda i: f"relu: {{name: value{i}}}", 4)[:100_000].rpartition("\n")[0]
        + "\n- relu: {repeat: 40000, from: $first}\n- relu: {repeat: 40000, from: valu}\n"
    ),
    "a repeat of what does not fit": lambda: repeated(
        "conv: {@, out_channels: 8, kernel_size: 99, from: input}"
    ),
    "a repeat of different layers that do not fit": lambda: repeated(
        "conv: {@, out_channels: 8, kernel_size: 99 + $index, from: input}"
    ),
    "a repeat of a wrong value": lambda: repeated("fc: {@, out_features: 0 - $index}"),
    "a repeat of a wrong expression": lambda: repeated("fc: {@, out_features: 1 // (0 * $index)}"),
    "a repeat of no kind": lambda: repeated("$w: {@}", "vars: {w: cnov}\n"),
    "a repeat of an argument that is not there": lambda: repeated(
        "$w: {@, chanels: 1}", "vars: {w: b}\nblocks: {b: {args: {channels: 1}, layers: [relu]}}\n"
    ),
    "a repeat of a wrong name": lambda: repeated("relu: {@, name: '$index-'}"),
    "a repeat of one name": lambda: repeated("relu: {@, name: '{0 * $index}'}"),
    "a repeat of an expectation": lambda: repeated(
        "sequential: {@, layers: [relu: {expect: [1]}]}"
    ),
}

EXPRESSIONS: dict[str, Callable[[], Text]] = {
    "short expressions": lambda: steps(lambda i: f"leaky_relu: $a+{i}", 3, "vars: {a: 1}\n"),
    "variables of one another": lambda: filled(
        f"{HEAD}layers: [relu]\nvars:\n  v0: 1\n", lambda i: f"  v{i + 1}: 1 + $v{i} - 1\n", "", 2
    ),
    "long expressions": lambda: steps(
        lambda i: f"leaky_relu: {_LONG_SUM} + {i}", 3, "vars: {a: 1}\n"
    ),
    "deep expressions": lambda: steps(
        lambda i: f"leaky_relu: {_DEEP_SUM} + {i}", 3, "vars: {a: 1}\n"
    ),
    "brackets in an expression": lambda: steps(lambda i: f"fc: $a{i} {'(' * 350}", 3),
    "minuses": lambda: steps(lambda i: f"fc: {'-' * 380}$a{i}", 3),
    "comparisons": lambda: steps(
        lambda i: f"relu: {{when: '$a{'<1' * 190} or {i} < 1'}}", 4, "vars: {a: 0}\n"
    ),
    "names of expressions": lambda: steps(
        lambda i: f"relu: {{name: 'a{i}{'{$a}' * 90}'}}", 4, "vars: {a: 1}\n"
    ),
    "names of many expressions": lambda: steps(
        lambda i: f"relu: {{name: '{''.join(f'{{$a+{i}{j}}}' for j in range(40))}'}}",
        4,
        "vars: {a: 1}\n",
    ),
    "a repeat of long expressions": lambda: repeated(
        f"leaky_relu: {{@, negative_slope: $index + {_LONG_SUM}}}", "vars: {a: 1}\n"
    ),
    "a repeat of long conditions": lambda: repeated(
        f"relu: {{@, when: '{_LONG_SUM} < $index'}}", "vars: {a: 1}\n"
    ),
    "a repeat of a name of expressions": lambda: repeated(
        "relu: {@, name: 'a{$index}" + "{0 * $index}" * 32 + "'}"
    ),
    "variables that grow": lambda: (
        f"{HEAD}layers: [max_pool: $v9]\n"
        + variables(["v0: 1", *(f"v{i + 1}: [{', '.join([f'$v{i}'] * 9)}]" for i in range(9))])
    ),
    "variables of a large list": lambda: filled(
        f"{HEAD}layers: [relu]\nvars:\n  a: [{_LIST}]\n", lambda i: f"  v{i}: [$a]\n", "", 3
    ),
    "variables of variables of a large list": lambda: filled(
        f"{HEAD}layers: [relu]\nvars:\n  v0: [{', '.join(['1'] * 5000)}]\n",
        lambda i: f"  v{i + 1}: [$v{i}]\n" if i % 50 else f"  v{i + 1}: [$v0]\n",
        "",
        3,
    ),
    "a repeat with a large list": lambda: repeated(
        "max_pool: {@, kernel_size: [$a, 1]}", f"vars: {{a: [{_LIST}]}}\n"
    ),
    "a repeat of a layer of a large list": lambda: repeated(
        "scale: {@, value: $a}", f"vars: {{a: [{_LIST}]}}\n"
    ),
    "a repeat of a large filter": lambda: repeated(
        "filter: {@, kernel: $a, padding: same}", f"vars: {{a: [{_ROWS}]}}\n"
    ),
    "a repeat of a comparison of large lists": lambda: repeated(
        "relu: {@, when: '$a == $b'}", f"vars: {{a: [{_ROWS}], b: [{_ROWS}]}}\n"
    )[:LARGEST_FILE],
    "a repeat of a name of a large list": lambda: repeated(
        "relu: {@, name: '$a'}", f"vars: {{a: [{_LIST}]}}\n"
    ),
    "a repeat of a name that is a large list": lambda: repeated(
        "sequential: {@, layers: [relu: {name: 'x$a'}]}", f"vars: {{a: [{_ROWS}]}}\n"
    ),
    "a repeat of a long string": lambda: padded(
        f"{HEAD}vars: {{a: ", "x", "}\n" + repeated("relu: {@, when: '$a == $a'}")[len(HEAD) :]
    ),
    "a repeat of a long word": lambda: padded(
        f"{HEAD}vars: {{a: ", "x", "}\n" + repeated("$a: {@, when: $index < 40000}")[len(HEAD) :]
    ),
    "a repeat of a long value": lambda: padded(
        f"{HEAD}vars: {{a: ", "x", "}\n" + repeated("conv: {@, padding: $a}")[len(HEAD) :]
    ),
    "a repeat of values named in a large list": lambda: repeated(
        "concat: {@, from: $a}", f"vars: {{a: [{', '.join(['input'] * 9000)}]}}\n"
    ),
    "a repeat of values that are named and are not there": lambda: repeated(
        "concat: {@, from: $a}", f"vars: {{a: [{', '.join(['inputs'] * 9000)}]}}\n"
    ),
    "a repeat of a list of long expressions": lambda: repeated(
        f"sequential: {{@, layers: [relu: {{expect: [{_EXPRESSIONS}]}}]}}", "vars: {a: 1}\n"
    ),
    "a repeat of a field of long expressions": lambda: repeated(
        f"scale: {{@, value: [{_EXPRESSIONS}]}}", "vars: {a: 1}\n"
    ),
    "a block of a field of long expressions": lambda: repeated(
        "b: {@}",
        f"vars: {{a: 1}}\nblocks: {{b: {{args: {{c: [{_EXPRESSIONS}]}}, layers: [relu]}}}}\n",
    ),
    "a repeat of names in long expressions": lambda: repeated(
        f"add: {{@, from: [{_EXPRESSIONS}]}}", "vars: {a: 1}\n"
    ),
    "a block of a large argument": lambda: repeated(
        "b: {@, a: $a}",
        f"vars: {{a: [{_ROWS}]}}\nblocks: {{b: {{args: {{a: ~, c: [$a]}}, layers: [relu]}}}}\n",
    ),
}
