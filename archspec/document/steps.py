"""Steps: a word, and its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, NamedTuple

from archspec import source
from archspec.diagnostics import Label, Sink, Span
from archspec.document.known import Known
from archspec.document.model import COMMON, SHORTCUTS, STRUCTURES, Step
from archspec.document.names import Name
from archspec.document.settings import IN_REPEAT, Setting
from archspec.document.unknown import is_installed, meant_by, way_out
from archspec.document.validation import listed, validate
from archspec.expressions import Unknown, describe, is_expression
from archspec.kinds import Vocabulary
from archspec.layers.base import Layer
from archspec.source import Scalar, Value, plain
from archspec.words import closest, suggestion


class Arguments(NamedTuple):
    """The arguments of a block, and where those that must be given are declared."""

    names: tuple[str, ...]
    required: Mapping[str, Span]
    broken: bool = False
    """The block is wrong in a way that leaves its arguments unknown; that has been reported."""


LONGEST_NAME = 100
"""Characters of an unknown word that a message shows."""


class _Written(NamedTuple):
    """A step as it was found: its word, the word's place, the fields, and the variables around."""

    word: str
    at: Span
    fields: dict[str, Value]
    common: dict[str, Any]
    known: Set[str]

    @property
    def places(self) -> dict[str, Span]:
        return {name: value.span for name, value in self.fields.items()}

    def broken(self) -> Step:
        return Step(self.word, self.at, places=self.places, broken=True, **self.common)


