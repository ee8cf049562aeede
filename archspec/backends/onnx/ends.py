"""What a model does before and behind the network: pictures prepared, scores made probabilities,
the likeliest classes chosen.

The network stays as it is. An end takes over the name of the input or output that it stands before
or behind, and the value that had it is called `<name>/…`.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from archspec.backends.onnx.model import Skeleton, add_metadata
from archspec.backends.onnx.options import Options
from archspec.backends.onnx.pictures import prepare_pictures
from archspec.backends.onnx.surroundings import BATCH, Ends
from archspec.graph import Graph
from archspec.layers.base import text_of
from archspec.layers.sizes import is_number

SCORES, CLASSES = "scores", "classes"
"""The outputs of a model that makes the likeliest classes only, in this order."""


def add_ends(skeleton: Skeleton, graph: Graph, options: Options) -> Skeleton:
    """The model with the ends that `options` ask for; `skeleton` itself is left alone.

    With `preprocess`, the input keeps its name and is uint8, N × H × W × C: RGB, or one channel for
    gray. With `softmax`, the output keeps its name. With `top_k`, two outputs take its place:
    `scores`, float32 N × K, the largest first, and `classes`, int64 N × K; a layer of such a name
    yields it, and only beside an input of that name is the output called `scores_`.

    What the ends compute is float32, or whole numbers, whatever the network's precision.

    Raises ValueError where the network is not one for which that can be done.
    """
    ends = Ends(skeleton)
    if options.preprocess:
        prepare_pictures(ends, graph)
    scores = "probabilities" if _are_probabilities(graph) else "logits"
    if options.softmax and scores == "logits":
        _add_softmax(ends, graph)
        scores = "probabilities"
    if options.top_k is not None:
        _add_top_k(ends, graph, options.top_k)
    add_metadata(
        ends.model,
        scores=scores,
        preprocessed_within=options.preprocess,
        top_k=options.top_k,
    )
    return ends.skeleton()


def _are_probabilities(graph: Graph) -> bool:
    return graph.metadata.get("scores") == "probabilities"


def _add_softmax(ends: Ends, graph: Graph) -> None:
    name, _ = _classifier(graph, "softmax")
    logits = ends.take_over(name, f"{name}/logits")
    ends.behind(f"{name}/softmax", "Softmax", [logits], [name], axis=1)


def _add_top_k(ends: Ends, graph: Graph, count: int) -> None:
    name, classes = _classifier(graph, "top-k")
    if not 1 <= count <= classes:
        raise ValueError(
            f"the likeliest {count:,} classes of {classes:,} in all: give a number from 1 to "
            f"{classes:,}"
        )
    body = ends.model.graph
    scores = ends.take_over(name, f"{name}/all")
    del body.output[:]
    taken = {value.name for value in body.input}
    outputs = [_output_name(ends, word, taken) for word in (SCORES, CLASSES)]
    number = ends.constant(f"{name}.k", [count], np.int64)
    ends.behind(f"{name}/top_k", "TopK", [scores, number], outputs, axis=1, largest=1, sorted=1)
    types = (TensorProto.FLOAT, TensorProto.INT64)
    for output, type_ in zip(outputs, types, strict=True):
        body.output.append(helper.make_tensor_value_info(output, type_, [BATCH, count]))


def _output_name(ends: Ends, word: str, inputs: set[str]) -> str:
    """`word`, which a value within the network yields; an input keeps its name."""
    if word not in inputs:
        ends.rename(word, f"{word}/within")
        return word
    return ends.space.claim(word)


def _classifier(graph: Graph, what: str) -> tuple[str, int]:
    """The one output and how many classes it scores. Raises ValueError for another network."""
    shapes = " and ".join(text_of(type_.shape) for type_ in graph.outputs.values())
    match list(graph.outputs.items()):
        case [(name, type_)] if len(type_.shape) == 1 and is_number(type_.shape[0]):
            if type_.shape[0] > 1:
                return name, type_.shape[0]
    raise ValueError(
        f"{what} is for a classifier, one output of two or more scores, and {graph.name} has "
        f"{shapes}: leave it out"
    )
