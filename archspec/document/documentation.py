"""What there is to say, as Markdown, of each word of the language that is no kind of layer.

Kinds, sections, `preprocess` and `expect` say it in their docstrings, which
`archspec.layers.documentation` reads; here are the words that have no class.
"""

from __future__ import annotations

from collections.abc import Mapping

from archspec.layers.documentation import KindDocumentation

COMMON_TEXTS: Mapping[str, str] = {
    "name": "What the step is called: letters, digits and `_`. It may count: `denselayer$number`, "
    "`conv{$index + 2}`.",
    "from": "The name of the value that the step takes instead of the previous one's, or a list of "
    "names. `previous` is the value of the step before, `input` the one that entered the block, or "
    "the network.",
    "repeat": "How many times the step is there, in a row. Within it `$index` counts from 0, "
    "`$number` from 1, and `$first` and `$last` are true or false.",
    "when": "Whether the step is there: true or false, or an expression such as `$stride > 1`.",
    "expect": "The shape that the step must make, without the batch: `[64, 56, 56]`.",
    "shares": "The name of an earlier step whose weights this one has, instead of its own.",
}
"""The fields that every step may have."""

STRUCTURE_TEXTS: Mapping[str, KindDocumentation] = {
    "sequential": KindDocumentation(
        summary="Steps in a row, with a scope of their own; an unnamed one is called by its "
        "number from 0, as in `torch.nn.Sequential`.",
        description="Steps in a row, with a scope of their own; an unnamed one is called by its "
        "number from 0, as in `torch.nn.Sequential`.",
        shape="",
        fields={"layers": "The steps, in order. `sequential: [...]` is short for them."},
    ),
    "residual": KindDocumentation(
        summary="Steps whose result is added to what came in, or to what a shortcut makes of it.",
        description="Steps whose result is added to what came in, or to what a shortcut makes of "
        "it (He et al. 2016).",
        shape="",
        fields={
            "layers": "The steps of the body, in order. `residual: [...]` is short for them.",
            "shortcut": "What the body's result is added to: a word, or a list of steps that the "
            "incoming value takes.",
        },
    ),
}
"""The words that hold steps."""

SHORTCUT_TEXTS: Mapping[str, str] = {
    "identity": "The incoming value itself; the shapes must agree.",
    "projection": "Where the shapes differ, a 1×1 convolution with the body's stride, and batch "
    "normalisation.",
    "pad": "Where the shapes differ, every stride-th row and column, and channels of zeros.",
    "if_same_shape": "The incoming value where the shapes agree; elsewhere nothing is added.",
}
"""The words that a residual's `shortcut` may be."""

BLOCK_TEXTS: Mapping[str, str] = {
    "args": "The block's arguments with their defaults; `~` for those that must be given: "
    "`{channels: ~, stride: 1}`.",
    "layers": "The steps of the block. An unnamed one is called after its word: `conv1`.",
    "sequential": "The steps of the block, instead of `layers`. An unnamed one is called by its "
    "number from 0.",
    "inline": "The steps of the block, instead of `layers`. They are called as if written where "
    "the block is used.",
}
"""What is said of a block in `blocks`."""

VARIABLE_TEXTS: Mapping[str, str] = {
    "in": "The channels that come in.",
    "index": "The number of the repeat, from 0.",
    "number": "The number of the repeat, from 1.",
    "first": "Whether this is the first repeat.",
    "last": "Whether this is the last repeat.",
}
"""The variables that archspec gives; all but `in` within a `repeat`."""
