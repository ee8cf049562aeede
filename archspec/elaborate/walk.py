"""The walk over steps."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics import Label, Sink, Span
from archspec.document import STRUCTURES, Block, Spec, Step
from archspec.document.settings import Setting
from archspec.document.validation import listed, validate
from archspec.elaborate.builder import BEFORE, NOTHING, Builder, Stopped, Value
from archspec.elaborate.scopes import Scope
from archspec.elaborate.shortcuts import Around, close
from archspec.expressions import Unknown, describe
from archspec.layers import LAYERS
from archspec.layers.base import Layer, text_of
from archspec.source import Sequence
from archspec.words import suggestion

MOST_STEPS = 50_000
"""Steps of a network, repeats written out."""
MOST_WORK = 1_000_000
"""Values that are evaluated for them."""
DEEPEST = 60
"""Blocks and structures inside one another."""

Names = dict[str, Any]
"""The variables' values where a step stands."""


class _Call(NamedTuple):
    """A step about to be run: under which word and name, on which values, and where."""

    step: Step
    word: str
    name: str
    sources: tuple[Value, ...]
    scope: Scope
    names: Names

    @property
    def full_name(self) -> str:
        return self.scope.full(self.name)

    def inner_scope(self) -> Scope:
        """Where steps inside a residual or a merge have their names: only a name opens a scope."""
        if self.step.name is None:
            return self.scope
        return Scope(self.full_name, outer=self.scope)


