"""What can be compared without running: shapes, tensors, counts, and the stored weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from archspec.analysis.cost import cost
from archspec.backends.onnx import read
from archspec.backends.onnx.model import Initializer
from archspec.backends.onnx.read import Dimensions
from archspec.backends.torch.values import Network
from archspec.layers.base import Shape, product, text_of
from archspec.layers.sizes import number_at
from archspec.verification import written
from archspec.verification.report import Check
from archspec.verification.subject import Subject

Values = Mapping[str, Any]


def of_the_file(subject: Subject) -> list[Check]:
    """Whether the file can have been built from this spec at all: its inputs, outputs, layers and
    tensors. Raises UnreadableModel where it contradicts itself.
    """
    ends, layers = _ends(subject), _layers(subject)
    if not ends.agrees:  # Where it states ends that cannot be, it is not known what it should have.
        return [ends, layers]
    return [ends, layers, _tensors(subject)]


def of_both(
    subject: Subject, network: Network, inputs: Values, sizes: Mapping[str, int]
) -> list[Check]:
    """Shapes, tensors and counts: of the spec, of PyTorch's module, and of the file. `inputs` are
    one sample, with the symbolic sizes at these numbers.
    """
    graph = subject.graph
    shapes = {
        node.name: (1, *(number_at(size, sizes) for size in node.output.shape))
        for node in graph.nodes
    }
    state = {name: tensor.shape for name, tensor in graph.tensors()}
    layers, tensors = _layers(subject), _tensors(subject)
    layers = layers._replace(
        torch=_counted(shapes, network.shapes(inputs)),
        difference=layers.difference
        or _first("the layer", shapes, network.shapes(inputs), "the spec", "PyTorch"),
    )
    tensors = tensors._replace(
        torch=_counted(state, network.state()),
        difference=tensors.difference
        or _first("the tensor", state, network.state(), "the spec", "PyTorch"),
    )
    return [
        _ends(subject),
        layers,
        tensors,
        _parameters(subject, network),
        _macs(subject, network, inputs, sizes),
        written.operations(subject),
        _weights(subject),
        written.description(subject),
    ]


def _ends(subject: Subject) -> Check:
    body = subject.proto.graph
    stored = {tensor.name for tensor in body.initializer}
    given = [value for value in body.input if value.name not in stored]
    number = len(subject.graph.inputs) + len(subject.graph.outputs)
    try:
        wanted = subject.skeleton.model.graph
    except ValueError as error:
        difference = f"it states of itself what cannot be so of the spec's network: {error}"
    else:
        pairs = (("input", given, list(wanted.input)), ("output", body.output, wanted.output))
        told = [*(_misnamed(*pair) for pair in pairs), *(_misshapen(*pair) for pair in pairs)]
        difference = next(filter(None, told), "")
    return Check("inputs and outputs", str(number), "—", _verdict(number, difference), difference)


def _misnamed(word: str, found: Iterable[Any], wanted: Iterable[Any]) -> str:
    """How the names of the file's inputs or outputs differ from those that it should have."""
    theirs, ours = ([value.name for value in each] for each in (found, wanted))
    if theirs == ours:
        return ""
    return f"the model's {word}s are {_listed(theirs)}, and the spec's {_listed(ours)}"


def _misshapen(word: str, found: Iterable[Any], wanted: Iterable[Any]) -> str:
    """How their shapes differ."""
    shapes = read.stated(found)
    for name, expected in read.stated(wanted).items():
        if name in shapes and not _fits(expected, shapes[name]):
            return (
                f"the {word} `{name}` is {_text(shapes[name])} in the model, "
                f"and {_text(expected)} by the spec"
            )
    return ""


def _layers(subject: Subject) -> Check:
    graph, found = subject.graph, subject.shapes
    wanted = read.expected(graph)
    difference, equal = "", 0
    for node in graph.nodes:
        name = subject.values.get(node.name)
        sizes = None if name is None else found.get(name)
        if sizes is None:
            continue
        if _fits(wanted[node.name], sizes):
            equal += 1
        elif not difference:
            difference = (
                f"the layer {node.name} makes {_text(sizes)} in the model, "
                f"and {_text(wanted[node.name])} by the spec"
            )
    if subject.metadata.precision != "int8":  # Quantisation takes activations away.
        for node in subject.network.graph.nodes:
            if node.name not in subject.values and node.name not in graph.outputs:
                difference = difference or f"the layer {node.name} is not in the model"
    return Check("layers' shapes", f"{len(graph.nodes):,}", "—", f"{equal:,} equal", difference)


def _tensors(subject: Subject) -> Check:
    graph, body = subject.graph, subject.proto.graph
    wanted = {tensor.name: tensor.shape for tensor in subject.skeleton.initializers}
    constants = {tensor.name for tensor in subject.skeleton.model.graph.initializer}
    found = {tensor.name: tuple(tensor.dims) for tensor in body.initializer}
    if subject.metadata.precision == "int8":
        suffix = "_quantized"
        found |= {name.removesuffix(suffix): shape for name, shape in found.items()}
    difference = _first("the tensor", wanted, found, "the spec", "the model")
    floats = read.initializers(subject.proto, subject.path)
    if not difference and subject.metadata.precision != "int8":
        for name in floats:
            if name not in wanted and name not in constants:
                difference = f"the model has the tensor {name}, and the spec has not"
                break
    difference = difference or _of_another_precision(subject)
    number = sum(1 for _ in graph.tensors())
    return Check("stored tensors", f"{number:,}", "—", _counted(wanted, found), difference)


