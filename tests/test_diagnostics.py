"""What archspec says of a broken spec: which errors, where, and how they are shown."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from archspec.diagnostics import CODES, Diagnostic, Label, Severity, Sink, Source, Span, SpecError
from archspec.diagnostics.render import json as render_json
from archspec.diagnostics.render import text as render_text
from tests.specs import compiled, errors_of, places_of, spec, unmarked

_HEAD = "archspec: 1\nname: t\ninput: [3, 8, 8]\n"
_CONV = "- conv: {out_channels: 4, kernel_size: 3}"


def _in_block(args: str, call: str, steps: str = "[relu]") -> str:
    return f"{_HEAD}blocks: {{b: {{args: {args}, layers: {steps}}}}}\nlayers:\n  - {call}\n"


# Each mark stands before what an error points at; there must be no error but the marked ones.
BROKEN: dict[str, str] = {
    # The file as a whole
    "only a comment": "«AS004»# nothing here",
    "only null": "«AS004»~",
    "a list for a file": "«AS205»- relu\n",
    "a word for a file": "«AS205»hello\n",
    # YAML
    "a colon too many": "archspec: 1\nname: a«AS101»: b\n",
    "a bracket that never closes": f"{_HEAD}layers: «AS101»[relu",
    "a quote that never closes": f'{_HEAD}description: «AS101»"abc\nlayers: [relu]\n',
    "a tab for indentation": "archspec: 1\nlayers:\n«AS101»\t- relu\n",
    "a step out of line": f"{_HEAD}layers:\n  - relu\n «AS101»- relu\n",
    "a no-break space behind a dash": f"{_HEAD}layers:\n  -«AS101»\u00a0fc: 3\n  - relu\n",
    "a no-break space behind a colon": f"{_HEAD}layers:\n  - conv:«AS101»\u00a0"
    "{out_channels: 1, kernel_size: 1}\n",
    "an ideographic space before a dash": f"{_HEAD}layers:\n«AS101»\u3000- relu\n  - relu\n",
    "a colon of full width": f"{_HEAD}layers:\n  - conv«AS101»\uff1a "
    "{out_channels: 1, kernel_size: 1}\n",
    "a no-break space in a text is none": f'{_HEAD}description: "a:\u00a0b"\nlayers: «AS101»[relu',
    "a key twice": f"{_HEAD}«AS102»name: u\nlayers: [relu]\n",
    "a field twice": f"{_HEAD}layers:\n  - fc: {{bias: true, «AS102»bias: true, "
    "out_features: 3, when: false}\n",
    "a merge key": f"{_HEAD}vars: {{«AS105»<<: {{a: 1}}}}\nlayers: [relu]\n",
    "a tag": f"{_HEAD}layers: «AS105»!!set {{relu}}\n",
    "a tag of Python": f"{_HEAD}vars: {{a: «AS105»!!python/object/apply:os.system [ls]}}\n",
    "a second document": f"{_HEAD}layers: [relu]\n«AS105»---\nname: two\n",
    "an alias without an anchor": f"{_HEAD}layers: [«AS101»*nowhere]\n",
    "an alias inside its own anchor": f"{_HEAD}layers: &a [«AS101»*a]\n",
    "a number for a key": f"{_HEAD}vars: {{«AS106»1: 2}}\nlayers: [relu]\n",
    "a list for a key": f"{_HEAD}vars: {{«AS106»[a]: 2}}\nlayers: [relu]\n",
    "true for a key": f"{_HEAD}vars: {{«AS106»true: 2}}\nlayers: [relu]\n",
    # Sections
    "a section misspelt": "archspec: 1\nname: t\n«AS201»inptu: [3, 8, 8]\nlayers: [relu]\n",
    "vars misspelt": f"{_HEAD}«AS201»var: {{n: 3}}\nlayers: [flatten, fc: $n]\n",
    "blocks misspelt": f"{_HEAD}«AS201»block: {{b: {{layers: [relu]}}}}\nlayers: [b]\n",
    "layers misspelt": f"{_HEAD}«AS201»layer: [relu]\n",
    "a section nobody knows": f"{_HEAD}«AS201»optimizer: adam\nlayers: [relu]\n",
    "no version": "«AS204»name: t\ninput: [3, 8, 8]\nlayers: [relu]\n",
    "no name": "«AS204»archspec: 1\ninput: [3, 8, 8]\nlayers: [relu]\n",
    "no input": "«AS204»archspec: 1\nname: t\nlayers: [relu]\n",
    "no layers": "«AS204»archspec: 1\nname: t\ninput: [3, 8, 8]\n",
    "another version": "archspec: «AS206»2\nname: t\ninput: [3, 8, 8]\nlayers: [relu]\n",
    "true for a version": "archspec: «AS206»true\nname: t\ninput: [3, 8, 8]\nlayers: [relu]\n",
    "1.0 for a version": "archspec: «AS206»1.0\nname: t\ninput: [3, 8, 8]\nlayers: [relu]\n",
    "a number for a name": "archspec: 1\nname: «AS205»5\ninput: [3, 8, 8]\nlayers: [relu]\n",
    "an empty name": 'archspec: 1\nname: «AS206»""\ninput: [3, 8, 8]\nlayers: [relu]\n',
    "a word for references": f"{_HEAD}references: «AS205»He et al.\nlayers: [relu]\n",
    "a list for vars": f"{_HEAD}vars: «AS205»[a, b]\nlayers: [flatten, fc: $a]\n",
    "a number for blocks": f"{_HEAD}blocks: «AS205»3\nlayers: [b]\n",
    "a number for layers": f"{_HEAD}layers: «AS205»3\n",
    "no step": f"{_HEAD}layers: «AS206»[]\n",
    "a mapping for layers": f"{_HEAD}layers: «AS205»{{relu: }}\n",
    "a number for an input": "archspec: 1\nname: t\ninput: «AS206»3\nlayers: [relu]\n",
    "an empty input": "archspec: 1\nname: t\ninput: «AS206»[]\nlayers: [relu]\n",
    "an input of five sizes": "archspec: 1\nname: t\ninput: «AS206»[1, 2, 3, 4, 5]\n"
    "layers: [relu]\n",
    "an input of no rows": "archspec: 1\nname: t\ninput: [3, «AS206»0, 8]\nlayers: [relu]\n",
    "half a row of input": "archspec: 1\nname: t\ninput: [3, «AS206»8.0, 8]\nlayers: [relu]\n",
    "an input and inputs": f"{_HEAD}«AS206»inputs: {{a: [3]}}\nlayers: [relu]\n",
    "an input called previous": "archspec: 1\nname: t\ninputs: {«AS207»previous: [3]}\n"
    "layers: [relu: {from: previous}]\n",
    "a variable of archspec's own": f"{_HEAD}vars: {{«AS207»index: 3}}\nlayers: [relu]\n",
    "a variable that is no word": f"{_HEAD}vars: {{«AS207»a-b: 3}}\nlayers: [relu]\n",
    "a block called as a kind": f"{_HEAD}blocks: {{«AS208»conv: {{layers: [relu]}}}}\n"
    "layers: [relu]\n",
    # Words of steps
    "an unknown kind": f"{_HEAD}layers:\n  - «AS202»convolution: {{out_channels: 3}}\n",
    "a kind with 2d": f"{_HEAD}layers: [«AS202»Conv2d: {{out_channels: 3, kernel_size: 1}}]\n",
    "two words in a step": f"{_HEAD}layers:\n  - relu:\n    «AS210»name: a\n",
    "a number for a step": f"{_HEAD}layers: [relu, «AS210»3]\n",
    "null for a step": f"{_HEAD}layers: [relu, «AS210»~]\n",
    "a list for a step": f"{_HEAD}layers: [relu, «AS210»[relu]]\n",
    "an unknown kind, then what would not fit": f"{_HEAD}layers: [«AS202»flaten, fc: 3]\n",
    # Fields
    "an unknown field": f"{_HEAD}layers: [relu: {{«AS203»inplace: true}}]\n",
    "a field misspelt": f"{_HEAD}layers: [conv: {{«AS203»out_chanels: 4, kernel_size: 3}}]\n",
    "a step's field misspelt": f"{_HEAD}layers: [relu: {{«AS203»repeats: 4}}]\n",
    "a missing field": f"{_HEAD}layers: [«AS204»conv: {{kernel_size: 3}}]\n",
    "a field that is null": f"{_HEAD}layers: [conv: {{out_channels: «AS205»~, kernel_size: 3}}]\n",
    "true for a count": f"{_HEAD}layers: [flatten, fc: «AS205»true]\n",
    "3.0 for a count": f"{_HEAD}layers: [flatten, fc: «AS205»3.0]\n",
    "a quoted count": f'{_HEAD}layers: [flatten, fc: «AS205»"3"]\n',
    "yes for a boolean": f"{_HEAD}layers: [flatten, fc: {{out_features: 3, bias: «AS205»yes}}]\n",
    "no filters": f"{_HEAD}layers: [conv: {{out_channels: «AS206»0, kernel_size: 3}}]\n",
    "a kernel of minus one": f"{_HEAD}layers: [conv: {{out_channels: 1, "
    "kernel_size: «AS206»-1}]\n",
    "a stride of nothing": f"{_HEAD}layers: [max_pool: {{kernel_size: 2, stride: «AS206»0}}]\n",
    "a probability of two": f"{_HEAD}layers: [dropout: «AS206»2.0]\n",
    "infinity for a count": f"{_HEAD}layers: [pixel_unshuffle: «AS205».inf]\n",
    "an infinite slope": f"{_HEAD}layers: [leaky_relu: «AS206».inf]\n",
    "padding in a word nobody knows": f"{_HEAD}layers:\n  - conv: {{out_channels: 1, "
    "kernel_size: 3, padding: «AS206»full}\n",
    "a total of nothing but more": f"{_HEAD}layers:\n  - max_pool: {{kernel_size: 3, "
    "padding: «AS205»{total: 1, rest: 2}}\n",
    "a mode of padding nobody knows": f"{_HEAD}layers:\n  - conv: {{out_channels: 1, "
    "kernel_size: 3, padding_mode: «AS206»mirror}\n",
    "two wrong fields of one step": f"{_HEAD}layers:\n  - conv: {{out_channels: «AS205»four, "
    "kernel_size: «AS205»[]}\n",
    "a filter nobody knows": f"{_HEAD}layers: [filter: «AS206»emboss]\n",
    "a ragged filter": f"{_HEAD}layers: [filter: «AS205»[[1, 2], [3]]]\n",
    "a merge of nothing": f"{_HEAD}layers: [relu, «AS204»add]\n",
    "a merge of one branch": f"{_HEAD}layers: [add: {{branches: «AS205»[[]]}}]\n",
    "a merge's branch that is no list": f"{_HEAD}layers: [add: {{branches: [[], «AS205»relu]}}, "
    "flatten, fc: 3]\n",
    "a block given what it does not take": _in_block("{a: 1}", "b: {«AS203»c: 1}"),
    "a block not given what it needs": _in_block("{a: ~}", "«AS204»b"),
    "a block's field by no name": _in_block("{a: ~}", "b: «AS205»3"),
    "a block that is a number": f"{_HEAD}blocks: {{b: «AS205»3}}\nlayers: [b: {{c: 1}}, fc: 3]\n",
    "a block without layers": f"{_HEAD}blocks: {{«AS204»b: {{args: {{a: 1}}}}}}\n"
    "layers: [b: {a: 2}, fc: 3]\n",
    "a block with layers twice": f"{_HEAD}blocks: {{«AS204»b: {{layers: [relu], "
    "sequential: [relu]}}\nlayers: [b, fc: 3]\n",
    "an inline block with a name": f"{_HEAD}blocks: {{b: {{inline: [relu]}}}}\n"
    "layers: [b: {name: «AS203»x}, b]\n",
    "an inline block that repeats a name": f"{_HEAD}blocks: {{b: {{inline: "
    "[relu: {name: «AS208»x}]}}\nlayers: [b, b]\n",
    "a block's layers that are no list": f"{_HEAD}blocks: {{b: {{layers: «AS205»relu}}}}\n"
    "layers: [b, fc: 3]\n",
    "a block's key that is none": f"{_HEAD}blocks: {{b: {{«AS201»arg: {{a: 1}}, layers: [relu]}}}}"
    "\nlayers: [b]\n",
    "arguments that are a list": f"{_HEAD}blocks: {{b: {{args: «AS205»[a], layers: [relu]}}}}\n"
    "layers: [b: {a: 3}, relu]\n",
    "an argument called as a field of every step": f"{_HEAD}blocks: {{b: {{args: "
    "{«AS208»repeat: 1}, layers: [relu]}}\nlayers: [relu]\n",
    "an argument called in": f"{_HEAD}blocks: {{b: {{args: {{«AS207»in: 1}}, layers: [relu]}}}}\n"
    "layers: [relu]\n",
    "a block in itself": _in_block("{}", "b", "[relu, «AS209»b]"),
    "two blocks in each other": f"{_HEAD}blocks:\n  a: {{layers: [b]}}\n  b: {{layers: [«AS209»a]}}"
    "\nlayers: [a, flatten, fc: 3]\n",
    "a block in itself that nobody calls": f"{_HEAD}blocks: {{a: {{layers: [«AS209»a]}}}}\n"
    "layers: [relu]\n",
    # Structure
    "a sequential without layers": f"{_HEAD}layers: [«AS204»sequential, fc: 3]\n",
    "a residual whose layers are a word": f"{_HEAD}layers: [residual: {{layers: «AS205»relu}}, "
    "fc: 3]\n",
    "a sequential of a number": f"{_HEAD}layers: [sequential: «AS205»3, fc: 3]\n",
    "a shortcut nobody knows": f"{_HEAD}layers:\n  - residual: {{layers: [relu], "
    "shortcut: «AS206»projecton}\n",
    "a residual's field misspelt": f"{_HEAD}layers:\n  - residual:\n      layers: "
    "[conv: {out_channels: 4, kernel_size: 1}]\n      «AS203»short_cut: projection\n  - fc: 3\n",
    "a shortcut that does not fit": f"{_HEAD}layers:\n  - «AS305»residual: "
    "[conv: {out_channels: 4, kernel_size: 1}]\n  - fc: 3\n",
    "a written shortcut that does not fit": f"{_HEAD}layers:\n  - residual:\n      layers: "
    "[conv: {out_channels: 4, kernel_size: 1}]\n      shortcut: «AS305»[relu]\n  - fc: 3\n",
    "a shortcut that cannot lose channels": f"{_HEAD}layers:\n  - residual: {{layers: "
    "[conv: {out_channels: 2, kernel_size: 1}], shortcut: «AS305»pad}\n  - fc: 3\n",
    "a sequential's layers misspelt": f"{_HEAD}layers: [sequential: {{«AS203»layer: [relu]}}, "
    "fc: 3]\n",
    "branches misspelt": f"{_HEAD}layers: [add: {{«AS203»branch: [[], []]}}, fc: 3]\n",
    "from misspelt": f"{_HEAD}layers: [relu, add: {{«AS203»form: [previous, input]}}, fc: 3]\n",
    "a block's layers misspelt": f"{_HEAD}blocks: {{b: {{«AS201»layer: [flatten]}}}}\n"
    "layers: [b, fc: 3]\n",
    "a block's args misspelt": f"{_HEAD}blocks: {{b: {{«AS201»arg: {{a: 1}}, layers: [relu]}}}}"
    "\nlayers: [b: {a: 3}]\n",
    "an unknown kind with a name": f"{_HEAD}layers: [«AS202»rel: {{name: a}}, relu: {{from: a}}]\n",
    "an unknown field, and then what would not fit": f"{_HEAD}layers:\n"
    "  - max_pool: {kernel_size: 2, «AS203»dilate: 2}\n  - fc: 3\n",
    # Names and values
    "a name twice": f"{_HEAD}layers: [relu: {{name: a}}, tanh: {{name: «AS208»a}}]\n",
    "a name of torch's": f"{_HEAD}layers: [relu: {{name: «AS207»forward}}]\n",
    "a name of Python's": f"{_HEAD}layers: [relu: {{name: «AS207»lambda}}]\n",
    "a name with a dot": f"{_HEAD}layers: [relu: {{name: «AS207»a.b}}]\n",
    "a name that is empty": f'{_HEAD}layers: [relu: {{name: «AS207»""}}]\n',
    "a name that is a number": f"{_HEAD}layers: [relu: {{name: «AS207»1}}]\n",
    "a name that is previous": f"{_HEAD}layers: [relu: {{name: «AS207»previous}}]\n",
    "an empty hole in a name": f'{_HEAD}layers: [relu: {{name: "a{{«AS401»}}"}}]\n',
    "an unknown variable in a name": f"{_HEAD}layers: [relu: {{name: a«AS402»$x}}]\n",
    "an unknown value": f"{_HEAD}layers: [relu: {{from: «AS211»nowhere}}, flatten, fc: 3]\n",
    "one unknown value of two": f"{_HEAD}layers: [relu, add: {{from: [previous, «AS211»rely1]}}]\n",
    "a repeat that is misspelt, and a field that counts": f"{_HEAD}layers: [conv: "
    "{out_channels: $number, kernel_size: 1, «AS203»repeet: 3}]",
    "a name that is misspelt, and a step that takes it": f"{_HEAD}blocks: {{b: {{layers: [relu]}}}}"
    "\nlayers: [b: {«AS203»nmae: x}, relu: {from: x}]",
    "a word that is none, and a step that takes its value": f"{_HEAD}layers: [«AS202»fx: 9, "
    "relu: {from: fc1}]",
    "a step that is none, and one that takes its value": f"{_HEAD}layers: [«AS210»7, "
    "relu: {from: fc1}]",
    "an inline block that is wrong, and a step that takes a value of it": f"{_HEAD}blocks: {{b: "
    "{inline: [conv: {out_channels: 1, «AS203»xyz: 3, kernel_size: 1}]}}\n"
    "layers: [b, relu: {from: conv1}]",
    "a block that is wrong, and a step that takes its value and none": f"{_HEAD}blocks: {{b: "
    "{args: {k: ~}, layers: [relu]}}\nlayers: [«AS204»b, relu: {from: b1}, "
    "relu: {from: «AS211»c1}]",
    "a name lost to an error, and a step that takes it": f"{_HEAD}layers: [relu: {{name: "
    '"x«AS402»$y"}, relu: {from: x1}]\n',
    "a value that comes later": f"{_HEAD}layers: [relu: {{from: «AS211»b}}, tanh: {{name: b}}]\n",
    "a number in from": f"{_HEAD}layers: [relu: {{from: «AS205»3}}]\n",
    "nothing in from": f"{_HEAD}layers: [add: {{from: «AS205»[]}}]\n",
    "two values for a kind that takes one": f"{_HEAD}layers: [relu, tanh: "
    "{from: «AS212»[input, previous]}]\n",
    "one value for a merge": f"{_HEAD}layers: [add: {{from: «AS212»input}}]\n",
    "two values for a block": _in_block("{}", "b: {from: «AS212»[input, previous]}"),
    "several inputs, and a step that takes none": "archspec: 1\nname: t\n"
    "inputs: {a: [3], b: [3]}\nlayers: [«AS211»relu, tanh]\n",
    "an output that is nothing": f"{_HEAD}outputs: [«AS211»a]\nlayers: [relu]\n",
    "an output that is an input": f"{_HEAD}outputs: [«AS206»input]\nlayers: [relu]\n",
    "an input called as a step": "archspec: 1\nname: t\ninputs: {relu1: [3], b: [3]}\n"
    "layers: [«AS208»relu: {from: b}]\n",
    # Shapes
    "fc without flatten": f"{_HEAD}layers: [«AS303»fc: 3]\n",
    "conv after flatten": f"{_HEAD}layers: [flatten, «AS303»conv: {{out_channels: 1, "
    "kernel_size: 3}]\n",
    "a kernel of another rank": f"{_HEAD}layers: [conv: {{out_channels: 1, "
    "kernel_size: «AS303»[3]}]\n",
    "padding of another rank": f"{_HEAD}layers: [max_pool: {{kernel_size: 3, "
    "padding: «AS303»[1, 1, 1]}]\n",
    "a window larger than its input": f"{_HEAD}layers: [max_pool: «AS301»9]\n",
    "a dilated window larger than its input": f"{_HEAD}layers: [conv: {{out_channels: 1, "
    "kernel_size: «AS301»3, dilation: 4}]\n",
    "a window of padding alone": f"{_HEAD}layers: [max_pool: {{kernel_size: 2, "
    "padding: «AS301»2}]\n",
    "reflection of more than there is": f"{_HEAD}layers: [conv: {{out_channels: 1, "
    "kernel_size: 3, padding: «AS301»8, padding_mode: reflect}]\n",
    "groups that do not divide what comes in": f"{_HEAD}layers: [conv: {{out_channels: 4, "
    "kernel_size: 3, groups: «AS302»2}]\n",
    "groups that do not divide what goes out": f"{_HEAD}layers: [conv: {{out_channels: «AS302»4, "
    "kernel_size: 3, groups: 3}]\n",
    "branches of two shapes": f"{_HEAD}layers:\n  - «AS304»add: {{branches: [[], "
    "[conv: {out_channels: 4, kernel_size: 1}]]}\n  - fc: 3\n",
    "branches of two heights": f"{_HEAD}layers:\n  - «AS304»concat: {{branches: [[], "
    "[max_pool: 2]]}\n  - fc: 3\n",
    "a merge of two ranks": f"{_HEAD}layers: [flatten, concat: {{from: [previous, «AS304»input]}}]"
    "\n",
    "channels that would have to vanish": f"{_HEAD}layers: [pad_channels: «AS301»2]\n",
    "a shape too large for any machine": f"{_HEAD}layers: [«AS404»conv: "
    "{out_channels: 1000000000000, kernel_size: 1}]\n",
    # Expectations
    "a step's expectation": f"{_HEAD}layers: [max_pool: {{kernel_size: 2, "
    "expect: «AS306»[3, 4, 5]}, flatten]\n",
    "two figures": f"{_HEAD}layers: [flatten, fc: 10]\n"
    "expect: {params: «AS306»1931, macs: «AS306»1921, output: [10]}\n",
    "a bound": f"{_HEAD}layers: [flatten, fc: 10]\nexpect: {{params: «AS306»< 1.93K}}\n",
    "an output": f"{_HEAD}layers: [flatten, fc: 10]\nexpect: {{output: «AS306»[11]}}\n",
    "a figure nobody knows": f"{_HEAD}layers: [relu]\nexpect: {{«AS203»parms: 3}}\n",
    "a bound that is none": f'{_HEAD}layers: [relu]\nexpect: {{params: «AS205»"about 5M"}}\n',
    "no consequence for expect of another error": f"{_HEAD}layers: [«AS202»relou, flatten, fc: 3]\n"
    "expect: {params: 7, output: [8]}\n",
    # Expressions
    "an unknown variable": f"{_HEAD}layers: [flatten, fc: 2 * «AS402»$classes]\n",
    "a variable that comes later": f"{_HEAD}vars: {{a: «AS402»$b, b: 3}}\nlayers: [flatten, fc: $a]"
    "\n",
    "half a sum": f"{_HEAD}vars: {{n: 3}}\nlayers: [flatten, fc: $n «AS401»+]\n",
    "a power of powers": f"{_HEAD}vars: {{n: 3}}\nlayers: [flatten, fc: $n + 9«AS401»**9**9]\n",
    "an attribute": f"{_HEAD}vars: {{n: 3}}\nlayers: [flatten, fc: «AS401»$n.real]\n",
    "a call of no function": f"{_HEAD}vars: {{n: 3}}\nlayers: [flatten, fc: «AS401»exit($n)]\n",
    "a variable without its $": f"{_HEAD}vars: {{n: 3}}\nlayers: [flatten, fc: $n * «AS401»n]\n",
    "a division by nothing": f"{_HEAD}vars: {{n: 0}}\nlayers: [flatten, fc: «AS403»3 // $n]\n",
    "an entry that is not there": f"{_HEAD}vars: {{a: [1]}}\n"
    "layers: [flatten, fc: '«AS403»$a[1]']\n",
    "a number that is too large": f"{_HEAD}vars: {{n: 4000000000000}}\n"
    "layers: [flatten, fc: «AS404»$n * $n]\n",
    "a quotient for a count": f"{_HEAD}vars: {{n: 3}}\nlayers: [flatten, fc: «AS205»$n / 2]\n",
    "a list for a count": f"{_HEAD}vars: {{a: [1]}}\nlayers: [flatten, fc: «AS205»$a]\n",
    "a word for when": f"{_HEAD}layers: [relu: {{when: «AS205»always}}]\n",
    "a number for when": f"{_HEAD}layers: [relu: {{when: «AS205»$in}}]\n",
    "index without a repeat": f"{_HEAD}layers: [relu: {{when: «AS402»$index == 0}}]\n",
    "a repeat by half": f"{_HEAD}layers: [relu: {{repeat: «AS205»2.5}}]\n",
    "a negative repeat": f"{_HEAD}layers: [relu: {{repeat: «AS206»-1}}]\n",
    "a repeat of a billion, and an error after it": f"{_HEAD}layers: [relu: "
    "{repeat: «AS501»1000000000}, fc: 3, relu: {«AS203»a: 1}]\n",
    "an error in the middle of a repeat, once": f"{_HEAD}layers:\n  - max_pool: "
    "{kernel_size: «AS301»2, repeat: 9}\n  - fc: 3\n",
    "an error in a block called twice, once": _in_block("{}", "b\n  - b", "[«AS303»fc: 3]"),
    "a broken variable": f"{_HEAD}vars: {{a: 1 +«AS402»$b, c: $a * 2}}\n"
    "layers: [flatten, fc: $a, fc: $c, fc: $c + $a]\n",
    "a word that is no kind": f"{_HEAD}vars: {{act: swish}}\nlayers: [«AS202»$act, flatten]\n",
    # Several at once: each stage's errors are there, and none of them hides another's.
    "an error of every stage": f"{_HEAD}references: «AS205»none\nvars: {{n: 3}}\n"
    "layers:\n  - max_pool: {kernel_size: «AS301»9}\n  - «AS202»rel\n"
    "  - relu: {from: input, «AS203»inplace: true}\n"
    "  - fc: {from: input, out_features: «AS402»$m}\n"
    "  - «AS303»fc: {from: input, out_features: 3}\n",
}


@pytest.mark.parametrize("title", BROKEN)
def test_each_error_is_reported_at_its_place_and_nothing_follows_from_it(title: str) -> None:
    text, places = unmarked(BROKEN[title])
    found = compiled(text)
    said = [(d.code, d.span[:2], d.message) for d in errors_of(found)]
    assert places_of(found) == places, said
    assert not found.ok


@pytest.mark.parametrize("title", BROKEN)
def test_each_error_says_what_is_wrong_and_the_way_out(title: str) -> None:
    text, _ = unmarked(BROKEN[title])
    for diagnostic in errors_of(compiled(text)):
        assert diagnostic.message and diagnostic.help, diagnostic.message
        # pydantic's own sentences do not fit into ours.
        for foreign in ("should", "Input", "String", "Tuple", "pydantic"):
            assert foreign not in diagnostic.message
        assert "\n" not in diagnostic.message + diagnostic.help


def test_a_duplicate_key_is_shown_with_both_places() -> None:
    (diagnostic,) = errors_of(compiled(_HEAD + "layers: [relu]\n\nname: b\n"))
    assert diagnostic.span[:2] == (6, 1)
    assert [label.span[:2] for label in diagnostic.labels] == [(2, 1)]


def test_an_error_in_a_block_names_the_calls_that_lead_there_from_the_innermost_out() -> None:
    text = spec(
        "- outer",
        sections="""
        blocks:
          inner: {layers: [fc: 3]}
          outer: {layers: [relu, inner]}
        """,
    )
    (diagnostic,) = errors_of(compiled(text))
    assert diagnostic.span.line == 5
    calls = [(label.span.line, label.text) for label in diagnostic.labels if "block" in label.text]
    assert [line for line, _ in calls] == [6, 8]
    assert "`inner`" in calls[0][1] and "`outer`" in calls[1][1]


def test_a_shape_error_points_at_the_step_that_made_the_shape() -> None:
    (diagnostic,) = errors_of(compiled(spec("- relu\n- max_pool: 2\n- max_pool: 5")))
    made = [label.text for label in diagnostic.labels]
    assert any("3 × 4 × 4" in text for text in made), made


def test_a_misspelt_word_is_answered_with_the_closest_one() -> None:
    for written, meant in (
        ("- maxpool: 2", "max_pool"),
        ("- Conv2d: {out_channels: 1, kernel_size: 1}", "conv"),
        ("- batchnorm", "batch_norm"),
        ("- conv: {out_channel: 1, kernel_size: 1}", "out_channels"),
        ("- relu: {form: input}", "from"),
    ):
        (diagnostic,) = errors_of(compiled(spec(written)))
        assert f"`{meant}`" in diagnostic.help


def test_many_errors_are_all_reported() -> None:
    text = spec("\n".join(f"- relu: {{wrong{number}: 1}}" for number in range(1000)))
    found = compiled(text)
    shown = "\n".join(map(render_text.render, found.diagnostics))
    assert len(errors_of(found)) == 1000
    assert shown.count("error[AS203]") == 1000


# Limits: each a diagnostic, within a second.


def _bomb(levels: int) -> str:
    lines = ["l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for level in range(1, levels):
        ten = ", ".join([f"*l{level - 1}"] * 10)
        lines.append(f"l{level}: &l{level} [{ten}]")
    return "\n".join(lines)


def _variables(each: str, count: int, use: str) -> str:
    lines = "\n".join(f"  v{n}: {each.replace('@', f'$v{n - 1}')}" for n in range(1, count))
    return f"{_HEAD}vars:\n  v0: 1\n{lines}\nlayers:\n  - {use}\n"


_DOUBLED = "[@, @]"

LIMITS: dict[str, tuple[str, str]] = {
    "an alias bomb": (_bomb(9), "AS104"),
    "nested brackets": ("a: " + "[" * 30_000, "AS103"),
    "nested mappings": ("a: " + "{a: " * 30_000, "AS103"),
    "nested in blocks": ("\n".join(" " * n + "a:" for n in range(1000)), "AS103"),
    "nested dashes": ("- " * 30_000, "AS103"),
    "half a million values": ("a: [" + "1," * 500_000 + "]", "AS104"),
    "blocks that double": (
        f"{_HEAD}blocks:\n  b0: {{layers: [relu]}}\n"
        + "\n".join(f"  b{n}: {{layers: [b{n - 1}, b{n - 1}]}}" for n in range(1, 40))
        + "\nlayers: [b39]\n",
        "AS501",
    ),
    "repeats that multiply": (
        f"{_HEAD}blocks:\n  b0: {{layers: [relu: {{repeat: 1000}}]}}\n"
        "  b1: {layers: [b0: {repeat: 1000}]}\nlayers: [b1: {repeat: 1000}]\n",
        "AS501",
    ),
    "repeats of nothing": (
        f"{_HEAD}blocks:\n  b0: {{layers: [relu: {{repeat: 50000, when: false}}]}}\n"
        "layers: [b0: {repeat: 50000}]\n",
        "AS501",
    ),
    "repeats of an empty sequential": (
        f"{_HEAD}blocks:\n  b0: {{layers: [sequential: {{layers: [], repeat: 50000}}]}}\n"
        "layers: [b0: {repeat: 50000}]\n",
        "AS501",
    ),
    "a chain of blocks": (
        f"{_HEAD}blocks:\n  b0: {{layers: [relu]}}\n"
        + "\n".join(f"  b{n}: {{layers: [b{n - 1}]}}" for n in range(1, 3000))
        + "\nlayers: [b2999]\n",
        "AS502",
    ),
    "channels that double": (
        spec("- concat: {repeat: 200, branches: [[], []]}"),
        "AS404",
    ),
    "a long number": (spec(f"- relu: {{repeat: {'9' * 5000}}}"), "AS205"),
    "a long expression": (spec(f"- relu: {{repeat: $in{' + $in' * 5000}}}"), "AS401"),
    "variables that double in a field": (_variables(_DOUBLED, 60, "max_pool: $v59"), "AS104"),
    "variables that double in a shape": (
        _variables(_DOUBLED, 60, "relu").replace("[3, 8, 8]", "$v59"),
        "AS104",
    ),
    "variables that double in an expectation": (
        _variables(_DOUBLED, 60, "relu: {expect: $v59}"),
        "AS104",
    ),
    "variables that nest": (_variables("[@]", 5000, "max_pool: $v4999"), "AS104"),
    "a long name of long names": (
        f"{_HEAD}vars: {{a: {'x' * 400_000}}}\nlayers: [relu: {{name: {'$a' * 50_000}}}]\n",
        "AS207",
    ),
    "a long word": (spec(f"- {'x' * 900_000}"), "AS202"),
}


@pytest.mark.parametrize("title", LIMITS)
def test_what_would_explode_is_a_diagnostic(title: str) -> None:
    text, code = LIMITS[title]
    found = compiled(text)
    assert [d.code for d in errors_of(found)] == [code]
    assert errors_of(found)[0].help
    assert len(render_text.render(found.diagnostics[0])) < 10_000


@pytest.mark.parametrize(
    "text",
    [
        spec("- relu", sections=f"vars: {{{', '.join(f'v{n}: 1' for n in range(20_000))}}}"),
        spec(
            "- residual: {repeat: 5000, shortcut: projection, layers: "
            "[conv: {out_channels: $in + 1, kernel_size: 1}]}"
        ),
        spec("\n".join(f"- relu: {{from: none{number}}}" for number in range(500))),
        spec(f"- concat: {{from: [{', '.join(['input'] * 20_000)}]}}"),
        spec("- max_pool: {kernel_size: 2, dilation: 999999, padding: 500000}", "[1, 999998]"),
        spec("- adaptive_avg_pool: 999999", "[1, 999999]"),
    ],
    ids=["variables", "projections", "mistakes", "inputs", "dilation", "windows"],
)
def test_a_long_spec_is_judged_and_does_not_hang(text: str) -> None:
    found = compiled(text)
    assert found.ok or errors_of(found)


# Rendering


def _span(text: str, line: int, column: int, end: int | None = None) -> Span:
    return Span(line, column, line, end or column + 1, Source("net.yaml", text, Path()))


def test_a_diagnostic_is_shown_with_its_line_a_caret_and_the_way_out() -> None:
    text = "archspec: 1\nname: t\ninput: [3, 8, 8]\nlayers:\n  - conv: {out_chanels: 4}\n"
    diagnostic = next(d for d in compiled(text).diagnostics if d.code == "AS203")
    assert render_text.render(diagnostic).splitlines() == [
        "error[AS203]: `conv` has no `out_chanels`",
        " --> test.yaml:5:12",
        "  |",
        "5 |   - conv: {out_chanels: 4}",
        "  |            ^^^^^^^^^^^",
        "  = help: did you mean `out_channels`?",
    ]


def _cells(text: str) -> int:
    """The columns of a terminal that a text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("    fc: true", "true"),
        ("a: [1, 2, 3, true]", "true"),
        ("a:\ttrue", "true"),
        ("x" * 300 + ": true", "true"),
        ("a: true" + " " * 300 + "# far away", "true"),
        ("x" * 500 + ": true # " + "y" * 500, "true"),
        ("# 名前: 名前, {a: true}", "true"),
        ("# e\u0301te\u0301: true", "true"),
    ],
)
def test_the_caret_stands_under_the_value(line: str, value: str) -> None:
    column = line.index(value) + 1
    span = _span(line, 1, column, column + len(value))
    shown = render_text.render(Diagnostic("AS205", "wrong", span, "help"))
    _, _, _, source, carets, _ = shown.splitlines()
    assert carets.count("^") == len(value)
    assert _cells(source[: source.index(value)]) == carets.index("^")
    assert len(source) < 120


