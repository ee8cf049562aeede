"""`extends`: a spec that takes from another file what it does not say itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from archspec.diagnostics import Label, Sink, Span
from archspec.document.files import File, Files
from archspec.document.keys import check_keys, respelt
from archspec.document.mending import respelling
from archspec.document.model import Sections
from archspec.document.validation import listed, shown
from archspec.source import Mapping, Scalar, Value, plain
from archspec.words import suggestion

OWN = frozenset({"archspec", "name", "description", "expect", "extends", "imports"})
"""Sections that speak of one file alone, and are not taken over."""

MERGED = ("vars", "blocks")
"""Sections that are taken over entry by entry."""

Chain = tuple[tuple[Path, Span], ...]
"""The files that led to one another, and where each is named by the one before."""


def lineage(file: File, chain: Chain, files: Files, sink: Sink) -> list[File] | None:
    """The file, the one that it extends, the one that that extends, and so on.

    `chain` are the files that led to this one. None where one of them cannot be had; that is
    reported.
    """
    line = [_spelt(file, sink)]
    while (written := line[-1].root.values.get("extends")) is not None:
        chain = (*chain, (line[-1].path, written.span))
        found = follow(written, "`extends`", chain, files, sink)
        if found is None:
            return None
        line.append(_spelt(found, sink))
    _check_vars(line, sink)
    return line


def follow(written: Value, what: str, chain: Chain, files: Files, sink: Sink) -> File | None:
    """The file that is `written` at the end of the chain; None where that is reported."""
    path = files.find(written, what)
    if path is None:
        return None
    assert isinstance(written, Scalar), "what else was written is no file's name"
    met = [index for index, (other, _) in enumerate(chain) if other == path]
    if met:
        circle = chain[met[0] :]
        names = " → ".join([*(other.name for other, _ in circle), path.name])
        labels = tuple(Label(span, "which is named here") for _, span in circle[:-1])
        message = f"the files refer to one another in a circle: {names}"
        help = "let one of them stand alone"
        if len(circle) == 1:
            message, help = f"{what} names the file itself", "name another file, or remove it"
        sink.report("AS213", message, written.span, help=help, labels=labels)
        return None
    return files.open(written, path, what)


def merged(line: Sequence[Mapping]) -> Mapping:
    """One spec of a file and those that it extends, the file's own sections first.

    Variables and blocks are taken over one by one, and keep the order of the file that has them
    first: a variable may be spoken of by those after it.
    """
    own, *others = line
    keys, values = dict(own.keys), dict(own.values)
    for other in others:
        for key, value in other.values.items():
            mine = values.get(key)
            if key in OWN or (key in ("input", "inputs") and {"input", "inputs"} & values.keys()):
                continue
            if mine is None:
                keys[key], values[key] = other.keys[key], value
            elif key in MERGED and isinstance(mine, Mapping) and isinstance(value, Mapping):
                values[key] = Mapping(value.keys | mine.keys, value.values | mine.values, mine.span)
    return Mapping(keys, values, own.span)


def meant(mapping: Mapping, known: Iterable[str]) -> Mapping:
    """The mapping with each misspelt key, reported elsewhere, under the one it was meant for."""
    known = tuple(known)
    keys, values = respelt(mapping.keys, known), respelt(mapping.values, known)
    return Mapping(keys, values, mapping.span)


def main_file(root: Mapping) -> File:
    """The file that was asked for."""
    return File(Path(root.span.source.path).resolve(), root)


def _spelt(file: File, sink: Sink) -> File:
    """The file with its misspelt sections, which are reported, under the words they stand for."""
    check_keys(file.root, Sections.model_fields, "a spec", "AS201", sink)
    root = meant(file.root, Sections.model_fields)
    for key in ("vars", "imports"):
        section = root.values.get(key, root)
        if not isinstance(section, Mapping):
            # In the words of pydantic's report of the same, where the file is the main one.
            from archspec.document.hints import way_out

            value = plain(section)
            message = f"`{key}` must be a mapping, not {shown(value)}"
            help = way_out("dict_type", value, frozenset(), "")
            sink.report("AS205", message, section.span, help=help)
    return file._replace(root=root, written=frozenset(file.root.values))


def _check_vars(line: Sequence[File], sink: Sink) -> None:
    """Report a variable that a file changes and those that it extends do not have: a slip, unless
    the file brings steps of its own that could use it.
    """
    inherited: dict[str, None] = {}
    for file in reversed(line):
        section = file.root.values.get("vars")
        names = section.keys if isinstance(section, Mapping) else {}
        if file is not line[-1] and not {"layers", "blocks"} & file.root.values.keys():
            for name in names:
                if name not in inherited:
                    help, fix = "give it to the other file, or remove it", None
                    if not sink.is_crowded:
                        near = f"there are {listed(list(inherited)[:12])}"
                        help = suggestion(name, inherited, near)
                        fix = respelling(name, inherited, names[name], taken=names)
                    message = f"the spec that this one extends has no variable `{name}`"
                    sink.report("AS402", message, names[name], help=help, fix=fix)
        inherited.update(dict.fromkeys(names))