def _of_another_precision(subject: Subject) -> str:
    """What to say of a file whose weights are not stored in the precision that it states."""
    precision, stored = subject.metadata.precision, subject.proto.graph.initializer
    types = {tensor.name: tensor.data_type for tensor in stored}
    if precision == "int8":
        weights = [each.name for each in subject.skeleton.initializers if len(each.shape) > 1]
        if not weights or any(read.quantised_name(name) in types for name in weights):
            return ""
        return "the model states that it computes in int8, and none of its weights are integers"
    for tensor in subject.skeleton.initializers:
        if types.get(tensor.name, tensor.element.code) != tensor.element.code:
            return (
                f"the tensor {tensor.name} is not stored as {tensor.element.word}, as the "
                f"model's precision, {precision}, has it"
            )
    return ""


def _parameters(subject: Subject, network: Network) -> Check:
    spec, torch = cost(subject.graph).params, network.parameters()
    learnt = [name for node in subject.graph.nodes for name in node.parameters]
    found = {t.name: tuple(t.dims) for t in subject.proto.graph.initializer}
    onnx = sum(product(found[name]) for name in learnt if name in found)
    complete = subject.metadata.optimize == "none" and all(name in found for name in learnt)
    figures = {"PyTorch": torch, **({"the model": onnx} if complete else {})}
    return Check(
        "parameters",
        f"{spec:,}",
        f"{torch:,}",
        f"{onnx:,}" if complete else "—",
        _unequal("parameters", spec, figures),
    )


def _macs(subject: Subject, network: Network, inputs: Values, sizes: Mapping[str, int]) -> Check:
    spec = number_at(cost(subject.graph).macs, sizes)
    torch = network.macs(inputs)
    onnx = None if sizes else read.macs(subject.proto, subject.shapes)
    figures = {"PyTorch": torch, **({} if onnx is None else {"the model": onnx})}
    difference = "" if subject.graph.outside else _unequal("MACs", spec, figures)
    at = "".join(f" at {name}={size}" for name, size in sizes.items())
    return Check(
        f"MACs{at}", f"{spec:,}", f"{torch:,}", "—" if onnx is None else f"{onnx:,}", difference
    )


def _weights(subject: Subject) -> Check:
    """Whether the file stores the weights that it is held against, and these are numbers."""
    for name, array in subject.weights.items():
        if not np.isfinite(array).all():
            number = int((~np.isfinite(array)).sum())
            many = f"{number:,} values" if number > 1 else "a value"
            return Check(
                "weights' values", "—", "—", "—", f"{name} has {many} that {_are(number)} no number"
            )
    if subject.own_weights:
        return Check("weights' values", "—", "—", "their own")
    tensors = subject.skeleton.initializers
    differing = list(stored_differences(subject, tensors))
    return Check(
        "weights' values",
        f"{len(tensors):,}",
        "—",
        f"{len(tensors) - len(differing):,} equal",
        differing[0] if differing else "",
    )


def stored_differences(subject: Subject, tensors: Iterable[Initializer]) -> Iterator[str]:
    """What to say of each of the tensors that has other values in the file. Of weights that are the
    file's own, nothing is said.
    """
    if subject.own_weights:
        return
    if subject.metadata.precision == "int8":
        yield from written.quantised_differences(subject, tensors)
        return
    stored = read.initializers(subject.proto, subject.path)
    for tensor in tensors:
        if tensor.name not in stored or tuple(stored.tensors[tensor.name].dims) != tensor.shape:
            continue
        wanted, found = _as_stored(tensor, subject.network.weights), stored[tensor.name]
        if np.array_equal(found, wanted, equal_nan=True):
            continue
        strange = np.isfinite(wanted) & ~np.isfinite(found)
        if strange.any():
            yield f"{tensor.name} has what is no number in the model, {strange.sum():,} times"
        else:
            off = float(np.abs(found - wanted).max())
            yield f"{tensor.name} has other values in the model: they differ by up to {off:.3g}"


def _as_stored(tensor: Initializer, weights: Values) -> Any:
    """The tensor's values, rounded as the file is to have them."""
    plain = np.ascontiguousarray(tensor.source.read(weights), np.float32)
    if tensor.element.word == "float32":
        return plain
    bits = tensor.element.convert(plain.reshape(-1)).view("<u2")
    return tensor.element.widened(bits).reshape(tensor.shape)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _fits(wanted: Dimensions, found: Dimensions) -> bool:
    """Whether a shape in a file is the spec's: a number is as good as any name for a batch."""
    return len(wanted) == len(found) and all(
        size is None or str(size).startswith("unk__") or size == other
        for other, size in zip(wanted[1:], found[1:], strict=True)
    )


def _first(
    what: str, wanted: Mapping[str, Shape], found: Mapping[str, Any], one: str, other: str
) -> str:
    """The first of the shapes that is not as it is wanted; empty if all are."""
    for name, shape in wanted.items():
        if name not in found:
            return f"{what} {name} is not in {other}"
        if tuple(found[name]) != tuple(shape):
            return (
                f"{what} {name} is {text_of(tuple(found[name]))} in {other}, "
                f"and {text_of(tuple(shape))} by {one}"
            )
    return ""


def _counted(wanted: Mapping[str, Shape], found: Mapping[str, Any]) -> str:
    equal = sum(tuple(found.get(name, ())) == tuple(shape) for name, shape in wanted.items())
    return f"{equal:,} equal"


def _unequal(what: str, spec: int, figures: Mapping[str, int]) -> str:
    for who, figure in figures.items():
        if figure != spec:
            return f"{what}: {spec:,} by the spec, and {figure:,} by {who}"
    return ""


def _verdict(number: int, difference: str) -> str:
    return "differ" if difference else f"{number} equal"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _text(sizes: Dimensions) -> str:
    return " × ".join("?" if size is None else str(size) for size in sizes)
