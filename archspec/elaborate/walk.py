"""The walk over steps."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics import Label, Sink, Span
from archspec.document import STRUCTURES, Block, Home, Spec, Step
from archspec.document.names import FROM_WORDS
from archspec.document.settings import Setting
from archspec.document.unknown import is_installed, meant_by, way_out
from archspec.document.validation import listed, validate
from archspec.elaborate.blame import Call
from archspec.elaborate.budget import Budget
from archspec.elaborate.builder import BEFORE, NOTHING, Builder, Stopped, Value
from archspec.elaborate.expectations import Expectations
from archspec.elaborate.scopes import Scope
from archspec.elaborate.shortcuts import Around, close
from archspec.elaborate.steps import (
    check_inline,
    is_present,
    name_broken,
    name_of,
    repeats,
    report_no_name,
)
from archspec.elaborate.variables import GivenBlock, variables_of
from archspec.expressions import Unknown, describe
from archspec.graph import Scope as GraphScope
from archspec.layers.base import Layer
from archspec.source import Sequence
from archspec.words import suggestion

DEEPEST = 60
"""Blocks and structures inside one another."""

Names = dict[str, Any]
"""The variables' values where a step stands."""


class _Run(NamedTuple):
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


class Walk:
    """Runs steps into a builder's graph.

    `expected` knows which of the shapes that steps are expected to make must come out.
    """

    def __init__(
        self, spec: Spec, builder: Builder, variables: Names, first: Value, expected: Expectations
    ) -> None:
        self.spec = spec
        self.builder = builder
        self.variables = variables
        self.expected = expected
        self.kinds = spec.vocabulary.layers
        self._homes = [spec.home]
        """Where the steps that are being run were written, from the network inwards."""
        self._variables = {id(spec.home): variables}
        self._inputs = [first]
        """The value that entered the network, and each block that is being run."""
        self._budget = Budget(builder)
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
                self._budget.spend(len(names))
                return self._repeated(step, step.repeat, incoming, scope, dict(names))
            if step.when is not None and not is_present(step.when, names, self.builder):
                self._budget.charge(step)
                return incoming
            incoming = self._once(step, incoming, scope, names, None)
            self.expected.check_step(step, incoming, names)
            return incoming
        except Unknown:
            self._name_broken(step, scope, names)
            return NOTHING

    def _name_broken(self, step: Step, scope: Scope, names: Names) -> None:
        block = None if self._is_kind(step.word) else self._block_called(step.word)
        # The steps of an inline block have names of their own.
        is_block = block is not None and not block.inline
        is_known = is_block or step.word in STRUCTURES or self._is_kind(step.word)
        name_broken(step, scope, names, self.builder, is_known=is_known)

    def _repeated(
        self, step: Step, repeat: Setting, incoming: Value, scope: Scope, names: Names
    ) -> Value:
        count = repeats(repeat, names, self.builder)
        position = 0
        for index in range(count):
            names.update(index=index, number=index + 1, first=index == 0, last=index == count - 1)
            names["in"] = self.builder.channels(incoming)
            if step.when is not None and not is_present(step.when, names, self.builder):
                self._budget.charge(step)
                continue
            self.builder.frames.append(Label(step.at, f"repeat {index + 1} of {count}"))
            incoming = self._once(step, incoming, scope, names, position)
            self.builder.frames.pop()
            position += 1
        if position:
            self.expected.check_step(step, incoming, names)
        return incoming

    def _once(
        self, step: Step, incoming: Value, scope: Scope, names: Names, position: int | None
    ) -> Value:
        """Run a step once. `position` is its place in its repeat, None where it has none."""
        self._budget.charge(step)
        name = ""
        try:
            if step.broken:
                assert self.builder.sink.has_errors, "a step is not lost without a word"
                raise Unknown
            sources = self._sources(step, incoming, scope, names)
            names["in"] = self.builder.channels(sources[0])
            word = step.word if step.dynamic is None else self._word(step, step.dynamic, names)
            block = None if self._is_kind(word) else self._block_called(word)
            if block is not None and block.inline:
                check_inline(step, block, self.builder)
                call = _Run(step, word, "", sources, scope, names)
                return self._block(call, block, self._only_source(call))
            name = name_of(step, word, scope, names, position, self.builder)
            call = _Run(step, word, name, sources, scope, names)
            value = self._run(call) if step.shares is None else self._sharing(call, step.shares)
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
        vocabulary, near = self.spec.vocabulary, None
        if isinstance(word, str) and (word in self.kinds or self._block_called(word)):
            return word
        blocks = [name for home in self._homes[::-1] for name in home.blocks]
        if isinstance(word, str):
            if is_installed(word, step.at, vocabulary, self.builder):
                return word
            near = meant_by(word, blocks, vocabulary)
        message = f"`{step.word}` is {describe(word)} here, which is no kind or block"
        self.builder.blame("AS202", message, step.at, help=way_out(near, blocks))
        raise Unknown

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
        self._budget.spend(len(said))
        if not said or not all(isinstance(name, str) for name in said):
            report_no_name(step.source, said, self.builder)
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
        if name == "input" and (self.builder.calls or len(self.spec.inputs) == 1):
            return self._inputs[-1]
        value = scope.find(name)
        if value is None and scope.is_uncertain:
            return NOTHING
        if value is None:
            if self.builder.sink.is_crowded or self.builder.has_reported("AS211", span):
                help, named = "name a step before it, or `previous`", None
            else:
                visible = [*scope.visible(), "previous"]
                help = suggestion(name, visible, f"there are {listed(visible[:12])}")
                named = self.spec.named(name)
            labels = () if named is None else (Label(named, "it is made here, out of reach"),)
            if named is not None and named.source is span.source and named[:2] > span[:2]:
                help = "a step takes what is made before it: move that one up, or this one down"
            message = f"there is no value `{name}` that could be taken here"
            self.builder.report("AS211", message, span, help=help, labels=labels)
            return NOTHING
        return value

    def _is_kind(self, word: str) -> bool:
        """Whether a word means a kind of layer here; a block of the same name comes first."""
        return word in self.kinds and word not in self._homes[-1].blocks

    def _sharing(self, call: _Run, shares: Setting) -> Value:
        """Run a step whose weights are those of another."""
        said = shares.evaluate(call.names, self.builder)
        if not isinstance(said, str):
            message = f"`shares` must be the name of a step, not {describe(said)}"
            self.builder.report("AS205", message, shares.span, help="`shares: conv1`")
            raise Unknown
        if said in FROM_WORDS:
            message = f"`shares` takes a step's name, and `{said}` is none"
            help = "give the step with the weights a name, and write that"
            self.builder.report("AS211", message, shares.span, help=help)
            raise Unknown
        if self.find(said, shares.span, call.scope, NOTHING) == NOTHING:
            raise Unknown
        # A repeat shares with the repeat of its number, where there are such.
        numbered = f"{said}.{call.name.rpartition('.')[2]}"
        said = numbered if call.scope.find(numbered) is not None else said
        home = call.scope.owner(said)
        assert home is not None, "it was found"
        with self.builder.sharing(call.full_name, home.full(said), shares.span):
            return self._run(call)

    # What a step's word means

    def _run(self, call: _Run) -> Value:
        step, word = call.step, call.word
        if self._is_kind(word):
            return self._merge(call) if step.branches is not None else self._layer(call)
        incoming = self._only_source(call)
        if word == "residual":
            return self._residual(call, incoming)
        if word in STRUCTURES:
            inner = Scope(call.full_name, numbered=True, outer=call.scope)
            self.builder.scopes[inner.prefix] = GraphScope(word, step.at, step.at)
            return self.steps(step.layers, incoming, inner, call.names)
        block = self._block_called(word)
        assert block is not None, "a word is a kind, a structure or a block"
        return self._block(call, block, incoming)

    def _only_source(self, call: _Run) -> Value:
        if len(call.sources) > 1:
            message = f"`{call.step.word}` takes one value, and `from` names {len(call.sources)}"
            help = "merge them first, with add, multiply or concat"
            self.builder.report("AS212", message, call.step.place_of("from"), help=help)
            raise Unknown
        return call.sources[0]

    def _layer(self, call: _Run) -> Value:
        step, sources = call.step, call.sources
        layer = step.layer or self._evaluated(call, self.kinds[call.word])
        if not layer.takes_many:
            sources = (self._only_source(call), *self._reference(call, layer.reference))
        elif len(sources) < 2:
            message = f"{call.word} needs two values or more, and `from` names one"
            help = f"`- {call.word}: {{from: [previous, a]}}`"
            self.builder.report("AS212", message, step.place_of("from"), help=help)
            raise Unknown
        return self.builder.emit(layer, call.full_name, sources, step.at, step.places, step.source)

    def _inner_scope(self, call: _Run) -> Scope:
        """Where steps inside a residual or a merge have their names: only a name opens a scope."""
        if call.step.name is None:
            return call.scope
        at = call.step.at
        self.builder.scopes[call.full_name] = GraphScope(call.word, at, at)
        return Scope(call.full_name, outer=call.scope)

    def _reference(self, call: _Run, field: str | None) -> tuple[Value, ...]:
        """The value that a layer reads the size of, if it names one in its `field`."""
        setting = call.step.reference or call.step.fields.get(field or "")
        if field is None or setting is None:
            return ()
        said = setting.evaluate(call.names, self.builder)
        if not isinstance(said, str):
            message = f"`{field}` must be the name of a value, not {describe(said)}"
            self.builder.report("AS205", message, setting.span, help=f"`{field}: conv1`")
            raise Unknown
        return (self.find(said, setting.span, call.scope, call.sources[0]),)

    def _evaluated(self, call: _Run, kind: type[Layer]) -> Layer:
        """The layer of a step whose fields hold expressions. The same fields, the same layer."""
        step = call.step
        fields = {
            key: setting.evaluate(call.names, self.builder)
            for key, setting in step.fields.items()
            if key != kind.reference
        }
        for value in fields.values():
            if type(value) is not int:
                self._budget.spend_on(value)
        layer = self.builder.known_layer(kind, fields)
        if layer is None:
            local = Sink()
            layer = validate(
                kind,
                fields,
                lambda path: step.place_of(str(path[0]) if path else None),
                local,
                subject=f"`{kind.kind}`",
                variables=call.names.keys(),
            )
            for found in local.sorted():
                self.builder.blame(found.code, found.message, found.span, help=found.help)
            if layer is None:
                raise Unknown
            self.builder.keep_layer(layer, fields)
        return layer

    def _merge(self, call: _Run) -> Value:
        if len(call.sources) > 1:
            message = f"{call.word} takes `branches`, or several values in `from`, not both"
            help = "a branch may begin with `identity: {from: name}`"
            self.builder.report("AS212", message, call.step.place_of("from"), help=help)
            raise Unknown
        incoming, inner = call.sources[0], self._inner_scope(call)
        self._budget.spend(len(call.names) * len(call.step.branches or ()))
        values = [
            self.steps(branch, incoming, inner, dict(call.names))
            for branch in call.step.branches or ()
        ]
        layer = call.step.layer or self._evaluated(call, self.kinds[call.word])
        places = call.step.places
        return self.builder.emit(layer, call.full_name, tuple(values), call.step.at, places)

    def _block_called(self, word: str) -> Block | None:
        """The block of this name in the file of the step, or in one that led there."""
        if isinstance(word, GivenBlock):
            return word.block
        for home in reversed(self._homes):
            if word in home.blocks:
                return home.blocks[word]
        return None

    def _block(self, call: _Run, block: Block, incoming: Value) -> Value:
        step = call.step
        if any(block is call.block for call in self.builder.calls):
            if self.builder.sink.holds("AS209"):
                raise Unknown  # The document's own circles are known.
            message = f"the block `{block.name}` calls itself"
            help = "a network is finite: use `repeat` for a block in a row"
            self.builder.report("AS209", message, step.at, help=help)
            raise Unknown
        if block.broken:
            raise Unknown
        inner = self._arguments(call, block)
        frames = self.builder.frames
        called = f"in block `{block.name}`, called here"
        if frames and frames[-1].span is step.at:
            called = f"{called}, {frames[-1].text}"
        frames.append(Label(step.at, called))
        self.builder.calls.append(Call(step, block))
        self._homes.append(block.home)
        self._inputs.append(incoming)
        scope = call.scope
        if not block.inline:
            scope = Scope(call.full_name, block.numbered, call.scope)
            given = {name: inner[name] for name in block.args}
            self.builder.scopes[scope.prefix] = GraphScope(block.name, block.at, step.at, given)
        value = self.steps(block.steps, incoming, scope, inner)
        self._inputs.pop()
        self._homes.pop()
        self.builder.calls.pop()
        frames.pop()
        return value

    def _arguments(self, call: _Run, block: Block) -> Names:
        """The variables inside a block: its file's, and its arguments."""
        step, names = call.step, dict(self._variables_of(block.home))
        self._budget.spend(len(names) + len(block.args))
        for name in step.fields:
            if name not in block.args:
                help = suggestion(name, block.args, f"it takes {listed(block.args)}")
                message = f"the block `{block.name}` has no argument `{name}`"
                self.builder.report("AS203", message, step.place_of(name), help=help)
                raise Unknown
        for name, default in block.args.items():
            if name in step.fields:
                names[name] = self._given(step.fields[name].evaluate(call.names, self.builder))
            elif default is not None:
                self._budget.spend(default.size)
                names["in"] = call.names["in"]
                names[name] = default.evaluate(names, self.builder)
            else:
                message = f"the block `{block.name}` needs the argument `{name}`"
                self.builder.report("AS204", message, step.at, help=f"add `{name}:` here")
                raise Unknown
        return names

    def _variables_of(self, home: Home) -> Names:
        if id(home) not in self._variables:
            self._variables[id(home)] = variables_of(home, {}, self.builder)
        return self._variables[id(home)]

    def _given(self, value: Any) -> Any:
        """An argument's value; the name of a block means the one of the caller's file."""
        block = self._block_called(value) if isinstance(value, str) else None
        return value if block is None else GivenBlock(value, block)

    def _residual(self, call: _Run, incoming: Value) -> Value:
        step, inner = call.step, self._inner_scope(call)
        first = len(self.builder.nodes)
        body = self.steps(step.layers, incoming, inner, dict(call.names))
        skip: Value | None = None
        if isinstance(step.shortcut, tuple):
            skip = self.steps(step.shortcut, incoming, inner, dict(call.names))
        around = Around(incoming, body, first, step.at, inner)
        return close(self.builder, around, step, skip, call.full_name)
