"""Steps: a word, and its fields."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

from archspec import source
from archspec.diagnostics import Enough, Label, Sink, Span
from archspec.document.keys import check_keys, respelt, stand_for
from archspec.document.known import Known
from archspec.document.mending import respelling
from archspec.document.model import COMMON, MOST_STEPS, SHORTCUTS, STRUCTURES, Step
from archspec.document.names import Name
from archspec.document.settings import IN_REPEAT, Setting
from archspec.document.unknown import TYPE_WORDS, is_installed, meant_by, respelling_kind, way_out
from archspec.document.validation import anded, listed, validate
from archspec.expressions import Unknown, describe, is_expression
from archspec.kinds import Vocabulary
from archspec.layers.base import Layer
from archspec.source import Scalar, Value, plain, text_at
from archspec.words import suggestion


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

    @property
    def size(self) -> int:
        """Of the fields that every step may have."""
        return sum([value.size for value in self.common.values() if isinstance(value, Setting)])

    def broken(self) -> Step:
        return Step(
            self.word, self.at, places=self.places, broken=True, size=self.size, **self.common
        )


class StepReader:
    """Reads lists of steps, given the kinds of layer and the arguments of every block. The steps
    that it reads take their numbers from `numbers`, which several readers may share.
    """

    def __init__(
        self,
        blocks: Mapping[str, Arguments],
        vocabulary: Vocabulary,
        sink: Sink,
        numbers: Iterator[int],
    ) -> None:
        self.blocks = blocks
        self.vocabulary = vocabulary
        self.kinds = vocabulary.layers
        self.sink = sink
        self.numbers = numbers
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
        if next(self.numbers) > MOST_STEPS:
            message = f"the spec has more than {MOST_STEPS:,} steps, those of its blocks included"
            self.sink.report("AS501", message, item.span, help="make blocks, and `repeat` them")
            raise Enough
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value:
            return self._called(item, None, known)
        if isinstance(item, source.Mapping) and len(item.values) == 1:
            ((word, body),) = item.values.items()
            is_type = word in TYPE_WORDS and isinstance(body, Scalar) and type(body.value) is str
            if not is_type or self._is_known(word):
                return self._called(Scalar(word, item.keys[word]), body, known)
        from archspec.document.malformed import problem_with, under_type

        problem = under_type(item, self._meant) or problem_with(item, self._is_known)
        self.sink.report("AS210", problem.message, problem.span, help=problem.help)
        return self._common(problem.word, item.span, dict(problem.fields), known).broken()

    def _is_known(self, word: str) -> bool:
        return word in self.kinds or word in STRUCTURES or word in self.blocks

    def _meant(self, word: str) -> str | None:
        """The kind or block that a word stands for, or was most likely meant for, or None."""
        if self._is_known(word):
            return word
        return None if self.sink.is_crowded else meant_by(word, self.blocks, self.vocabulary)

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
        if any(key not in own and key not in COMMON for key in fields):
            # What every step may have is spoken of elsewhere, though it is misspelt.
            meant = respelt(fields, (*own, *COMMON))
            fields = {**fields, **{key: meant[key] for key in COMMON if key in meant}}
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
        near = self._meant(name)
        shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
        help, fix = way_out(near, self.blocks, name), None
        if near:
            fix = respelling_kind(name, near, self.blocks, self.vocabulary, at)
        self.sink.report("AS202", f"there is no kind or block `{shown}`", at, help=help, fix=fix)
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
            known = (*COMMON, *own)
            if any(key not in known for key in body.values):
                needed = self._needed(word)
                check_keys(body, known, f"`{word}`", "AS203", self.sink, own, needed)
            return body.values
        if main is None:
            message, help = self._body_alone(word, body, own)
            self.sink.report("AS205", message, body.span, help=help)
            return None
        items = body.items if isinstance(body, source.Sequence) else ()
        if word in self.kinds and any(isinstance(item, source.Mapping) for item in items):
            message = f"the fields of `{word}` are a mapping, not a list"
            self.sink.report("AS205", message, body.span, help="remove the dashes before them")
            return None
        return {main: body}

    def _needed(self, word: str) -> tuple[str, ...]:
        """The fields that a step of this word must have."""
        if word in STRUCTURES:
            return ("layers",)
        if word in self.blocks:
            return tuple(self.blocks[word].required)
        fields = self.kinds[word].model_fields
        return tuple([name for name, field in fields.items() if field.is_required()])

    def _body_alone(self, word: str, body: Value, own: tuple[str, ...]) -> tuple[str, str]:
        """What to say of a value where fields are due, of a word that has no main one."""
        value = plain(body)
        if not own:
            return f"`{word}` takes no value", f"write `- {word}` alone"
        message = f"`{word}` takes its fields by name, not {describe(value)} alone"
        names = value if word in self.kinds and isinstance(value, tuple) else ()
        if names and "branches" in own and all(isinstance(name, str) for name in names):
            return message, f"write `{word}: {{from: [{', '.join(names)}]}}`"
        shown = text_at(body.span) if isinstance(body, Scalar) else "…"
        return message, f"write `{word}: {{{own[0]}: {shown}}}`; its fields: {listed(own)}"

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
            if strange:
                return written.broken()  # What is strange may have been meant for it.
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
            size=written.size,
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
        help, fix = "`projection` fits wherever the shapes differ", None
        if isinstance(shortcut, str):
            help = suggestion(shortcut, SHORTCUTS, help)
            fix = respelling(shortcut, SHORTCUTS, value.span)
        self.sink.report("AS206", message, value.span, help=help, fix=fix)
        return None

    def _branches(self, written: _Written, own: tuple[str, ...]) -> Step:
        strange = [key for key in written.fields if key not in (*COMMON, *own)]
        value = respelt(written.fields, ("branches", *COMMON))["branches"]
        if not isinstance(value, source.Sequence) or len(value.items) < 2:
            message = f"`branches` of {written.word} must be a list of two or more lists of steps"
            help = "`[]` is the incoming value itself"
            self.sink.report("AS205", message, value.span, help=help)
            return written.broken()
        for item in value.items:
            if not isinstance(item, source.Sequence):
                message = f"a branch is a list of steps, not {describe(plain(item))}"
                help = "a step alone has two dashes, `- - relu`: the first is the branch's"
                self.sink.report("AS205", message, item.span, help=help)
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
            size=written.size + _size(settings),
            **written.common,
        )

    def _settled(self, written: _Written, own: tuple[str, ...]) -> Step:
        """A step of a kind of layer, or a call of a block."""
        word, at = written.word, written.at
        settings = self._settings(written, own)
        strange = [key for key in written.fields if key not in own and key not in COMMON]
        misspelt: Collection[str] = ()
        if strange:
            needed = self._needed(word)
            misspelt = needed if self.sink.is_crowded else stand_for(strange, own, needed)
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
            needed = tuple(self.blocks[word].required)
            missing = [name for name in needed if name not in settings and name not in misspelt]
            if missing:
                self._report_missing(word, missing, at)
                broken = True
        return Step(
            word,
            at,
            settings,
            written.places,
            layer=layer,
            reference=reference,
            broken=broken,
            size=written.size + _size(settings),
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
        self, written: _Written, settings: dict[str, Setting], misspelt: Collection[str]
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
            ignored=[name for name in (*settings, *misspelt) if name not in constants],
            variables=written.known,
        )
        # A list alone, where a number is due, is all fields at once: none of them is missing.
        listed_alone = [type(value) for value in written.fields.values()] == [source.Sequence]
        wrong = {diagnostic.code for diagnostic in local.sorted()} - {"AS204"}
        for diagnostic in local.sorted():
            if diagnostic.code != "AS204" or not (listed_alone and wrong):
                self.sink.add(diagnostic)
        if layer is not None and len(constants) == len(settings):
            self.layers[key] = layer
            return layer, True
        return None, not local.has_errors

    def _report_missing(self, block: str, names: Sequence[str], at: Span) -> None:
        declared = self.blocks[block].required
        several = "s" if len(names) > 1 else ""
        keys = " and ".join(f"`{name}:`" for name in names)
        default = "them defaults" if several else "it a default"
        self.sink.report(
            "AS204",
            f"the block `{block}` needs the argument{several} {anded(names)}",
            at,
            help=f"add {keys} here, or give {default} in the block's `args`",
            labels=tuple(
                [Label(declared[name], "declared here, without a default") for name in names]
            ),
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
        size, places = written.size + _size(settings), written.places
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