class StepReader:
    """Reads lists of steps, given the kinds of layer and the arguments of every block."""

    def __init__(self, blocks: Mapping[str, Arguments], vocabulary: Vocabulary, sink: Sink) -> None:
        self.blocks = blocks
        self.vocabulary = vocabulary
        self.kinds = vocabulary.layers
        self.sink = sink
        self.layers: dict[tuple[type[Layer], str], Layer] = {}
        """Layers by kind and fields: the same fields make the same layer."""

    def read(self, value: Value, known: Set[str]) -> tuple[Step, ...]:
        """The steps of a list, with `known` for the variables that may be used there."""
        if not isinstance(value, source.Sequence):
            message = f"steps are a list, not {describe(plain(value))}"
            self.sink.report("AS205", message, value.span, help="put a `- ` before each step")
            return (Step("", value.span, broken=True),)
        return tuple([self._step(item, known) for item in value.items])

    def _step(self, item: Value, known: Set[str]) -> Step:
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value:
            return self._called(item, None, known)
        if isinstance(item, source.Mapping) and len(item.values) == 1:
            ((word, body),) = item.values.items()
            return self._called(Scalar(word, item.keys[word]), body, known)
        help = "write `- relu`, `- fc: 10`, or `- conv: {out_channels: 64, kernel_size: 3}`"
        if isinstance(item, source.Mapping) and item.values:
            first, second = list(item.values)[:2]
            message = f"a step is one word with its fields, but this one has {len(item.values)}"
            if first in self.kinds or first in STRUCTURES or first in self.blocks:
                help = f"indent what belongs to `{first}` further, or put it in {{ }}"
            span = item.keys[second]
        else:
            message = f"a step is a word, or a word with its fields, not {describe(plain(item))}"
            span = item.span
        self.sink.report("AS210", message, span, help=help)
        return Step("", item.span, broken=True)

    def _called(self, word: Scalar, body: Value | None, known: Set[str]) -> Step:
        """The step of this word, whose fields are the `body`."""
        name, at = str(word.value), word.span
        if is_expression(name):
            return self._dynamic(word, body, known)
        if name in STRUCTURES:
            own = STRUCTURES[name]
            main: str | None = own[0]
        elif name in self.kinds and name not in self.blocks:
            kind = self.kinds[name]
            own = (*kind.model_fields, *(("branches",) if kind.takes_many else ()))
            own += (kind.reference,) if kind.reference else ()
            main = kind.main_field
        elif name in self.blocks:
            own, main = self.blocks[name].names, None
            if self.blocks[name].broken:
                return self._unread(name, at, body, known)
        else:
            return self._unknown(word, body, known)
        fields = self._fields(name, body, own, main)
        if fields is None:
            return Step(name, at, broken=True)
        written = self._common(name, at, fields, known)
        if name in STRUCTURES:
            return self._structure(written)
        if "branches" in own and "branches" in respelt(fields, (*own, *COMMON)):
            return self._branches(written, own)
        return self._settled(written, own)

    def _unknown(self, word: Scalar, body: Value | None, known: Set[str]) -> Step:
        """The step of a word that is no kind or block yet: of a kind that a package offers, or a
        slip.
        """
        name, at = str(word.value), word.span
        try:
            if is_installed(name, at, self.vocabulary, self.sink):
                return self._called(word, body, known)
        except Unknown:
            return self._unread(name, at, body, known)
        near = None
        if not self.sink.is_crowded:
            near = meant_by(name, self.blocks, self.vocabulary)
        shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
        help = way_out(near, self.blocks)
        self.sink.report("AS202", f"there is no kind or block `{shown}`", at, help=help)
        # It is counted as what it was meant for, so that `from` finds what it names.
        return self._unread(near or name, at, body, known)

    def _unread(self, word: str, at: Span, body: Value | None, known: Set[str]) -> Step:
        """A step that cannot be read, but for what every step may have: others may speak of it."""
        fields = body.values if isinstance(body, source.Mapping) else {}
        return self._common(word, at, fields, known).broken()

    def _fields(
        self, word: str, body: Value | None, own: tuple[str, ...], main: str | None
    ) -> dict[str, Value] | None:
        """The fields by name, `main` where the body is that field's value; None is reported."""
        if body is None or (isinstance(body, Scalar) and body.value is None):
            return {}
        if isinstance(body, source.Mapping):
            check_keys(body, (*COMMON, *own), f"`{word}`", "AS203", self.sink, own)
            return body.values
        if main is None:
            message = f"`{word}` takes its fields by name, not {describe(plain(body))} alone"
            takes = listed(own) if own else "none of its own"
            self.sink.report("AS205", message, body.span, help=f"its fields: {takes}")
            return None
        return {main: body}

    def _common(self, word: str, at: Span, fields: dict[str, Value], known: Set[str]) -> _Written:
        """The step with the fields that every step may have read; a repeat has variables more."""
        common: dict[str, Any] = {"repeat": self._setting(fields.get("repeat"), known)}
        if "repeat" in fields:
            known = Known(IN_REPEAT, known)
        for field, key in _COMMON_SETTINGS:
            common[key] = self._setting(fields.get(field), known)
        written = fields.get("name")
        common["name"] = None if written is None else Name.read(written, known, self.sink)
        return _Written(word, at, fields, common, known)

    def _setting(self, value: Value | None, known: Set[str]) -> Setting | None:
        if value is None:
            return None
        setting = Setting(value, self.sink)
        setting.check_names(known, self.sink)
        return setting

    # The kinds of step

    def _structure(self, written: _Written) -> Step:
        own = STRUCTURES[written.word]
        strange = any(key not in own and key not in COMMON for key in written.fields)
        written = written._replace(fields=respelt(written.fields, (*own, *COMMON)))
        if "layers" not in written.fields:
            message = f"`{written.word}` needs `layers`"
            help = f"write `- {written.word}: {{layers: [...]}}`"
            self.sink.report("AS204", message, written.at, help=help)
            return written.broken()
        layers = self.read(written.fields["layers"], written.known)
        shortcut = self._shortcut(written)
        return Step(
            written.word,
            written.at,
            places=written.places,
            layers=layers,
            shortcut="identity" if shortcut is None else shortcut,
            broken=strange or shortcut is None,
            **written.common,
        )

    def _shortcut(self, written: _Written) -> str | tuple[Step, ...] | None:
        """A residual's shortcut; None is reported."""
        value = written.fields.get("shortcut")
        if value is None or written.word != "residual":
            return "identity"
        if isinstance(value, source.Sequence):
            return self.read(value, written.known)
        shortcut = plain(value)
        if isinstance(shortcut, str) and shortcut in SHORTCUTS:
            return shortcut
        words = ", ".join(SHORTCUTS)
        message = f"`shortcut` must be {words}, or a list of steps, not {describe(shortcut)}"
        help = "`projection` fits wherever the shapes differ"
        if isinstance(shortcut, str):
            help = suggestion(shortcut, SHORTCUTS, help)
        self.sink.report("AS206", message, value.span, help=help)
        return None

    def _branches(self, written: _Written, own: tuple[str, ...]) -> Step:
        strange = [key for key in written.fields if key not in (*COMMON, *own)]
        value = respelt(written.fields, ("branches", *COMMON))["branches"]
        if not isinstance(value, source.Sequence) or len(value.items) < 2:
            message = f"`branches` of {written.word} must be a list of two or more lists of steps"
            help = "`[]` is the incoming value itself"
            self.sink.report("AS205", message, value.span, help=help)
            return written.broken()
        branches = tuple([self.read(item, written.known) for item in value.items])
        settings = self._settings(written, tuple(key for key in own if key != "branches"))
        layer, fits = self._layer(written, settings, [])
        return Step(
            written.word,
            written.at,
            settings,
            written.places,
            layer=layer,
            branches=branches,
            broken=bool(strange) or not fits or any(s.broken for s in settings.values()),
            size=_size(settings),
            **written.common,
        )

    def _settled(self, written: _Written, own: tuple[str, ...]) -> Step:
        """A step of a kind of layer, or a call of a block."""
        word, at = written.word, written.at
        settings = self._settings(written, own)
        strange = [key for key in written.fields if key not in own and key not in COMMON]
        misspelt = [] if self.sink.is_crowded else [closest(key, own) for key in strange]
        layer, broken = None, bool(strange) or any(setting.broken for setting in settings.values())
        reference = None
        if word in self.kinds and word not in self.blocks:
            reference = settings.pop(self.kinds[word].reference or "", None)
            layer, fits = self._layer(written, settings, misspelt)
            broken = broken or not fits
            if self.kinds[word].takes_many and "from" not in respelt(written.fields, COMMON):
                message = f"{word} needs `branches`, or names in `from`"
                self.sink.report("AS204", message, at, help=f"write `- {word}: {{from: [a, b]}}`")
                broken = True
        else:
            for name, declared in self.blocks[word].required.items():
                if name not in settings and name not in misspelt:
                    self._report_missing(word, name, at, declared)
                    broken = True
        return Step(
            word,
            at,
            settings,
            written.places,
            layer=layer,
            reference=reference,
            broken=broken,
            size=_size(settings),
            **written.common,
        )

    def _settings(self, written: _Written, own: tuple[str, ...]) -> dict[str, Setting]:
        settings = {
            name: Setting(value, self.sink) for name, value in written.fields.items() if name in own
        }
        for setting in settings.values():
            setting.check_names(written.known, self.sink)
        return settings

    def _layer(
        self, written: _Written, settings: dict[str, Setting], misspelt: list[str | None]
    ) -> tuple[Layer | None, bool]:
        """The layer where every field is constant, and whether what is constant is right."""
        kind = self.kinds[written.word]
        constants = {name: s.constant for name, s in settings.items() if s.is_constant}
        key = (kind, repr(constants))
        if len(constants) == len(settings) and key in self.layers:
            return self.layers[key], True
        local = Sink()
        places = written.places
        layer = validate(
            kind,
            constants,
            lambda path: places.get(str(path[0]), written.at) if path else written.at,
            local,
            subject=f"`{written.word}`",
            ignored=[name for name in (*settings, *misspelt) if name and name not in constants],
        )
        for diagnostic in local.sorted():
            self.sink.add(diagnostic)
        if layer is not None and len(constants) == len(settings):
            self.layers[key] = layer
            return layer, True
        return None, not local.has_errors

    def _report_missing(self, block: str, name: str, at: Span, declared: Span) -> None:
        self.sink.report(
            "AS204",
            f"the block `{block}` needs the argument `{name}`",
            at,
            help=f"add `{name}:` here, or give it a default in the block's `args`",
            labels=(Label(declared, "declared here, without a default"),),
        )

    def _dynamic(self, word: Scalar, body: Value | None, known: Set[str]) -> Step:
        """A step whose word is an expression: its fields can be judged once it has a value."""
        name = str(word.value)
        dynamic = Setting(word, self.sink)
        dynamic.check_names(known, self.sink)
        if body is not None and not isinstance(body, source.Mapping) and plain(body) is not None:
            message = f"`{name}` takes its fields by name, not {describe(plain(body))} alone"
            self.sink.report("AS205", message, body.span, help=f"write `{name}: {{field: value}}`")
            return Step(name, word.span, broken=True)
        fields = body.values if isinstance(body, source.Mapping) else {}
        if isinstance(body, source.Mapping) and "branches" in fields:
            message = f"`{name}` cannot have `branches`: what it is, is known only when it runs"
            help = "write the kind itself, or name the values: `from: [a, b]`"
            self.sink.report("AS203", message, body.keys["branches"], help=help)
            return self._unread(name, word.span, body, known)
        written = self._common(name, word.span, fields, known)
        settings = self._settings(written, tuple(key for key in fields if key not in COMMON))
        size, places = _size(settings), written.places
        return Step(name, word.span, settings, places, dynamic=dynamic, size=size, **written.common)


_COMMON_SETTINGS = (
    ("when", "when"),
    ("from", "source"),
    ("expect", "expect"),
    ("shares", "shares"),
)
"""Fields that every step may have, and where a Step holds them."""


def _size(settings: Mapping[str, Setting]) -> int:
    """How many values the settings hold."""
    return sum([setting.size for setting in settings.values()])


def respelt(fields: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The fields with each misspelt one, reported elsewhere, under the word it was meant for."""
    known = tuple(known)
    meant: dict[str, Any] = {}
    for key, value in fields.items():
        near = key if key in known else closest(key, known)
        meant[near if near and (near == key or near not in fields) else key] = value
    return meant


def check_keys(
    mapping: source.Mapping,
    known: Iterable[str],
    subject: str,
    code: str,
    sink: Sink,
    shown: Iterable[str] = (),
) -> None:
    """Report each key that is not a known one; `shown` are those that a reader may look for."""
    known = tuple(known)
    for key, span in mapping.keys.items():
        if key not in known:
            takes = f"it takes {listed(shown or known)}"
            help = takes if sink.is_crowded else suggestion(key, known, takes)
            sink.report(code, f"{subject} has no `{key}`", span, help=help)
