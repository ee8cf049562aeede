"""Rename: a name, everywhere in its file, where the network stays the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from archspec.diagnostics import Diagnostic, Edit, Sink, Source
from archspec.document import STRUCTURES
from archspec.document.model import COMMON
from archspec.document.names import check_word, problem_with
from archspec.edits import edited
from archspec.layers import LAYERS
from archspec.lsp.analysis import Analysis
from archspec.lsp.names import (
    Occurrence,
    file_of,
    occurrence_at,
    occurrences,
    same,
    taken_files,
)
from archspec.lsp.outline import outline
from archspec.pipeline import Compiled

_WHAT = {
    "block": "a block",
    "variable": "a variable",
    "argument": "an argument",
    "value": "a value",
    "file": "a file",
}
_MOST_FILES = 500


Compile = Callable[[Path, str, Mapping[Path, str]], Compiled]
"""Compiles the text of the file at a path, with other texts in the place of some files'."""


class RenameError(Exception):
    """A name that cannot be changed; the message says why."""


def renamed_at(analysis: Analysis, line: int, column: int) -> Occurrence:
    """The name at a place, which can be changed from there. Raises RenameError where it cannot."""
    if not analysis.is_read:
        raise RenameError("mend the file first: as it stands, it cannot be read")
    found = occurrence_at(analysis, line, column)
    if found is None or found.kind == "file":
        raise RenameError("rename a block, an argument, a variable or a step's name")
    if found.target is None:
        raise RenameError(f"`{found.name}` is archspec's own, or is declared nowhere")
    if not analysis.is_here(found.target):
        raise RenameError(f"`{found.name}` is declared in {found.target.source.path}, not here")
    if not any(one.declares for one in same(analysis, found)):
        raise RenameError(f"`{found.name}` is a step without a name of its own: give it a `name`")
    return found


def rename(
    analysis: Analysis,
    line: int,
    column: int,
    name: str,
    compile_text: Compile,
    others: Iterable[tuple[Path, str]] = (),
) -> tuple[Edit, ...]:
    """The edits that give what is named at a place another name.

    `others` are files that may take something from this one, each with its text. Raises RenameError
    where the name cannot be, or where this network, or that of one of the others, would not be the
    same.
    """
    found = renamed_at(analysis, line, column)
    _check_name(found, name, analysis)
    edits = tuple(Edit(one.span, name) for one in same(analysis, found))
    here = Path(analysis.source.path).resolve()
    now, after = analysis.source.text, edited(analysis.source.text, edits)
    problem = _difference(compile_text(here, now, {}), compile_text(here, after, {}))
    if problem:
        raise RenameError(f"`{found.name}` cannot be `{name}`: {problem}")
    for path, text in _takers(here, others):
        before = compile_text(path, text, {here: now})
        if _difference(before, compile_text(path, text, {here: after})):
            message = f"`{found.name}` is spoken of in {path.name}, which takes it from this file"
            raise RenameError(f"{message}: rename it by hand, in both")
    return edits


def _check_name(found: Occurrence, name: str, analysis: Analysis) -> None:
    """Raise RenameError where a name cannot be one, or is taken."""
    if found.kind == "value":
        problem = problem_with(name)
        if problem:
            raise RenameError(": ".join(problem))
    else:
        sink = Sink()
        assert found.target is not None, "it was looked at"
        check_word(name, found.target, _WHAT[found.kind], sink)
        for diagnostic in sink.sorted():
            raise RenameError(f"{diagnostic.message}: {diagnostic.help}")
    words = {"block": (*LAYERS, *STRUCTURES), "argument": COMMON}.get(found.kind, ())
    if name in words:
        raise RenameError(f"`{name}` is a word of the language: choose another name")
    alike = ("variable", "argument") if found.kind in ("variable", "argument") else (found.kind,)
    for one in occurrences(analysis):
        if one.kind in alike and one.name == name and found.kind != "value":
            raise RenameError(
                f"there is {_WHAT[one.kind]} `{name}` already, in line {one.span.line}"
            )


def _takers(here: Path, others: Iterable[tuple[Path, str]]) -> list[tuple[Path, str]]:
    """Those of some files that take something from the one `here`, or from one that does."""
    texts = {path.resolve(): text for path, text in others}
    reached = [here]
    for taken in reached:  # which grows as it is gone through
        for path, text in texts.items():
            if path not in reached and taken.stem in text:
                source = Source(str(path), text, path.parent)
                if taken in map(file_of, taken_files(outline(source))):
                    reached.append(path)
    return [(path, texts[path]) for path in reached[1:]]


def _difference(before: Compiled, after: Compiled) -> str:
    """Why two networks are not the same but for names; empty where they are."""
    known = [_key(diagnostic) for diagnostic in before.diagnostics]
    for diagnostic in after.diagnostics:
        if _key(diagnostic) not in known:
            return diagnostic.message
        known.remove(_key(diagnostic))
    ours, theirs = before.graph, after.graph
    indices = {node.name: index for index, node in enumerate(ours.nodes)}
    others = {node.name: index for index, node in enumerate(theirs.nodes)}
    same_nodes = len(ours.nodes) == len(theirs.nodes) and all(
        one.layer == other.layer
        and one.signature.inputs == other.signature.inputs
        and [indices.get(name, -1) for name in one.inputs]
        == [others.get(name, -1) for name in other.inputs]
        for one, other in zip(ours.nodes, theirs.nodes, strict=True)
    )
    same_ends = [indices.get(name) for name in ours.outputs] == [
        others.get(name) for name in theirs.outputs
    ]
    return "" if same_nodes and same_ends and not known else "the network would not be the same"


def _key(diagnostic: Diagnostic) -> tuple[str, str, int]:
    """What a change of names leaves of a diagnostic."""
    return diagnostic.code, diagnostic.span.source.path, diagnostic.span.line


def sources_near(path: Path) -> Iterable[tuple[Path, str]]:
    """The specs that could take something from the file at a path: those in its folder, and in the
    two around it.
    """
    count = 0
    for folder in [path.parent, *path.parent.parents][:3]:
        try:
            found = sorted(folder.glob("*.yaml"))
        except OSError:
            return
        for other in found:
            count += 1
            if count > _MOST_FILES:
                return
            try:
                yield other, other.read_text("utf-8", "replace")
            except OSError:
                continue
