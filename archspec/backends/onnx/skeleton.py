"""A graph as an ONNX model, but for its weights: these are streamed behind it (`write.py`)."""

from __future__ import annotations

import json
from functools import partial

from onnx import GraphProto, ModelProto, StringStringEntryProto, helper

from archspec.backends.lowering import lower
from archspec.backends.onnx.constants import fold_constants
from archspec.backends.onnx.elements import HALVES
from archspec.backends.onnx.emitter import (
    OLDEST_OPSET,
    Emitter,
    Names,
    Namespace,
    value_info,
)
from archspec.backends.onnx.lowerings import LOWERINGS
from archspec.backends.onnx.model import Initializer, Skeleton, Weight
from archspec.backends.onnx.options import AS_IT_IS, Options
from archspec.backends.onnx.precision import reduce_precision
from archspec.backends.onnx.sizes import RunTimeSizes
from archspec.graph import Graph
from archspec.metadata import METADATA_KEY


def build_model(graph: Graph, options: Options = AS_IT_IS) -> Skeleton:
    """The ONNX model of `graph`, but for its weights, with what `options` ask for.

    Raises ValueError where the network is none that can be asked for it.
    """
    skeleton = _lowered(graph)
    if options.preprocess or options.softmax or options.top_k is not None:
        from archspec.backends.onnx.ends import add_ends

        skeleton = add_ends(skeleton, graph, options)
    if options.fold_constants:
        skeleton = fold_constants(skeleton)
    if options.precision in HALVES:
        skeleton = reduce_precision(
            skeleton, HALVES[options.precision], reduced_io=options.reduced_io
        )
    return skeleton


def _lowered(graph: Graph) -> Skeleton:
    """The graph, as it is, in ONNX's operations.

    Its values are named as the graph's, its operations as the layers. What a layer needs beside
    its own is called `<layer>/…` (values, operations) and `<layer>.…` (constants). Where two things
    would have one name, the inputs and outputs of the graph keep theirs, then the stored tensors.
    """
    space = Namespace([*graph.inputs, *graph.outputs])
    initializers = tuple(
        Initializer(space.claim(key), tensor.shape, Weight(key, tensor.shape))
        for key, tensor in graph.tensors()
    )
    values = {name: name for name in (*graph.inputs, *graph.outputs)}
    for node in graph.nodes:
        if node.name not in values:
            values[node.name] = space.claim(node.name)
    tensors = {key: tensor.name for tensor in initializers if (key := tensor.key)}
    names = Names(space, values, tensors, RunTimeSizes(graph.inputs))

    body = GraphProto(
        name=graph.name,
        input=[value_info(name, type_) for name, type_ in graph.inputs.items()],
        output=[value_info(name, type_) for name, type_ in graph.outputs.items()],
    )
    opset = OLDEST_OPSET
    for node in graph.nodes:
        emitter = Emitter(node, names)
        lower(node, graph, "onnx", LOWERINGS, emitter, partial(_unfinished, emitter))
        body.node.extend(emitter.operations)
        body.initializer.extend(emitter.constants)
        # The outputs' types are stated already.
        body.value_info.extend(v for v in emitter.values if v.name not in graph.outputs)
        opset = max(opset, emitter.opset)
    return Skeleton(_model(graph, body, opset), initializers)


def _unfinished(emit: Emitter, _: None) -> str:
    """Why the operations of a kind from outside make no layer; empty where they do."""
    made = {value for operation in emit.operations for value in operation.output}
    is_made = emit.names.values[emit.node.name] in made
    return "" if is_made else "it ends without the emitter's `result`"


def _model(graph: Graph, body: GraphProto, opset: int) -> ModelProto:
    opsets = [helper.make_opsetid("", opset)]
    metadata = json.dumps({"name": graph.name, **graph.metadata}, ensure_ascii=False)
    return ModelProto(
        # The oldest that goes with the opset, so that older runtimes take the file too.
        ir_version=helper.find_min_ir_version_for(opsets),
        opset_import=opsets,
        producer_name="archspec",
        doc_string=graph.metadata.get("description") or "",
        metadata_props=[StringStringEntryProto(key=METADATA_KEY, value=metadata)],
        graph=body,
    )
