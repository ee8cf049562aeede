"""Spec → Graph: one walk over the steps, in the order in which the data flows.

For each step the walk evaluates its expressions, makes its layer, infers the output's shape, and
appends a node. A step that is wrong is reported and its value is unknown; whatever depends on it is
left alone, so that no error is reported for being the consequence of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from archspec.diagnostics import Diagnostic, Label, Sink, Span
from archspec.document import SHORTCUTS, STRUCTURES, Block, Spec, Step
from archspec.expressions import UNKNOWN, Unknown, describe
from archspec.graph import Graph, Node, Signature, TensorType, infer
from archspec.layers import LAYERS, Add, BatchNorm, Conv, PadChannels, Subsample
from archspec.layers.base import Inputs, Layer, LayerError, Shape, text_of
from archspec.layers.fields import LARGEST
from archspec.scopes import Scope
from archspec.settings import Setting
from archspec.source import Plain
from archspec.validation import listed, validate
from archspec.words import suggestion

MOST_STEPS = 50_000
"""Steps of a network, repeats written out."""
DEEPEST = 60
"""Blocks and structures inside one another."""

Names = dict[str, Any]
Value = str
"""A value of the graph, by its name."""

NOTHING: Value = ""
"""The name of no value: what an error left behind, or what there is before the first step."""


def elaborate(spec: Spec, overrides: Mapping[str, Plain], sink: Sink) -> Graph:
    """The network that a spec means, with `overrides` for its variables.

    Reports to `sink`; where that has errors, the graph holds the nodes that could be made.
    """
    return _Elaborator(spec, overrides, sink).run()


class _Stopped(Exception):
    """The network is too large; that has been reported."""


class _Elaborator:
    """The state of the walk; see `elaborate`."""

    def __init__(self, spec: Spec, overrides: Mapping[str, Plain], sink: Sink) -> None:
        self.spec = spec
        self.overrides = overrides
        self.sink = sink
        self.nodes: list[Node] = []
        self.types: dict[Value, TensorType] = {}
        self.origins: dict[Value, Span] = {}
        self.frames: list[Label] = []
        self.reported: set[tuple[str, Span, str]] = set()
        self.active: list[str] = []
        """The blocks that are being run, from the outermost in, and the value each was given."""
        self.block_inputs: list[Value] = []
        self.steps = 0
        self.depth = 0
        self.variables: Names = {}
        self.layers: dict[tuple[type[Layer], str], Layer] = {}
        self.signatures: dict[tuple[int, Inputs], Signature] = {}

    def run(self) -> Graph:
        self.variables = self._variables()
        scope = Scope()
        inputs = self._inputs(scope)
        last = next(iter(inputs)) if len(inputs) == 1 else NOTHING
        self.block_inputs.append(last)
        try:
            last = self._steps(self.spec.steps, last, scope, dict(self.variables))
            outputs = self._outputs(last, scope)
            if self.spec.output is not None and not self.sink.has_errors:
                self._expect_outputs(self.spec.output, outputs, scope)
        except _Stopped:
            outputs = {}
        return Graph(self.spec.sections.name, inputs, tuple(self.nodes), outputs)

    def report(
        self, code: str, message: str, span: Span, help: str = "", labels: tuple[Label, ...] = ()
    ) -> None:
        """Report, with the calls that led here from the innermost out.

        What is wrong at one place is reported for the first of its repeats alone.
        """
        place = (code, span, message if code == "AS204" else "")
        if place not in self.reported:
            self.reported.add(place)
            frames = tuple({label.span: label for label in self.frames[-8:]}.values())[::-1]
            self.sink.add(Diagnostic(code, message, span, help, labels + frames))

    def _variables(self) -> Names:
        names: Names = {}
        for name, setting in self.spec.vars.items():
            if name in self.overrides:
                names[name] = self.overrides[name]
            else:
                names[name] = self._evaluate(setting, names)
        return names

    def _evaluate(self, setting: Setting, names: Names) -> Any:
        """The setting's value, or UNKNOWN where that has been reported."""
        try:
            return setting.evaluate(names, self)
        except Unknown:
            return UNKNOWN

    def _inputs(self, scope: Scope) -> dict[Value, TensorType]:
        inputs = {}
        for name, setting in self.spec.inputs.items():
            shape = self._evaluate(setting, self.variables)
            if shape is UNKNOWN:
                continue
            if not is_shape(shape) or len(shape) > 4:
                self.report(
                    "AS206",
                    "an input is a list of 1 to 4 sizes, each an integer of at least 1, "
                    f"not {_shown(shape)}",
                    setting.span,
                    help="channels first, without the batch: [3, 224, 224]",
                )
                continue
            inputs[name] = self.types[name] = TensorType(shape)
            self.origins[name] = setting.span
            scope.values[name] = name
        return inputs

    def _outputs(self, last: Value, scope: Scope) -> dict[Value, TensorType]:
        names = self.spec.sections.outputs
        values = [last]
        if names:
            section = self.spec.root.values["outputs"]
            values = [
                self._find(name, section.items[index].span, scope, last)  # type: ignore[union-attr]  # pydantic has found it to be a list
                for index, name in enumerate(names)
            ]
        if values == [last] and last in self.spec.inputs:
            span = self.spec.root.values["layers"].span
            self.report("AS206", "the network has no layer: `when` leaves out every step", span)
        return {value: self.types[value] for value in values if value in self.types}

    def _expect_outputs(
        self, setting: Setting, outputs: Mapping[Value, TensorType], scope: Scope
    ) -> None:
        """Check the file's own `expect: {output: …}`: a shape, or shapes by the outputs' names."""
        expected = self._evaluate(setting, dict(self.variables))
        if expected is UNKNOWN or (self.overrides and setting.is_constant):
            return
        shapes = [type_.shape for type_ in outputs.values()]
        if isinstance(expected, dict):
            found = {name: self.types.get(scope.find(name) or NOTHING) for name in expected}
            for name, type_ in found.items():
                if type_ is None or type_.shape != expected[name]:
                    made = "nothing" if type_ is None else text_of(type_.shape)
                    message = f"the output `{name}` is {made}, not {_shown(expected[name])}"
                    self.report("AS306", message, setting.span)
        elif shapes != [expected]:
            made = " and ".join(text_of(shape) for shape in shapes)
            message = f"the output is {made}, not {_shown(expected)} as expected"
            self.report("AS306", message, setting.span)

    # Steps

    def _steps(self, steps: tuple[Step, ...], incoming: Value, scope: Scope, names: Names) -> Value:
        self.depth += 1
        if self.depth > DEEPEST:
            message = f"blocks and structures are nested deeper than {DEEPEST} levels"
            self.report("AS502", message, steps[0].at if steps else self.spec.root.span)
            raise _Stopped
        for step in steps:
            incoming = self._step(step, incoming, scope, names)
        self.depth -= 1
        return incoming

    def _step(self, step: Step, incoming: Value, scope: Scope, names: Names) -> Value:
        """Run a step as often as it says; the value it leaves behind."""
        if step.repeat is None and step.when is None and step.expect is None:
            return self._once(step, incoming, scope, names, None)
        names["in"] = self._channels(incoming)
        try:
            count = 1 if step.repeat is None else self._count(step.repeat, names)
            if step.repeat is not None:
                names = dict(names)
            present = 0
            for index in range(count):
                if step.repeat is not None:
                    names.update(
                        index=index, number=index + 1, first=index == 0, last=index == count - 1
                    )
                if step.when is not None and not self._is_present(step.when, incoming, names):
                    self._charge(step)
                    continue
                with self._frame(step, index, count):
                    position = None if step.repeat is None else present
                    incoming = self._once(step, incoming, scope, names, position)
                present += 1
            if step.expect is not None and incoming in self.types and present:
                self._expect(step.expect, incoming, names)
        except Unknown:
            self._name_broken(step, scope, names)
            return NOTHING
        return incoming

    @contextmanager
    def _frame(self, step: Step, index: int, count: int) -> Iterator[None]:
        if count == 1:
            yield
            return
        self.frames.append(Label(step.at, f"repeat {index + 1} of {count}"))
        yield
        self.frames.pop()

    def _count(self, setting: Setting, names: Names) -> int:
        count = setting.evaluate(names, self)
        if type(count) is not int or count < 0:
            message = f"`repeat` must be an integer of at least 0, not {describe(count)}"
            self.report("AS205", message, setting.span)
            raise Unknown
        if count > MOST_STEPS:
            message = f"a network may have {MOST_STEPS:,} steps, not {count:,}"
            self.report("AS501", message, setting.span, help="repeat it less often")
            raise _Stopped
        return count

    def _is_present(self, setting: Setting, incoming: Value, names: Names) -> bool:
        names["in"] = self._channels(incoming)
        present = setting.evaluate(names, self)
        if type(present) is not bool:
            message = f"`when` must be true or false, not {describe(present)}"
            help = "compare it with something: `$channels > 64`"
            self.report("AS205", message, setting.span, help=help)
            raise Unknown
        return present

    def _charge(self, step: Step) -> None:
        """Count a step towards the most there may be."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            message = f"the network has more than {MOST_STEPS:,} steps, repeats written out"
            self.report("AS501", message, step.at, help="repeat less often, or nest less")
            raise _Stopped

    def _once(
        self, step: Step, incoming: Value, scope: Scope, names: Names, position: int | None
    ) -> Value:
        """Run a step once. `position` is its place in its repeat, None where it has none."""
        self._charge(step)
        if step.broken:
            self._name_broken(step, scope, names)
            return NOTHING
        name = ""
        try:
            sources = self._sources(step, incoming, scope, names)
            names["in"] = self._channels(sources[0])
            word = step.word
            if step.dynamic is not None:
                word = self._word(step, names)
            name = self._name(step, word, scope, names, position)
            value = self._call(step, word, name, sources, scope, names)
        except Unknown:
            if not name:
                self._name_broken(step, scope, names)
                return NOTHING
            value = NOTHING
        scope.values[name] = value
        if position is not None and "." in name:
            scope.values[name.split(".")[0]] = value
        return value

    def _name_broken(self, step: Step, scope: Scope, names: Names) -> None:
        """Give a step that could not run its name all the same, so that `from` finds no fault."""
        if step.name is not None and not step.name.broken:
            if step.name.holds_variables:
                return
            scope.values[step.name.evaluate(names, self)] = NOTHING
        else:
            scope.values[scope.count(step.word)] = NOTHING

    def _name(self, step: Step, word: str, scope: Scope, names: Names, position: int | None) -> str:
        """The step's name in its scope."""
        if step.name is None:
            name = scope.count(word)
        elif position is not None and not step.name.holds_variables:
            name = f"{step.name.evaluate(names, self)}.{position}"
            if position:
                return name
            scope.count(word)
            self._take(name.split(".")[0], step, scope)
            return name
        else:
            scope.count(word)
            name = step.name.evaluate(names, self)
        self._take(name, step, scope)
        return name

    def _take(self, name: str, step: Step, scope: Scope) -> None:
        at = step.name.scalar.span if step.name else step.at
        other = scope.take(name, at)
        if other is not None:
            self.report(
                "AS208",
                f"the name `{name}` is taken",
                at,
                help="choose another name",
                labels=() if other == at else (Label(other, "by this step"),),
            )

    def _word(self, step: Step, names: Names) -> str:
        """The kind or block that a step's expression names."""
        assert step.dynamic is not None
        word = step.dynamic.evaluate(names, self)
        known = (*LAYERS, *self.spec.blocks)
        if not isinstance(word, str) or word not in known:
            message = f"`{step.word}` is {describe(word)} here, which is no kind or block"
            help = suggestion(word, known) if isinstance(word, str) else ""
            self.report("AS202", message, step.at, help=help)
            raise Unknown
        return word

    # Values

    def _sources(
        self, step: Step, incoming: Value, scope: Scope, names: Names
    ) -> tuple[Value, ...]:
        """The values that a step takes: those that `from` names, else the one before it."""
        if step.source is None:
            if incoming == NOTHING and not self.nodes and len(self.spec.inputs) > 1:
                several = listed(self.spec.inputs)
                message = f"the network has several inputs: which does `{step.word}` take?"
                self.report("AS211", message, step.at, help=f"say it with `from`: {several}")
            return (incoming,)
        names["in"] = self._channels(incoming)
        said = step.source.evaluate(names, self)
        said = said if isinstance(said, tuple) else (said,)
        if not said or not all(isinstance(name, str) for name in said):
            message = "`from` must be the name of a value, or a list of names"
            self.report("AS205", message, step.source.span)
            raise Unknown
        items = getattr(step.source.value, "items", None)
        spans = [item.span for item in items] if type(items) is tuple else []
        if len(spans) != len(said):
            spans = [step.source.span] * len(said)
        return tuple(
            [
                self._find(name, span, scope, incoming)
                for name, span in zip(said, spans, strict=True)
            ]
        )

    def _find(self, name: str, span: Span, scope: Scope, previous: Value) -> Value:
        if name == "previous":
            return previous
        if name == "input" and (len(self.block_inputs) > 1 or len(self.spec.inputs) < 2):
            return self.block_inputs[-1]
        value = scope.find(name)
        if value is None:
            visible = [*scope.visible(), "previous"]
            help = suggestion(name, visible, f"there are {listed(visible[:12])}")
            named = self.spec.named(name)
            labels = () if named is None else (Label(named, "it is made here, out of reach"),)
            message = f"there is no value `{name}` before this step"
            self.report("AS211", message, span, help=help, labels=labels)
            return NOTHING
        return value

    def _channels(self, value: Value) -> Any:
        """What `$in` stands for: the channels, or features, of the incoming value."""
        type_ = self.types.get(value)
        return UNKNOWN if type_ is None else type_.shape[0]

    def _expect(self, setting: Setting, value: Value, names: Names) -> None:
        if self.overrides and setting.is_constant:
            return  # It speaks of the network as it is written.
        expected = setting.evaluate(names, self)
        found = self.types[value].shape
        if expected != found:
            message = f"this step makes {text_of(found)}, not {_shown(expected)} as expected"
            self.report("AS306", message, setting.span, help=f"write `expect: {list(found)}`")

    # What a step's word means

    def _call(
        self,
        step: Step,
        word: str,
        name: str,
        sources: tuple[Value, ...],
        scope: Scope,
        names: Names,
    ) -> Value:
        if word in LAYERS:
            if step.branches is not None:
                return self._merge(step, word, name, self._one(step, sources), scope, names)
            layer = step.layer or self._layer(step, LAYERS[word], names)
            if not layer.takes_many:
                sources = (self._one(step, sources),)
            elif len(sources) < 2:
                message = f"{word} needs two values or more, and `from` names one"
                self.report("AS212", message, step.place_of("from"))
                raise Unknown
            return self._emit(layer, scope.full(name), sources, step)
        incoming = self._one(step, sources)
        if word in STRUCTURES:
            if word == "residual":
                return self._residual(step, name, incoming, scope, names)
            inner = Scope(scope.full(name), numbered=True, outer=scope)
            return self._steps(step.layers, incoming, inner, names)
        return self._block(self.spec.blocks[word], step, name, incoming, scope, names)

    def _one(self, step: Step, sources: tuple[Value, ...]) -> Value:
        if len(sources) > 1:
            message = f"`{step.word}` takes one value, and `from` names {len(sources)}"
            help = "merge them first, with add, multiply or concat"
            self.report("AS212", message, step.place_of("from"), help=help)
            raise Unknown
        return sources[0]

    def _layer(self, step: Step, kind: type[Layer], names: Names) -> Layer:
        """The layer of a step whose fields hold expressions. The same fields, the same layer."""
        fields = {key: setting.evaluate(names, self) for key, setting in step.fields.items()}
        key = (kind, repr(fields))
        layer = self.layers.get(key)
        if layer is None:
            local = Sink()
            layer = validate(
                kind,
                fields,
                lambda path: step.place_of(str(path[0]) if path else None),
                local,
                subject=f"`{kind.kind}`",
            )
            for found in local.sorted():
                self.report(found.code, found.message, found.span, help=found.help)
            if layer is None:
                raise Unknown
            self.layers[key] = layer
        return layer

    def _block(
        self, block: Block, step: Step, name: str, incoming: Value, scope: Scope, names: Names
    ) -> Value:
        inner: Names = dict(self.variables)
        for argument in step.fields:
            if argument not in block.args:
                help = suggestion(argument, block.args, f"it takes {listed(block.args)}")
                message = f"the block `{block.name}` has no argument `{argument}`"
                self.report("AS203", message, step.place_of(argument), help=help)
                raise Unknown
        for argument, default in block.args.items():
            if argument in step.fields:
                inner[argument] = self._evaluate(step.fields[argument], names)
            elif default is not None:
                inner["in"] = names["in"]
                inner[argument] = self._evaluate(default, inner)
            else:
                message = f"the block `{block.name}` needs the argument `{argument}`"
                self.report("AS204", message, step.at, help=f"add `{argument}:` here")
                raise Unknown
        if block.name in self.active:
            message = f"the block `{block.name}` calls itself"
            self.report("AS209", message, step.at, help="use `repeat` for a block in a row")
            raise Unknown
        self.active.append(block.name)
        called = f"in block `{block.name}`, called here"
        repeat = self.frames[-1] if self.frames and self.frames[-1].span is step.at else None
        self.frames.append(Label(step.at, f"{called}, {repeat.text}" if repeat else called))
        self.block_inputs.append(incoming)
        value = self._steps(
            block.steps, incoming, Scope(scope.full(name), block.numbered, scope), inner
        )
        self.block_inputs.pop()
        self.frames.pop()
        self.active.pop()
        return value

    def _scope_of(self, step: Step, name: str, scope: Scope) -> Scope:
        """Where the steps inside a residual or a merge have their names: a named one opens a scope."""
        return scope if step.name is None else Scope(scope.full(name), outer=scope)

    def _merge(
        self, step: Step, word: str, name: str, incoming: Value, scope: Scope, names: Names
    ) -> Value:
        inner = self._scope_of(step, name, scope)
        values = [
            self._steps(branch, incoming, inner, dict(names)) for branch in step.branches or ()
        ]
        return self._emit(LAYERS[word](), scope.full(name), tuple(values), step)

    # Residuals

    def _residual(
        self, step: Step, name: str, incoming: Value, scope: Scope, names: Names
    ) -> Value:
        inner = self._scope_of(step, name, scope)
        first = len(self.nodes)
        body = self._steps(step.layers, incoming, inner, dict(names))
        if isinstance(step.shortcut, tuple):
            skip = self._steps(step.shortcut, incoming, inner, dict(names))
        elif body not in self.types or incoming not in self.types:
            return NOTHING
        else:
            same = self.types[body] == self.types[incoming]
            if step.shortcut == "if_same_shape" and not same:
                return body
            skip = incoming
            if not same:
                make = self._shortcuts[step.shortcut]
                skip = make(self, step, incoming, body, inner, first)
        if body not in self.types or skip not in self.types:
            return NOTHING
        made, kept = self.types[body].shape, self.types[skip].shape
        if made != kept:
            self._report_shortcut(step, made, kept, body, skip)
            return NOTHING
        return self._emit(Add(), scope.full(name), (body, skip), step)

    def _no_shortcut(
        self, step: Step, incoming: Value, body: Value, scope: Scope, first: int
    ) -> Value:
        return incoming

    def _project(self, step: Step, incoming: Value, body: Value, scope: Scope, first: int) -> Value:
        """A 1×1 convolution with the body's stride, and batch normalisation (He et al. 2016, B)."""
        conv = self._interned(
            Conv, out_channels=self._channels(body), stride=self._stride(incoming, body, first)
        )
        name = scope.free("downsample")
        scope.take(name, step.at)
        value = self._emit(conv, f"{scope.full(name)}.0", (incoming,), step)
        return self._emit(self._interned(BatchNorm), f"{scope.full(name)}.1", (value,), step)

    def _pad(self, step: Step, incoming: Value, body: Value, scope: Scope, first: int) -> Value:
        """Every stride-th row and column, and channels of zeros (He et al. 2016, A)."""
        stride = self._stride(incoming, body, first)
        value, channels = incoming, self._channels(body)
        if stride is not None and any(along > 1 for along in stride):
            layer = self._interned(Subsample, stride=stride)
            value = self._emit(layer, scope.full(scope.count("subsample")), (value,), step)
        if self._channels(value) is not UNKNOWN and channels > self._channels(value):
            layer = self._interned(PadChannels, out_channels=channels)
            value = self._emit(layer, scope.full(scope.count("pad_channels")), (value,), step)
        return value

    _shortcuts: Mapping[str, Callable[..., Value]] = {
        "identity": _no_shortcut,
        "projection": _project,
        "pad": _pad,
    }
    assert {*_shortcuts, "if_same_shape"} == set(SHORTCUTS)

    def _interned(self, kind: type[Layer], **fields: Any) -> Layer:
        """A layer that the language makes itself; the same fields, the same layer."""
        fields = {key: value for key, value in fields.items() if value is not None}
        if kind is Conv:
            fields |= {"kernel_size": 1, "bias": False}
        key = (kind, repr(fields))
        if key not in self.layers:
            self.layers[key] = kind.model_validate(fields)
        return self.layers[key]

    def _stride(self, incoming: Value, body: Value, first: int) -> tuple[int, ...] | None:
        """The stride from the value before a residual to the one its body makes, along each axis.

        The product of the strides of the layers between them; None where the body is flat or
        passes through a layer that sees everything.
        """
        makers = {node.name: node for node in self.nodes[first:]}
        strides = (1,) * (len(self.types[incoming].shape) - 1)
        value = body
        while value != incoming and value in makers:
            node = makers[value]
            windows = node.layer.windows(node.input_shapes)
            if windows is None or len(windows) != len(strides):
                return None
            strides = tuple(s * w.stride for s, w in zip(strides, windows, strict=True))
            value = node.inputs[0]
        return strides or None

    def _report_shortcut(
        self, step: Step, made: Shape, kept: Shape, body: Value, skip: Value
    ) -> None:
        written = "shortcut" in step.places
        words = (
            f"the {step.shortcut} shortcut" if isinstance(step.shortcut, str) else "the shortcut"
        )
        if step.shortcut == "identity":
            help = f"use `shortcut: projection`, or make the body keep {text_of(kept)}"
        else:
            help = f"the shortcut must make {text_of(made)}, as the body does"
        self.report(
            "AS305",
            f"the body makes {text_of(made)}, but {words} gives {text_of(kept)}",
            step.place_of("shortcut") if written else step.at,
            help=help,
            labels=self._made_here(body, made) + self._made_here(skip, kept),
        )

    # Nodes

    def _made_here(self, value: Value, shape: Shape) -> tuple[Label, ...]:
        return (Label(self.origins[value], f"this makes {text_of(shape)}"),)

    def _emit(self, layer: Layer, name: str, inputs: tuple[Value, ...], step: Step) -> Value:
        """Append a node; its value, or NOTHING where its inputs are unknown or do not fit."""
        types = [self.types.get(value) for value in inputs]
        shapes = tuple([type_.shape for type_ in types if type_ is not None])
        if len(shapes) < len(inputs):
            return NOTHING
        key = (id(layer), shapes)
        signature = self.signatures.get(key)
        if signature is None:
            try:
                signature = infer(layer, shapes)
            except LayerError as error:
                self._report_misfit(error, inputs, shapes, step)
                return NOTHING
            if signature.output.elements > LARGEST:
                message = f"this makes {text_of(signature.output.shape)}, too much for any machine"
                self.report("AS404", message, step.at)
                return NOTHING
            # A layer is known by its id for as long as it lives, so let it live.
            self.layers.setdefault((type(layer), f"#{id(layer)}"), layer)
            self.signatures[key] = signature
        self.nodes.append(Node(name, layer, inputs, signature, step.at))
        self.types[name] = signature.output
        self.origins[name] = step.at
        return name

    def _report_misfit(
        self, error: LayerError, inputs: tuple[Value, ...], shapes: Inputs, step: Step
    ) -> None:
        labels: tuple[Label, ...] = ()
        for value, shape in zip(inputs[:4], shapes, strict=False):
            if self.origins[value] != step.at:
                labels += self._made_here(value, shape)
        span = step.place_of(error.field)
        self.report(error.code, error.message, span, help=error.help, labels=labels)


def is_shape(value: Any) -> bool:
    """Whether a plain value is a shape: a list of integers of at least 1."""
    return (
        isinstance(value, tuple)
        and len(value) > 0
        and all(type(size) is int and 1 <= size <= LARGEST for size in value)
    )


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(str(item)[:20] for item in value[:8])}]"
    return describe(value)
