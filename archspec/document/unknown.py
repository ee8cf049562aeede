"""Words that are no kind or block: what was meant by them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

from archspec.diagnostics import Fix, Span
from archspec.document.mending import replacing, respelling
from archspec.document.model import STRUCTURES
from archspec.document.validation import listed
from archspec.expressions import Unknown
from archspec.kinds import KindError, Vocabulary
from archspec.words import closest, folded

_OTHER_NAMES = {
    "attention": "self_attention",
    "averagepool": "avg_pool",
    "averagepooling": "avg_pool",
    "batchnormalization": "batch_norm",
    "bn": "batch_norm",
    "cat": "concat",
    "chunk": "split",
    "concatenate": "concat",
    "convolution": "conv",
    "convolutional": "conv",
    "convtranspose": "conv_transpose",
    "deconv": "conv_transpose",
    "deconvolution": "conv_transpose",
    "dense": "fc",
    "eltwise": "add",
    "elementwise": "add",
    "fullyconnected": "fc",
    "gap": "global_avg_pool",
    "gemm": "fc",
    "globalaveragepool": "global_avg_pool",
    "globalaveragepooling": "global_avg_pool",
    "globalmaxpooling": "global_max_pool",
    "innerproduct": "fc",
    "interpolate": "upsample",
    "layernormalization": "layer_norm",
    "leaky": "leaky_relu",
    "linear": "fc",
    "logsoftmax": "log_softmax",
    "lrelu": "leaky_relu",
    "maxpooling": "max_pool",
    "mha": "self_attention",
    "mul": "multiply",
    "multiheadattention": "self_attention",
    "normalize": "l2_normalize",
    "resize": "upsample",
    "route": "concat",
    "stochasticdepth": "drop_path",
    "sub": "subtract",
    "sum": "add",
    "swish": "silu",
    "transpose": "permute",
    "transposedconv": "conv_transpose",
    "upsampling": "upsample",
    "view": "reshape",
    "zeropad": "pad",
    "zeropadding": "pad",
}
"""What other tools call our kinds, in small letters and without `_`, `-` and `2d`."""

TYPE_WORDS = frozenset({"class_name", "kind", "layer", "layer_type", "module", "op", "type"})
"""Keys under which other tools write what kind a layer is."""

_WRITTEN = r"(?s)(?P<word>\w+)(?::(?P<value>.+)|\(.*)"
"""A step that is one word for want of a space, `fc:120`, or that is called, `conv(16)`."""


def is_installed(word: str, at: Span, vocabulary: Vocabulary, sink: Any) -> bool:
    """Whether a package offers a kind of this word. Raises Unknown where it does and the kind
    cannot be used; that is reported.
    """
    try:
        return vocabulary.find(word) is not None
    except KindError as error:
        message = f"the kind `{word[:100]}` cannot be used: {error}"
        sink.report("AS214", message, at, help="mend, or remove, its package")
        raise Unknown from None


def meant_by(word: str, blocks: Iterable[str], vocabulary: Vocabulary) -> str | None:
    """The kind or block that was most likely meant, or None."""
    written = re.match(_WRITTEN, word[:100])
    word = written["word"] if written else word[:100]
    if folded(word) in _OTHER_NAMES:
        return _OTHER_NAMES[folded(word)]
    return closest(word, (*blocks, *STRUCTURES, *vocabulary.layers, *vocabulary.installed()))


_SAME = frozenset({"bn", "cat", "concatenate", "dense", "gap", "linear", "mul", "sub", "swish"})
"""Of the other names those that mean the very same, with fields of the same meaning."""


def respelling_kind(
    word: str, near: str, blocks: Iterable[str], vocabulary: Vocabulary, at: Span
) -> Fix | None:
    """The fix of a word that is certainly meant for the kind or block `near`."""
    known = (*blocks, *STRUCTURES, *vocabulary.layers, *vocabulary.installed())
    if word.lower() in _SAME:
        return replacing(at, near)
    fix = respelling(word, known, at)
    return fix if fix is not None and fix.edits[0].text == near else None


def way_out(near: str | None, blocks: Iterable[str], word: str = "") -> str:
    """What to do about a word that is no kind or block, given what was likely meant."""
    if near:
        written = re.match(_WRITTEN, word[:100])
        if written and written["word"] == near:
            value = written["value"]
            return f"write `{near}: {value}`" if value else f"write `{near}: {{field: value}}`"
        return f"did you mean `{near}`?"
    declared = list(islice(blocks, 20))
    there = f"; there are {listed(declared)}" if declared else ""
    return f"declare it under `blocks`{there}; or, if it is a kind of yours, name its file: --kinds"