def test_what_could_move_the_cursor_or_turn_the_text_is_not_shown() -> None:
    text = "a: \x1b[31m\u202eevil\u2066\u200b"
    source = Source("\x1b[2Jname\u202e.yaml", text, Path())
    span = Span(1, 4, 1, 8, source)
    label = Label(span, "label\x1b\u202e")
    diagnostic = Diagnostic("AS205", "message \x1b[0m\u202e\n", span, "help\x07", (label,))
    for character in render_text.render(diagnostic):
        assert character == "\n" or character.isprintable()
    assert len(render_text.render(diagnostic).splitlines()) == 6


def test_a_span_of_several_lines_is_marked_on_its_first() -> None:
    source = Source("net.yaml", "a: [1,\n  2]\n", Path())
    shown = render_text.render(Diagnostic("AS205", "wrong", Span(1, 4, 2, 5, source), "help"))
    assert "1 | a: [1," in shown and "  |    ^^^\n" in shown


def test_a_second_place_is_shown_with_what_there_is_to_say_of_it() -> None:
    shown = render_text.render(errors_of(compiled(_HEAD + "layers: [relu]\nname: b\n"))[0])
    assert " --> test.yaml:5:1\n" in shown and "\n5 | name: b\n" in shown
    assert re.search(r"^2 \| name: t\n  \| -+ first written here$", shown, re.MULTILINE)


