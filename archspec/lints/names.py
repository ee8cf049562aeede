"""AS705, AS706 and AS707: variables, blocks and arguments that nothing uses.

A file is judged by its own names alone: what it takes over is the other file's to use, or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from archspec import source
from archspec.diagnostics import Diagnostic, Span
from archspec.document import Block, Spec, Step
from archspec.document.model import every_step
from archspec.document.settings import Setting
from archspec.lints.network import Network


class _Uses:
    """What a list of steps speaks of: variables, kinds and blocks by their words, and the fields
    that it gives to blocks whose name is an expression.
    """

    __slots__ = ("given", "variables", "words")

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.variables: set[str] = set()
        self.words: set[str] = set()
        self.given: set[str] = set()
        for step in every_step(steps):
            self.words.add(step.word)
            if step.name is not None:
                self.variables.update(step.name.names)
            for setting in _settings(step):
                self.variables.update(setting.names)
            if step.dynamic is not None:
                self.given.update(step.fields)


def unused_names(network: Network) -> Iterator[Diagnostic]:
    """Names of the file's own that nothing uses."""
    spec = network.spec
    variables, blocks = _own(spec, "vars"), _own(spec, "blocks")
    if variables or blocks or "imports" in spec.root.values:
        uses = {name: _Uses(block.steps) for name, block in spec.blocks.items()}
        steps = _Uses(spec.steps)
        yield from _unused_variables(spec, variables, uses, steps)
        called = _called(spec, uses, steps)
        yield from _unused_blocks(spec, blocks, called)
        given = steps.given.union(*(use.given for use in uses.values()))
        for name in blocks:
            if name in called:
                yield from _unused_arguments(spec, spec.blocks[name], uses[name], given)


def _own(spec: Spec, section: str) -> dict[str, Span]:
    """The names in a section that are the file's own, and their places."""
    mapping = spec.root.values.get(section)
    if not isinstance(mapping, source.Mapping):
        return {}
    file = spec.root.span.source
    return {name: at for name, at in mapping.keys.items() if at.source is file}


def _settings(step: Step) -> Iterator[Setting]:
    """All values of a step that may hold expressions."""
    yield from step.fields.values()
    others = (step.dynamic, step.source, step.repeat, step.when, step.expect, step.shares)
    for setting in (*others, step.reference):
        if setting is not None:
            yield setting


def _unused_variables(
    spec: Spec, own: dict[str, Span], uses: dict[str, _Uses], steps: _Uses
) -> Iterator[Diagnostic]:
    if not own:
        return
    used = set(steps.variables)
    settings = [*spec.vars.values(), *spec.inputs.values()]
    if spec.output is not None:
        settings.append(spec.output)
    for setting in settings:
        used.update(setting.names)
    for name, block in spec.blocks.items():
        if block.home is spec.home:  # An imported one has the variables of its own file.
            defaults = [default.names for default in block.args.values() if default is not None]
            used.update((uses[name].variables - block.args.keys()).union(*defaults))
    for name, at in own.items():
        if name not in used:
            message = f"nothing uses the variable `{name}`"
            yield Diagnostic("AS705", message, at, help=f"remove it, or write `${name}`")


def _called(spec: Spec, uses: dict[str, _Uses], steps: _Uses) -> set[str]:
    """The blocks that the layers call, themselves or through others. One that is named in a value
    may be called by it; and a variable that names one may be set to name another.
    """
    called = _reached(steps.words, uses)
    if len(called) == len(uses):
        return called
    if not _words(spec.vars.values()).isdisjoint(uses):
        return set(uses)
    lists = [spec.steps, *(block.steps for block in spec.blocks.values())]
    settings = [s for steps in lists for step in every_step(steps) for s in _settings(step)]
    for block in spec.blocks.values():
        settings += [default for default in block.args.values() if default is not None]
    return _reached(steps.words | _words(settings), uses)


def _reached(words: set[str], uses: dict[str, _Uses]) -> set[str]:
    """The blocks among these words, and those that they call."""
    reached: set[str] = set()
    left = [*words]
    while left:
        name = left.pop()
        if name in uses and name not in reached:
            reached.add(name)
            left += uses[name].words
    return reached


def _words(settings: Iterable[Setting]) -> set[str]:
    """All words in the strings that the settings hold."""
    words: set[str] = set()
    left: list[source.Value] = [setting.value for setting in settings]
    while left:
        value = left.pop()
        if isinstance(value, source.Scalar):
            if isinstance(value.value, str):
                words.update(re.findall(r"\w+", value.value))
        else:
            left += value.items if isinstance(value, source.Sequence) else value.values.values()
    return words


def _unused_blocks(spec: Spec, own: dict[str, Span], called: set[str]) -> Iterator[Diagnostic]:
    for name, at in own.items():
        if name not in called:
            message = f"nothing calls the block `{name}`"
            yield Diagnostic("AS706", message, at, help=f"remove it, or call it: `- {name}`")
    imports = spec.root.values.get("imports")
    files = imports.values.values() if isinstance(imports, source.Mapping) else ()
    for value in files:
        for item in value.items if isinstance(value, source.Sequence) else (value,):
            assert isinstance(item, source.Scalar), "what else is imported is an error"
            if item.value not in called:
                message = f"nothing calls the block `{item.value}` that is imported here"
                help = f"leave it out, or call it: `- {item.value}`"
                yield Diagnostic("AS706", message, item.span, help=help)


def _unused_arguments(
    spec: Spec, block: Block, uses: _Uses, given: set[str]
) -> Iterator[Diagnostic]:
    """Arguments that neither the steps nor later defaults mention. One that is given where a block
    is called by an expression is needed all the same: another block may be meant there.
    """
    defaults = [default.names for default in block.args.values() if default is not None]
    for name in block.args.keys() - uses.variables.union(*defaults):
        if name in given:
            continue
        message = f"the block `{block.name}` does not use its argument `{name}`"
        help = f"remove it here and where the block is called, or write `${name}`"
        at = source.key_place(spec.root, ("blocks", block.name, "args", name))
        yield Diagnostic("AS707", message, at, help=help)