class Walk:
    """Runs steps into a builder's graph.

    `as_written` says that no variable is set from outside, so that exact expectations hold.
    """

    def __init__(
        self, spec: Spec, builder: Builder, variables: Names, first: Value, *, as_written: bool
    ) -> None:
        self.spec = spec
        self.builder = builder
        self.variables = variables
        self.as_written = as_written
        self._inputs = [first]
        """The value that entered the network, and each block that is being run."""
        self._active: list[str] = []
        self._count = 0
        self._work = 0
        self._depth = 0

    def steps(self, steps: tuple[Step, ...], incoming: Value, scope: Scope, names: Names) -> Value:
        """Run steps one after another; the value that the last leaves behind."""
        self._depth += 1
        if self._depth > DEEPEST and steps:
            message = f"blocks and structures are nested deeper than {DEEPEST} levels"
            help = "call fewer blocks from within blocks"
            self.builder.report("AS502", message, steps[0].at, help=help)
            raise Stopped
        for step in steps:
            incoming = self._step(step, incoming, scope, names)
        self._depth -= 1
        return incoming

    def _step(self, step: Step, incoming: Value, scope: Scope, names: Names) -> Value:
        """Run a step as often as it says."""
        if step.repeat is None and step.when is None and step.expect is None:
            return self._once(step, incoming, scope, names, None)
        names["in"] = self.builder.channels(incoming)
        try:
            if step.repeat is not None:
                self._work += len(names)
                return self._repeated(step, step.repeat, incoming, scope, dict(names))
            if step.when is not None and not self._is_present(step.when, names):
                self._charge(step)
                return incoming
            incoming = self._once(step, incoming, scope, names, None)
            self._expect(step, incoming, names)
            return incoming
        except Unknown:
            self._name_broken(step, scope, names)
            return NOTHING

    def _repeated(
        self, step: Step, repeat: Setting, incoming: Value, scope: Scope, names: Names
    ) -> Value:
        count = self._repeats(repeat, names)
        position = 0
        for index in range(count):
            names.update(index=index, number=index + 1, first=index == 0, last=index == count - 1)
            names["in"] = self.builder.channels(incoming)
            if step.when is not None and not self._is_present(step.when, names):
                self._charge(step)
                continue
            self.builder.frames.append(Label(step.at, f"repeat {index + 1} of {count}"))
            incoming = self._once(step, incoming, scope, names, position)
            self.builder.frames.pop()
            position += 1
        if position:
            self._expect(step, incoming, names)
        return incoming

    def _repeats(self, setting: Setting, names: Names) -> int:
        count = setting.evaluate(names, self.builder)
        if type(count) is not int or count < 0:
            message = f"`repeat` must be an integer of at least 0, not {describe(count)}"
            help = "write a whole number, or round it: `round(...)`, `ceil(...)`"
            code = "AS206" if type(count) is int else "AS205"
            self.builder.report(code, message, setting.span, help=help)
            raise Unknown
        if count > MOST_STEPS:
            message = f"a network may have {MOST_STEPS:,} steps, not {count:,}"
            self.builder.report("AS501", message, setting.span, help="repeat it less often")
            raise Unknown
        return count

    def _is_present(self, setting: Setting, names: Names) -> bool:
        present = setting.evaluate(names, self.builder)
        if type(present) is not bool:
            message = f"`when` must be true or false, not {describe(present)}"
            help = "compare it with something: `$channels > 64`"
            self.builder.report("AS205", message, setting.span, help=help)
            raise Unknown
        return present

    def _expect(self, step: Step, value: Value, names: Names) -> None:
        """Check the shape that a step says it makes."""
        setting, type_ = step.expect, self.builder.types.get(value)
        if setting is None or type_ is None or (setting.is_constant and not self.as_written):
            return
        expected, found = setting.evaluate(names, self.builder), type_.shape
        if expected != found:
            message = f"this step makes {text_of(found)}, not {shown(expected)} as expected"
            help = f"write `expect: {list(found)}` if that is what you mean"
            self.builder.report("AS306", message, setting.span, help=help)

    def _charge(self, step: Step) -> None:
        """Count a step, and the values that it evaluates, towards the most there may be."""
        self._count += 1
        self._work += step.size
        if self._count > MOST_STEPS:
            message = f"the network has more than {MOST_STEPS:,} steps, repeats written out"
        elif self._work > MOST_WORK:
            message = f"the network's steps hold more than {MOST_WORK:,} values in all"
        else:
            return
        self.builder.report("AS501", message, step.at, help="repeat less often, or nest less")
        raise Stopped

    def _once(
        self, step: Step, incoming: Value, scope: Scope, names: Names, position: int | None
    ) -> Value:
        """Run a step once. `position` is its place in its repeat, None where it has none."""
        self._charge(step)
        name = ""
        try:
            if step.broken:
                raise Unknown
            sources = self._sources(step, incoming, scope, names)
            names["in"] = self.builder.channels(sources[0])
            word = step.word if step.dynamic is None else self._word(step, step.dynamic, names)
            name = self._name(step, word, scope, names, position)
            value = self._run(_Call(step, word, name, sources, scope, names))
        except Unknown:
            if not name:
                self._name_broken(step, scope, names)
                return NOTHING
            value = NOTHING
        scope.values[name] = value
        if position is not None and "." in name:
            scope.values[name.split(".")[0]] = value
        return value

    def _word(self, step: Step, dynamic: Setting, names: Names) -> str:
        """The kind or block that a step's expression names."""
        word = dynamic.evaluate(names, self.builder)
        known = (*LAYERS, *self.spec.blocks)
        if not isinstance(word, str) or word not in known:
            message = f"`{step.word}` is {describe(word)} here, which is no kind or block"
            instead = f"there are {', '.join(known[:60])}"
            help = suggestion(word, known, instead) if isinstance(word, str) else instead
            self.builder.report("AS202", message, step.at, help=help)
            raise Unknown
        return word

    # Names

    def _name(self, step: Step, word: str, scope: Scope, names: Names, position: int | None) -> str:
        """The step's name in its scope."""
        if step.name is None:
            name = scope.count(word)
            self._take(name, step, scope)
        elif position is None or step.name.counts:
            scope.count(word)
            name = step.name.evaluate(names, self.builder)
            self._take(name, step, scope)
        else:
            base = step.name.evaluate(names, self.builder)
            name = f"{base}.{position}"
            if position == 0:
                scope.count(word)
                self._take(base, step, scope)
        return name

    def _take(self, name: str, step: Step, scope: Scope) -> None:
        at = step.name.scalar.span if step.name else step.at
        other = scope.take(name, at)
        if other is not None:
            again = other == at
            labels = () if again else (Label(other, "by this"),)
            message = f"the name `{name}` is taken" + (", by the same step before" if again else "")
            help = "count its repeats in it: `$number`" if again else "choose another name"
            self.builder.report("AS208", message, at, help=help, labels=labels)

    def _name_broken(self, step: Step, scope: Scope, names: Names) -> None:
        """Give a step that could not run its name all the same, so that `from` finds no fault."""
        if step.name is None:
            scope.values[scope.count(step.word)] = NOTHING
        elif not (step.name.broken or step.name.holds_variables):
            scope.values[step.name.evaluate(names, self.builder)] = NOTHING

    # Values

    def _sources(
        self, step: Step, incoming: Value, scope: Scope, names: Names
    ) -> tuple[Value, ...]:
        """The values that a step takes: those that `from` names, else the one before it."""
        if step.source is None:
            return (self._previous(incoming, step.word, step.at),)
        names["in"] = self.builder.channels(incoming)
        said = step.source.evaluate(names, self.builder)
        said = said if isinstance(said, tuple) else (said,)
        if not said or not all(isinstance(name, str) for name in said):
            message = "`from` must be the name of a value, or a list of names"
            self.builder.report("AS205", message, step.source.span, help="`from: [previous, a]`")
            raise Unknown
        written = step.source.value
        if isinstance(written, Sequence):
            spans = [item.span for item in written.items]
        else:
            spans = [step.source.span] * len(said)
        return tuple(
            [self.find(name, span, scope, incoming) for name, span in zip(said, spans, strict=True)]
        )

    def _previous(self, value: Value, word: str, at: Span) -> Value:
        """The value of the step before, where there is one."""
        if value != BEFORE:
            return value
        message = f"the network has several inputs: which does `{word}` take?"
        help = f"say it with `from`: {listed(self.spec.inputs)}"
        self.builder.report("AS211", message, at, help=help)
        return NOTHING

    def find(self, name: str, span: Span, scope: Scope, previous: Value) -> Value:
        """The value that `from` means by a name; NOTHING where that is unknown, and reported."""
        if name == "previous":
            return self._previous(previous, "previous", span)
        if name == "input" and (self._active or len(self.spec.inputs) == 1):
            return self._inputs[-1]
        value = scope.find(name)
        if value is None:
            if self.builder.sink.is_crowded:
                help, named = "name a step before it, or `previous`", None
            else:
                visible = [*scope.visible(), "previous"]
                help = suggestion(name, visible, f"there are {listed(visible[:12])}")
                named = self.spec.named(name)
            labels = () if named is None else (Label(named, "it is made here, out of reach"),)
            message = f"there is no value `{name}` before this step"
            self.builder.report("AS211", message, span, help=help, labels=labels)
            return NOTHING
        return value

    # What a step's word means

    def _run(self, call: _Call) -> Value:
        step, word = call.step, call.word
        if word in LAYERS:
            return self._merge(call) if step.branches is not None else self._layer(call)
        incoming = self._only_source(call)
        if word == "residual":
            return self._residual(call, incoming)
        if word in STRUCTURES:
            inner = Scope(call.full_name, numbered=True, outer=call.scope)
            return self.steps(step.layers, incoming, inner, call.names)
        return self._block(call, self.spec.blocks[word], incoming)

    def _only_source(self, call: _Call) -> Value:
        if len(call.sources) > 1:
            message = f"`{call.step.word}` takes one value, and `from` names {len(call.sources)}"
            help = "merge them first, with add, multiply or concat"
            self.builder.report("AS212", message, call.step.place_of("from"), help=help)
            raise Unknown
        return call.sources[0]

    def _layer(self, call: _Call) -> Value:
        step, sources = call.step, call.sources
        layer = step.layer or self._evaluated(call, LAYERS[call.word])
        if not layer.takes_many:
            sources = (self._only_source(call),)
        elif len(sources) < 2:
            message = f"{call.word} needs two values or more, and `from` names one"
            help = f"`- {call.word}: {{from: [previous, a]}}`"
            self.builder.report("AS212", message, step.place_of("from"), help=help)
            raise Unknown
        return self.builder.emit(layer, call.full_name, sources, step.at, step.places)

    def _evaluated(self, call: _Call, kind: type[Layer]) -> Layer:
        """The layer of a step whose fields hold expressions. The same fields, the same layer."""
        step = call.step
        fields = {
            key: setting.evaluate(call.names, self.builder) for key, setting in step.fields.items()
        }
        layer = self.builder.known_layer(kind, fields)
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
                self.builder.report(found.code, found.message, found.span, help=found.help)
            if layer is None:
                raise Unknown
            self.builder.keep_layer(layer, fields)
        return layer

    def _merge(self, call: _Call) -> Value:
        if len(call.sources) > 1:
            message = f"{call.word} takes `branches`, or several values in `from`, not both"
            help = "a branch may begin with `identity: {from: name}`"
            self.builder.report("AS212", message, call.step.place_of("from"), help=help)
            raise Unknown
        incoming, inner = call.sources[0], call.inner_scope()
        values = [
            self.steps(branch, incoming, inner, dict(call.names))
            for branch in call.step.branches or ()
        ]
        layer = self.builder.layer(LAYERS[call.word], {})
        return self.builder.emit(layer, call.full_name, tuple(values), call.step.at)

    def _block(self, call: _Call, block: Block, incoming: Value) -> Value:
        step = call.step
        if block.name in self._active:
            if self.builder.sink.holds("AS209"):
                raise Unknown  # The document's own circles are known.
            message = f"the block `{block.name}` calls itself"
            help = "a network is finite: use `repeat` for a block in a row"
            self.builder.report("AS209", message, step.at, help=help)
            raise Unknown
        inner = self._arguments(call, block)
        frames = self.builder.frames
        called = f"in block `{block.name}`, called here"
        if frames and frames[-1].span is step.at:
            called = f"{called}, {frames[-1].text}"
        frames.append(Label(step.at, called))
        self._active.append(block.name)
        self._inputs.append(incoming)
        scope = Scope(call.full_name, block.numbered, call.scope)
        value = self.steps(block.steps, incoming, scope, inner)
        self._inputs.pop()
        self._active.pop()
        frames.pop()
        return value

    def _arguments(self, call: _Call, block: Block) -> Names:
        """The variables inside a block: the network's, and its arguments."""
        step, names = call.step, dict(self.variables)
        self._work += len(names) + len(block.args)
        for name in step.fields:
            if name not in block.args:
                help = suggestion(name, block.args, f"it takes {listed(block.args)}")
                message = f"the block `{block.name}` has no argument `{name}`"
                self.builder.report("AS203", message, step.place_of(name), help=help)
                raise Unknown
        for name, default in block.args.items():
            if name in step.fields:
                names[name] = step.fields[name].evaluate(call.names, self.builder)
            elif default is not None:
                names["in"] = call.names["in"]
                names[name] = default.evaluate(names, self.builder)
            else:
                message = f"the block `{block.name}` needs the argument `{name}`"
                self.builder.report("AS204", message, step.at, help=f"add `{name}:` here")
                raise Unknown
        return names

    def _residual(self, call: _Call, incoming: Value) -> Value:
        step, inner = call.step, call.inner_scope()
        first = len(self.builder.nodes)
        body = self.steps(step.layers, incoming, inner, dict(call.names))
        skip: Value | None = None
        if isinstance(step.shortcut, tuple):
            skip = self.steps(step.shortcut, incoming, inner, dict(call.names))
        around = Around(incoming, body, first, step.at, inner)
        return close(self.builder, around, step, skip, call.full_name)


def shown(value: Any) -> str:
    """A plain value as a message shows what was found in a shape's place."""
    if isinstance(value, tuple):
        return f"[{', '.join(str(item)[:20] for item in value[:8])}]"
    return describe(value)
