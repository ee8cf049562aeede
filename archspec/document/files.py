"""The other files of a spec: the one that it extends, and those that it imports blocks from."""

from __future__ import annotations

import os
from collections.abc import Mapping as Lookup
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from archspec import source, zoo
from archspec.beside import find_beside, read_beside
from archspec.diagnostics import Sink, Span
from archspec.expressions import describe
from archspec.source import LARGEST_FILE, MOST_VALUES, Mapping, Scalar, Sequence, Value, plain

MOST_FILES = 100
"""Files of one spec."""

Opened = Lookup[Path, bytes]
"""What an editor has in the place of what lies on the disk."""
NOTHING_OPENED: Opened = MappingProxyType({})


class File(NamedTuple):
    """A file that was read: where it lies, its sections, and their names as they are written. It
    holds `size` values.
    """

    path: Path
    root: Mapping
    written: frozenset[str] = frozenset()
    size: int = 0


class Files:
    """Opens the files that belong to a spec, each once.

    A file is in the folder of the one that names it, or below; a name without a suffix, with no
    such file beside it, is a network of the zoo. All files together are as large as one may be;
    a file counts as often as it is extended, for it is read anew each time.
    """

    def __init__(self, sink: Sink, opened: Opened = NOTHING_OPENED) -> None:
        self._sink = sink
        self._opened = opened
        self._known: dict[Path, File | None] = {}
        self._size = 0
        self._values = 0

    def find(self, written: Value, what: str) -> Path | None:
        """Where the file lies that is `written`; None where that is reported. `what` is the key
        that says it, as messages call it.
        """
        name = plain(written)
        if not isinstance(name, str) or not name:
            message = f"{what} must be the name of a file, not {describe(name)}"
            self._sink.report("AS205", message, written.span, help=f"{what.strip('`')}: other.yaml")
            return None
        path = find_beside(name, written.span, what, self._sink)
        if path is not None and "." not in name and not os.path.exists(path):
            return zoo.find(name) or path
        return path

    def open(self, written: Scalar, path: Path, what: str) -> File | None:
        """The file at `path`, found for what is `written`; None where that is reported."""
        if path not in self._known:
            self._known[path] = self._read(written, path, what)
        elif what == "`extends`" and not self._admits(self._known[path], written):
            return None
        return self._known[path]

    def _admits(self, file: File | None, written: Scalar) -> bool:
        """Whether a spec may hold the values of one file more, or once more."""
        was, self._values = self._values, self._values + (file.size if file else 0)
        if was <= MOST_VALUES < self._values:
            message = f"the spec's files hold more than {MOST_VALUES:,} values together"
            help = "keep what the network uses"
            self._sink.report("AS104", message, written.span, help=help)
        return self._values <= MOST_VALUES

    def _read(self, written: Scalar, path: Path, what: str) -> File | None:
        name, at = str(written.value), written.span
        if len(self._known) >= MOST_FILES:
            if len(self._known) == MOST_FILES:
                report_many_files(at, self._sink)
            return None
        if self._size > LARGEST_FILE or self._values > MOST_VALUES:
            return None  # That has been said.
        beside = at.source.folder / name
        if path in self._opened:
            shown = str(beside if path == beside.resolve() else path)
            data = self._opened[path]
        elif path != beside.resolve():
            shown, data = str(path), path.read_bytes()  # of the zoo
        else:
            shown = str(beside)
            help = "" if os.path.isfile(path) else _way_out(name, at)
            found = read_beside(name, at, what, self._sink, help)
            if found is None:
                return None
            data = found
        self._size += len(data)
        if self._size > LARGEST_FILE:
            message = f"the spec's files are larger than {LARGEST_FILE // 2**20} MiB together"
            self._sink.report("AS003", message, at, help="keep what the network uses")
            return None
        text = source.decode(shown, data, self._sink)
        value = None if text is None else source.parse(text, self._sink)
        if isinstance(value, Mapping):
            self._check_version(value, name, at)
            file = File(path, value, size=_size(value))
            return file if self._admits(file, written) else None
        if not self._sink.has_errors:
            held = None if value is None else plain(value)
            message = f"`{name}` is no spec: it " + (
                "is empty" if held is None else f"holds {describe(held)}"
            )
            self._sink.report("AS205", message, at, help="a spec is a mapping of sections")
        return None

    def _check_version(self, root: Mapping, name: str, at: Span) -> None:
        """Every file says of which version of the language it is."""
        version = root.values.get("archspec")
        if version is None:
            message, help = (
                f"`{name}` does not say that it is a spec",
                "begin it with `archspec: 1`",
            )
            self._sink.report("AS204", message, at, help=help)
        elif (
            not isinstance(version, Scalar) or type(version.value) is not int or version.value != 1
        ):
            message = f"`archspec` must be 1, not {describe(plain(version))}"
            self._sink.report("AS206", message, version.span, help="write `archspec: 1`")


def report_many_files(at: Span, sink: Sink) -> None:
    """Report that there are more files than a spec may have, where the first is named."""
    message = f"a spec may have {MOST_FILES} files"
    sink.report("AS104", message, at, help="put blocks that go together in one file")


def _size(value: Value) -> int:
    """How many values it holds, itself included."""
    if isinstance(value, Scalar):
        return 1
    inner = value.items if isinstance(value, Sequence) else value.values.values()
    return 1 + sum([_size(item) for item in inner])


def _way_out(name: str, at: Span) -> str:
    """The file beside the spec that is most likely meant."""
    from archspec.words import closest

    folder, slash, last = name.rpartition("/")
    try:
        there = {path.name for path in (at.source.folder / name).parent.glob("*.yaml")}
    except (OSError, ValueError):
        there = set()
    known = [*sorted(there - {last, Path(at.source.path).name}), *zoo.networks()]
    if "." not in last:  # as a network of the zoo is named
        known = [*zoo.networks(), *known]
    near = closest(last, known)
    if near in there:
        near = f"{folder}{slash}{near}"
    return f"did you mean `{near}`?" if near else "name a file beside the spec, or of the zoo"
