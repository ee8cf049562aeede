"""The graph while it grows: nodes, their types, and what is reported on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from archspec.diagnostics import Diagnostic, Fix, Label, Sink, Span, calls_of
from archspec.document.settings import Setting
from archspec.elaborate.blame import Call, to_blame
from archspec.elaborate.sharing import Sharing
from archspec.expressions import UNKNOWN
from archspec.graph import NO_PLACES, Node, Scope, Signature, TensorType, infer
from archspec.kinds import Kind, problem_with
from archspec.layers.base import Inputs, Layer, LayerError, Shape, text_of
from archspec.layers.fields import LARGEST
from archspec.layers.sizes import are_numbers
from archspec.source import Sequence

if TYPE_CHECKING:
    from archspec.symbolic import Symbols

Value = str
"""A value of the graph, by its name."""

NOTHING: Value = ""
"""The name of no value: what an error left behind."""

BEFORE: Value = "(before)"
"""The name of no value: what comes before the first step of a network with several inputs."""


_SHOWN = 8
"""Calls and repeats, the innermost, that a message names."""

MOST_EDGES = 100_000
"""Values that all layers take together."""


_Place = tuple[str, Span, str, tuple[tuple[int, ...], ...]]
"""What is wrong, and where: a code, a place, a message, and the places of the calls around it."""


class Stopped(Exception):
    """The network is too large to go on; that has been reported."""


class Builder:
    """Appends nodes and reports errors.

    `calls` are the blocks that are being run, and `frames` what there is to say of them, and of the
    repeats, on the way to the current step.
    """

    def __init__(
        self, sink: Sink, outside: Mapping[type[Layer], Kind] = MappingProxyType({})
    ) -> None:
        self.sink = sink
        self.outside = outside
        self.nodes: list[Node] = []
        self.by_name: dict[str, Node] = {}
        self.types: dict[Value, TensorType] = {}
        self.origins: dict[Value, Span] = {}
        self.scopes: dict[str, Scope] = {}
        self.frames: list[Label] = []
        self.calls: list[Call] = []
        self.doubts: tuple[Label, ...] = ()
        """What may be wrong with the inputs: legal, but unusual. Worth a word beside an error."""
        self.symbols: Symbols | None = None
        self._edges = 0
        self._sharing: list[Sharing] = []
        self._blamed: dict[tuple[str, Span], tuple[Label, ...]] = {}
        self._reported: set[_Place] = set()
        self._layers: dict[tuple[type[Layer], str], Layer] = {}
        self._signatures: dict[tuple[int, Inputs], tuple[Signature, Layer]] = {}

    def report(
        self,
        code: str,
        message: str,
        span: Span,
        help: str = "",
        labels: tuple[Label, ...] = (),
        values: tuple[Value, ...] = (),
        fix: Fix | None = None,
    ) -> None:
        """Report, with the calls that led here from the innermost out, and the way to `values`.

        What is wrong at one place is reported for the first of its repeats alone; what does not fit
        there, for each call of the block that it stands in.
        """
        place = self._place(code, span, message if code == "AS204" else "")
        if place not in self._reported:
            self._reported.add(place)
            frames = calls_of(self.frames[-_SHOWN:])
            way = () if self.sink.is_crowded else self._way_to(values)
            self.sink.add(Diagnostic(code, message, span, help, labels + frames, way, fix))

    def has_reported(self, code: str, span: Span) -> bool:
        """Whether `report` has had this already, in another repeat, and would leave it out."""
        return self._place(code, span) in self._reported

    def _place(self, code: str, span: Span, message: str = "") -> _Place:
        # What is written wrong is so for every call; what does not fit, for some.
        by_call = () if code.startswith("AS2") else tuple([f.span[:2] for f in self.frames])
        return code, span, message, by_call

    def _way_to(self, values: tuple[Value, ...]) -> tuple[Label, ...]:
        """The last shapes on the way to values."""
        if not values:
            return ()
        from archspec.elaborate.trail import trail  # Where there is an error alone.

        return trail(values, self.by_name, self.types, self.origins)

    def blame(self, code: str, message: str, span: Span, help: str = "") -> None:
        """Report a value that is wrong by itself, where it was written: it may have come to `span`
        through the arguments of blocks. Once, however often it is used.
        """
        written, labels = to_blame(span, self.calls)
        if labels and self._blamed.setdefault((code, written), labels) != labels:
            return
        self.report(code, message, written, help, labels)

    def place_input(self, name: str, shape: Shape, origin: Span) -> TensorType:
        """Add an input of the graph."""
        self.types[name] = type_ = TensorType(shape)
        self.origins[name] = origin
        return type_

    def channels(self, value: Value) -> Any:
        """What `$in` stands for: the channels, or features, of a value; else UNKNOWN."""
        type_ = self.types.get(value)
        return UNKNOWN if type_ is None else type_.shape[0]

    def is_shape(self, found: Shape, expected: Any) -> bool:
        """Whether a shape is as expected. A symbolic size is expected as a formula: `H // 2`."""
        if self.symbols is None or not isinstance(expected, tuple):
            return bool(found == expected)
        return len(found) == len(expected) and all(map(self.symbols.is_written, found, expected))

    def made_here(self, value: Value) -> Label:
        """A label at the step that makes a value, with its shape."""
        return Label(self.origins[value], f"this makes {text_of(self.types[value].shape)}")

    def layer(self, kind: type[Layer], fields: dict[str, Any]) -> Layer:
        """A layer that the language makes itself; the same fields, the same layer."""
        layer = self.known_layer(kind, fields)
        return layer or self.keep_layer(kind.model_validate(fields), fields)

    def known_layer(self, kind: type[Layer], fields: dict[str, Any]) -> Layer | None:
        """The layer that was kept for these fields."""
        # `repr` tells 1 from true, where a hash does not.
        return self._layers.get((kind, repr(fields)))

    def keep_layer(self, layer: Layer, fields: dict[str, Any]) -> Layer:
        self._layers[type(layer), repr(fields)] = layer
        return layer

    def emit(
        self,
        layer: Layer,
        name: str,
        inputs: tuple[Value, ...],
        at: Span,
        places: Mapping[str, Span] = NO_PLACES,
        said: Setting | None = None,
    ) -> Value:
        """Append a node; its value, or NOTHING where its inputs are unknown or do not fit.

        `at` is the step's place, `places` those of its fields, and `said` its `from`.
        """
        self._edges += len(inputs)
        if self._edges > MOST_EDGES:
            message = f"the network's layers take more than {MOST_EDGES:,} values in all"
            self.report("AS501", message, at, help="repeat less often, or merge fewer values")
            raise Stopped
        if name in self.types:
            # The scopes see to it, and have reported it; two layers of a name must never pass.
            if not self.sink.has_errors:
                self.report("AS208", f"the name `{name}` is taken", at, help="choose another name")
            return NOTHING
        types = [self.types.get(value) for value in inputs]
        shapes = tuple([type_.shape for type_ in types if type_ is not None])
        if len(shapes) < len(inputs):
            return NOTHING
        known = self._signatures.get((id(layer), shapes))
        if known is None:
            try:
                signature = self._infer(layer, shapes)
            except LayerError as error:
                self._report_misfit(error, inputs, at, places, said)
                return NOTHING
            shape = signature.output.shape
            if are_numbers(shape) and signature.output.elements > LARGEST:
                message = f"this makes {text_of(shape)}, too much for any machine"
                self.report("AS404", message, at, help="make the layers before it smaller")
                return NOTHING
            # The layer is kept with what is known by its id, so that no other takes that id.
            self._signatures[id(layer), shapes] = (signature, layer)
        else:
            signature = known[0]
        frames = tuple(self.frames[-_SHOWN:]) if self.frames else ()
        node = Node(name, layer, inputs, signature, at, places=places, frames=frames)
        if self._sharing and (signature.parameters or signature.buffers):
            owner = self._sharing[-1].owner_of(node, self)
            if owner is None:
                return NOTHING
            node = node._replace(owner=owner)
        self.nodes.append(node)
        self.by_name[name] = node
        self.types[name] = signature.output
        self.origins[name] = at
        return name

    def _infer(self, layer: Layer, shapes: Inputs) -> Signature:
        """What a layer does. Raises LayerError where it does not fit, and where a class from
        outside fails or answers what none could use.
        """
        if type(layer) not in self.outside:
            return infer(layer, shapes)
        try:
            signature = infer(layer, shapes)
            problem = problem_with(signature)
            layer.shape_formula(shapes, signature.output.shape)
            layer.parameter_formula(shapes)
        except LayerError:
            raise
        except Exception as error:  # it may fail in any way
            problem = f"{type(error).__name__}: {error}"[:300]
        if not problem:
            return signature
        given = " and ".join(text_of(shape) for shape in shapes)
        message = f"the kind `{layer.kind}` fails on {given}: {problem}"
        help = f"mend {type(layer).__module__}.{type(layer).__name__}, which is from outside"
        raise LayerError(message, code="AS214", help=help)

    @contextmanager
    def sharing(self, name: str, owner: str, at: Span) -> Iterator[None]:
        """While this lasts, the layers at `name` have the weights of those at `owner`; `at` is the
        place that says so.
        """
        sharing = Sharing(name, owner, at)
        self._sharing.append(sharing)
        try:
            yield
        finally:
            self._sharing.pop()
        if not (sharing.is_used or self.sink.has_errors):
            message = f"`{name}` has no weights that it could share"
            self.report("AS308", message, at, help="remove `shares`")

    def _report_misfit(
        self,
        error: LayerError,
        inputs: tuple[Value, ...],
        at: Span,
        places: Mapping[str, Span],
        said: Setting | None,
    ) -> None:
        # Where there is an error alone.
        from archspec.elaborate.advice import advice, resized
        from archspec.elaborate.mends import step_before

        makers = [value for value in inputs[:4] if self.origins[value] != at]
        labels = tuple(self.made_here(value) for value in makers) + self.doubts
        span = places.get(error.field or "", at)
        if error.input is not None and said is not None and isinstance(said.value, Sequence):
            span = said.value.items[error.input].span
        help = error.help
        if error.input is not None and error.wanted and not self.sink.is_crowded:
            odd, others = inputs[error.input], inputs[: error.input]
            made = self.types[odd].shape
            change = resized(odd, error.wanted[1:], others, self.by_name)
            change = change or advice(odd, error.wanted, others, self.by_name)
            if not change and len(inputs) == 2 and error.wanted[0] == made[0]:
                change = resized(inputs[0], made[1:], (odd,), self.by_name)
            help = f"{change}; or {help}" if change else help
        fix = step_before(error.before, at, places) if error.before else None
        self.report(error.code, error.message, span, help, labels, inputs, fix)
