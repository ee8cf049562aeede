"""The typed graph: what a spec means, with nothing of YAML left in it.

Every stage after elaboration (reports, PyTorch, ONNX) takes this and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.diagnostics import Label, Span
from archspec.kinds import Kind
from archspec.layers.base import AxisWindow, Inputs, Layer, Shape, Tensor, product, text_of
from archspec.layers.sizes import NeedsNumber, are_numbers, is_number, total

if TYPE_CHECKING:
    from archspec.symbolic import Symbols


class TensorType(NamedTuple):
    """The type of a value: its shape without the batch, and its element type."""

    shape: Shape
    dtype: str = "float32"

    @property
    def elements(self) -> int:
        return product(self.shape)


class Signature(NamedTuple):
    """What a layer does to inputs of given shapes; shared by all nodes for which that is the same.

    `parameters` and `buffers` are by leaf name (`weight`); `macs` is for one sample; `windows` is
    what each spatial axis reads, None where every output sees all of the input.
    """

    inputs: Inputs
    output: TensorType
    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    macs: int
    windows: tuple[AxisWindow, ...] | None

    @property
    def params(self) -> int:
        """The learnable numbers."""
        return sum([tensor.size for tensor in self.parameters.values()])


def infer(layer: Layer, inputs: Inputs) -> Signature:
    """What `layer` does to inputs of these shapes. Raises LayerError where it does not fit."""
    output = layer.output_shape(inputs)
    if not all(map(are_numbers, inputs)):
        check_weights(layer, inputs)
    return Signature(
        inputs,
        TensorType(output),
        layer.parameters(inputs),
        layer.buffers(inputs),
        layer.macs(inputs, output),
        layer.windows(inputs),
    )


def check_weights(layer: Layer, inputs: Inputs) -> None:
    """Raise LayerError where a tensor of the layer would be of a symbolic size."""
    try:
        tensors = [*layer.parameters(inputs).values(), *layer.buffers(inputs).values()]
        sizes = [size for tensor in tensors for size in tensor.shape]
    except NeedsNumber as error:
        sizes = [error.size]
    symbolic = [size for size in sizes if not is_number(size)]
    if symbolic:
        raise NeedsNumber(
            total(symbolic),  # Whatever any of them follows from needs a number.
            f"the weights of {layer.kind} follow from the size of its input, which is no "
            f"number: {text_of(inputs[0])}",
            "put `global_avg_pool` before the `flatten`" if len(inputs[0]) == 1 else "",
        )


NO_PLACES: Mapping[str, Span] = MappingProxyType({})


class Node(NamedTuple):
    """One layer at one place of the network. Its name is also the name of the value it makes.

    `inputs` are names of graph inputs or of earlier nodes. `origin` is the step in the file, and
    `places` has the values of its fields there, none for a layer that the language makes itself.
    With an `owner`, the tensors are an earlier node's, and are its to list and to count; `owner` is
    what that one's tensors are named after. `frames` has the calls of blocks and the repeats that
    it is in, the outermost first. The tensors are named after the node itself, unless a pass over
    the graph has made it the maker of another's value: then after the `prefix`.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    signature: Signature
    origin: Span
    owner: str | None = None
    places: Mapping[str, Span] = NO_PLACES
    frames: tuple[Label, ...] = ()
    prefix: str | None = None

    @property
    def kind(self) -> str:
        return self.layer.kind

    @property
    def output(self) -> TensorType:
        return self.signature.output

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The learnable tensors by full name, `layer1.conv1.weight`; none that are another's."""
        return {} if self.owner else self._named(self.signature.parameters)

    @property
    def buffers(self) -> dict[str, Tensor]:
        """The stored tensors that are not learnt, by full name; none that are another's."""
        return {} if self.owner else self._named(self.signature.buffers)

    @property
    def input_shapes(self) -> Inputs:
        return self.signature.inputs

    def tensor_name(self, leaf: str) -> str:
        """The full name of one of the layer's tensors; the empty leaf is what all of them are named
        after, and so where the layer's module stands: the node's own name, or its owner's.
        """
        name = self.owner or self.prefix or self.name
        return f"{name}.{leaf}" if leaf else name

    def _named(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {self.tensor_name(leaf): tensor for leaf, tensor in tensors.items()}


class Scope(NamedTuple):
    """What the layers under a common name are: the steps of a block, or of a structure.

    `word` is the block's name or the structure's word, `definition` where its steps are written,
    and `origin` the step that it is run by. `arguments` are those of the block.
    """

    word: str
    definition: Span
    origin: Span
    arguments: Mapping[str, Any] | None = None

    @property
    def is_block(self) -> bool:
        return self.arguments is not None


@dataclass(frozen=True)
class Graph:
    """A network: nodes in topological order, each value used only after it is made.

    `inputs` and `outputs` map value names to types, in the order the file gives; `metadata` is
    what travels with the network (description, preprocessing, class labels). `outside` has the
    kinds among its layers that are not archspec's own, with their lowerings. `symbols` are the
    sizes of its inputs that are not numbers. `scopes` says what the names of several layers stand
    for, `layer1.0`, those around others first.
    """

    name: str
    inputs: Mapping[str, TensorType]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, TensorType]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    outside: Mapping[type[Layer], Kind] = field(default_factory=dict)
    symbols: Symbols | None = None
    scopes: Mapping[str, Scope] = field(default_factory=dict)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every stored tensor, parameters and buffers, by full name, in the order of the nodes."""
        for node in self.nodes:
            yield from node.parameters.items()
            yield from node.buffers.items()
