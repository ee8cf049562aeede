"""What may be asked of an ONNX file, besides the network itself."""

from __future__ import annotations

from dataclasses import dataclass

from archspec.metadata import Precision


@dataclass(frozen=True, slots=True)
class Options:
    """How a network is written; by default as it is.

    precision: what weights are stored and layers computed in; `int8` is not written but made of a
        float32 file (`runtime/quantize.py`).
    reduced_io: inputs and outputs are of the precision too; otherwise they stay float32.
    fold_constants: what follows from weights and constants alone is worked out now.
    preprocess: the graph takes uint8 pictures and prepares them as the spec's `preprocess` says.
    softmax: a classifier's scores leave as probabilities.
    top_k: so many likeliest classes and their scores leave instead of all scores.
    """

    precision: Precision = "fp32"
    reduced_io: bool = False
    fold_constants: bool = False
    preprocess: bool = False
    softmax: bool = False
    top_k: int | None = None


AS_IT_IS = Options()
