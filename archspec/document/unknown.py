"""Words that are no kind or block: what was meant by them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archspec.diagnostics import Span
from archspec.document.model import STRUCTURES
from archspec.document.validation import listed
from archspec.expressions import Unknown
from archspec.kinds import KindError, Vocabulary
from archspec.words import closest

_OTHER_NAMES = {
    "attention": "self_attention",
    "bn": "batch_norm",
    "cat": "concat",
    "chunk": "split",
    "concatenate": "concat",
    "deconv": "conv_transpose",
    "dense": "fc",
    "gap": "global_avg_pool",
    "interpolate": "upsample",
    "linear": "fc",
    "mul": "multiply",
    "normalize": "l2_normalize",
    "resize": "upsample",
    "stochastic_depth": "drop_path",
    "sub": "subtract",
    "sum": "add",
    "swish": "silu",
    "transpose": "permute",
    "view": "reshape",
}
"""What other tools call our kinds."""


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
    word = word[:100]
    if word.lower() in _OTHER_NAMES:
        return _OTHER_NAMES[word.lower()]
    return closest(word, (*blocks, *STRUCTURES, *vocabulary.layers, *vocabulary.installed()))


def way_out(near: str | None, blocks: Iterable[str]) -> str:
    """What to do about a word that is no kind or block, given what was likely meant."""
    if near:
        return f"did you mean `{near}`?"
    declared = list(blocks)
    there = f"; there are {listed(declared[:20])}" if declared else ""
    return f"declare it under `blocks`{there}; or, if it is a kind of yours, name its file: --kinds"