def test_a_place_past_the_end_of_the_text_is_shown_without_a_line() -> None:
    shown = render_text.render(Diagnostic("AS004", "empty", _span("", 1, 1), "write it"))
    assert shown.splitlines() == ["error[AS004]: empty", " --> net.yaml:1:1", "  = help: write it"]


def test_a_diagnostic_is_data_with_the_keys_of_the_contract() -> None:
    (diagnostic,) = errors_of(compiled(spec("- fc: 3")))
    data = render_json.render(diagnostic)
    assert data["code"] == "AS303" and data["severity"] == "error"
    assert (data["line"], data["column"], data["end_line"], data["end_column"]) == (5, 5, 5, 7)
    assert data["message"] and data["help"]


# The collection of diagnostics


def test_errors_come_in_the_order_of_the_text() -> None:
    text = spec("- fc: {out_features: $x}\n- bad\n- relu: {a: 1, b: 2}", sections="expec: {}")
    places = [(line, column) for _, line, column in places_of(compiled(text))]
    assert places == sorted(places) and len(places) == 5


def test_a_warning_leaves_a_spec_valid_and_an_error_at_its_place_replaces_it() -> None:
    warned = compiled(spec("- flatten\n- fc: 010"))
    assert warned.ok
    assert [(d.code, d.severity) for d in warned.diagnostics] == [("AS121", Severity.WARNING)]
    replaced = compiled(spec("- flatten\n- fc: {out_features: 10, bias: no}"))
    assert [d.code for d in replaced.diagnostics] == ["AS205"]
    assert "false" in replaced.diagnostics[0].help


def test_the_same_diagnostic_at_the_same_place_is_kept_once() -> None:
    sink = Sink()
    span = _span("a", 1, 1)
    for _ in range(3):
        sink.report("AS205", "wrong", span, "help")
    assert len(sink.sorted()) == 1


def test_a_spec_error_reads_as_places_codes_and_messages() -> None:
    found = compiled(spec("- fc: 3\n- bad"))
    assert str(SpecError(list(found.diagnostics))).splitlines() == [
        f"test.yaml:5:5: AS303: {found.diagnostics[0].message}",
        f"test.yaml:6:5: AS202: {found.diagnostics[1].message}",
    ]


def test_every_code_has_a_title_and_is_of_its_form() -> None:
    for code, entry in CODES.items():
        assert re.fullmatch("AS[0-9]{3}", code) and entry.title
