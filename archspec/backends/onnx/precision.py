"""A model in half precision: float16, or bfloat16.

Weights are stored and layers computed in the half, but for the operations that
`sensitive.kept_in_float32` names. No weight is read for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import NamedTuple

from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
    defs,
    helper,
)
from onnx.numpy_helper import to_array

from archspec.backends.onnx.elements import FLOAT32, Element
from archspec.backends.onnx.emitter import Namespace
from archspec.backends.onnx.model import Skeleton, add_metadata
from archspec.backends.onnx.sensitive import Network, kept_in_float32

NEWEST_OPSET = 22
"""The opset from which convolutions and pools have bfloat16. It is raised no further: older
runtimes would refuse the file for nothing.
"""


def reduce_precision(skeleton: Skeleton, half: Element, *, reduced_io: bool) -> Skeleton:
    """The model with weights and computation in `half`.

    Its inputs and outputs stay float32, with casts at the borders, unless `reduced_io`; its ends
    stay float32 in any case. The opset is raised where an operator has the type from a later one
    only.
    """
    body = skeleton.model.graph
    weights = [tensor.name for tensor in skeleton.initializers]
    constants = {tensor.name: to_array(tensor) for tensor in body.initializer if _is_float(tensor)}
    values = {value.name: value for value in (*body.input, *body.value_info, *body.output)}
    floats = frozenset(
        (*weights, *constants, *(n for n, v in values.items() if _is_float(v.type.tensor_type)))
    )
    edges = {
        value.name: half if reduced_io and value.name not in skeleton.ends else FLOAT32
        for value in (*body.input, *body.output)
    }
    wide = {name for name, element in edges.items() if element == FLOAT32}
    network = Network(tuple(body.node), floats, constants, floats & wide, skeleton.ends)
    plan = _plan(network, half, skeleton.model.opset_import[0].version)
    # A tensor that is used in both types is stored in float32, and cast.
    stored = {
        name: half if plan.uses.get(name) == {half} else FLOAT32 for name in (*weights, *constants)
    }

    taken = {*values, *weights, *(tensor.name for tensor in body.initializer)}
    taken.update(operation.name for operation in body.node)
    rewriting = _Rewriting(taken, {value.name: edges[value.name] for value in body.output})
    rewriting.start(stored)
    rewriting.start({value.name: edges[value.name] for value in body.input})
    for operation, element, inputs in zip(
        network.operations, plan.elements, plan.inputs, strict=True
    ):
        rewriting.append(operation, element, inputs, floats)

    model = ModelProto()
    model.CopyFrom(skeleton.model)
    model.opset_import[0].version = plan.opset
    model.ir_version = max(model.ir_version, helper.find_min_ir_version_for(model.opset_import))
    add_metadata(model, precision=half.precision)
    typed = [
        _as_typed(values[value], name, element)
        for value, names in rewriting.names.items()
        for element, name in names.items()
        if value in values and name not in edges
    ]
    model.graph.CopyFrom(
        GraphProto(
            name=body.name,
            node=rewriting.operations,
            input=[_as_typed(value, value.name, edges[value.name]) for value in body.input],
            output=[_as_typed(value, value.name, edges[value.name]) for value in body.output],
            initializer=[
                _as_stored(tensor, stored[tensor.name]) if tensor.name in constants else tensor
                for tensor in body.initializer
            ],
            value_info=[*typed, *(v for v in body.value_info if v.name not in floats)],
        )
    )
    initializers = (
        tensor._replace(element=stored[tensor.name]) for tensor in skeleton.initializers
    )
    return skeleton._replace(model=model, initializers=tuple(initializers))


class _Plan(NamedTuple):
    """For each operation, the type it computes in, and the type it takes each of its inputs in;
    for each value, the types it is taken in; and the opset that has all of it.
    """

    elements: tuple[Element, ...]
    inputs: tuple[Mapping[str, Element], ...]
    uses: Mapping[str, set[Element]]
    opset: int


def _plan(network: Network, half: Element, opset: int) -> _Plan:
    elements = []
    for operation, keep in zip(network.operations, kept_in_float32(network, half), strict=True):
        since = None if keep else _since(operation, network.floats, half, opset)
        elements.append(FLOAT32 if since is None else half)
        opset = max(opset, since or opset)
    inputs = tuple(
        _inputs(operation, network.floats, element, opset)
        for operation, element in zip(network.operations, elements, strict=True)
    )
    uses: dict[str, set[Element]] = defaultdict(set)
    for taken in inputs:
        for name, element in taken.items():
            uses[name].add(element)
    return _Plan(tuple(elements), inputs, uses, opset)


@cache
def _schema(operator: str, opset: int) -> defs.OpSchema | None:
    try:
        return defs.get_schema(operator, opset)
    except defs.SchemaError:
        return None


def _formal_types(operation: NodeProto, opset: int) -> list[frozenset[str]]:
    """The types that each of the operation's inputs may have; those of one that may have only one
    are left empty.
    """
    schema = _schema(operation.op_type, opset)
    if schema is None or operation.domain:
        return [frozenset() for _ in operation.input]
    allowed = {
        constraint.type_param_str: frozenset(constraint.allowed_type_strs)
        for constraint in schema.type_constraints
    }
    # The last of the formal inputs may stand for any number.
    formal = [allowed.get(value.type_str, frozenset()) for value in schema.inputs]
    return [formal[min(position, len(formal) - 1)] for position in range(len(operation.input))]


def _since(operation: NodeProto, floats: Collection[str], half: Element, opset: int) -> int | None:
    """The first opset, from the given one on, whose operator takes the half wherever it may take
    several types; None if none does.
    """
    for since in range(opset, max(opset, NEWEST_OPSET) + 1):
        formal = _formal_types(operation, since)
        types = [
            types for name, types in zip(operation.input, formal, strict=True) if name in floats
        ]
        if any(types) and all(f"tensor({half.word})" in each for each in types if each):
            return since
    return None


def _inputs(
    operation: NodeProto, floats: Collection[str], element: Element, opset: int
) -> dict[str, Element]:
    """The type in which an operation that computes in `element` takes each of its float inputs."""
    formal = _formal_types(operation, opset)
    return {
        name: element if types else FLOAT32
        for name, types in zip(operation.input, formal, strict=True)
        if name in floats
    }


class _Rewriting:
    """The operations as they are rewritten, and what each value is called in each of its types."""

    def __init__(self, taken: Iterable[str], outputs: Mapping[str, Element]) -> None:
        self.operations: list[NodeProto] = []
        self.names: dict[str, dict[Element, str]] = defaultdict(dict)
        self._space = Namespace(taken)
        self._outputs = outputs

    def start(self, elements: Mapping[str, Element]) -> None:
        """Values that no operation makes, and what they are."""
        for name, element in elements.items():
            self.names[name][element] = name

    def append(
        self,
        operation: NodeProto,
        element: Element,
        inputs: Mapping[str, Element],
        floats: Collection[str],
    ) -> None:
        """An operation that makes `element`, with the casts that it and the outputs need."""
        taken = [
            self._cast(name, inputs[name]) if name in inputs else name for name in operation.input
        ]
        made = [name for name in operation.output if name in floats]
        for name in made:
            # An output of the model that is made in the other type leaves its name to a cast.
            apart = self._outputs.get(name, element) != element
            own = self._space.claim(f"{name}/{element.precision}") if apart else name
            self.names[name][element] = own
        rewritten = NodeProto()
        rewritten.CopyFrom(operation)
        del rewritten.input[:], rewritten.output[:]
        rewritten.input.extend(taken)
        rewritten.output.extend(
            self.names[name][element] if name in made else name for name in operation.output
        )
        self.operations.append(rewritten)
        for name in made:
            if name in self._outputs:
                self._cast(name, self._outputs[name])

    def _cast(self, value: str, element: Element) -> str:
        """What the value is called in a type. It is cast once, where that is first needed."""
        names = self.names[value]
        if element not in names:
            (source,) = names.values()
            name = self._space.claim(f"{value}/{element.precision}")
            # An output of the model keeps its name.
            names[element] = value if self._outputs.get(value) == element else name
            to = helper.make_attribute("to", element.code)
            self.operations.append(
                NodeProto(
                    op_type="Cast",
                    name=name,
                    input=[source],
                    output=[names[element]],
                    attribute=[to],
                )
            )
        return names[element]


def _is_float(message: TensorProto | TypeProto.Tensor) -> bool:
    """Whether a tensor, or the type of a value, is float32."""
    code = message.data_type if isinstance(message, TensorProto) else message.elem_type
    return code == TensorProto.FLOAT


def _as_typed(value: ValueInfoProto, name: str, element: Element) -> ValueInfoProto:
    """What the model says of a value, under a name and in a type; of no float32, what it said."""
    typed = ValueInfoProto()
    typed.CopyFrom(value)
    if _is_float(value.type.tensor_type):
        typed.name = name
        typed.type.tensor_type.elem_type = element.code
    return typed


def _as_stored(tensor: TensorProto, element: Element) -> TensorProto:
    """A constant in a type."""
    data = b"".join(piece.tobytes() for piece in element.pieces(to_array(tensor), tensor.name))
    return TensorProto(dims=tensor.dims, data_type=element.code, name=tensor.name, raw_data=data)
