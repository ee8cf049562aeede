"""Comments in a file that silence its warnings.

`# archspec: ignore[AS701, AS704]` at the end of a line silences these codes on that line, which is
where a warning begins; `# archspec: ignore-file[AS701]` anywhere silences them in the whole file,
and in a network that is checked in the files that it takes from too. Errors cannot be silenced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from archspec.diagnostics.codes import CODES, Severity
from archspec.diagnostics.diagnostic import Diagnostic, Edit, Source, Span

_SIGN = "archspec: ignore"
# Patterns that are compiled where a file has such a comment: few do.
_PIECES = r"""(?<![^\s\[{,])(?:"(?:[^"\\]|\\.)*+"|'(?:[^']|'')*+'|["'].*)|(?<!\S)#.*"""
"""The quoted texts of a line, and its comment. One that is not closed goes on to the line's end."""
_IGNORE = r"#[ \t]*archspec: ignore(?P<file>-file)?(?![\w-])(?:\[(?P<codes>[^\]]*)\])?"
_CODE = r"[^\s,]+"

UNUSED = "AS713"
_MOST = 100
"""Of these that are told: to look for what was meant takes a while."""


class _Ignore:
    """A comment: the codes that it silences, each with its place, and whether in the whole file.
    It may stand alone on its line.
    """

    __slots__ = ("codes", "span", "stands_alone", "whole")

    def __init__(
        self, span: Span, codes: dict[str, Span], *, whole: bool, stands_alone: bool
    ) -> None:
        self.span = span
        self.codes = codes
        self.whole = whole
        self.stands_alone = stands_alone


def silenced(
    found: Sequence[Diagnostic], file: Source, *, is_judged: bool = False
) -> list[Diagnostic]:
    """What is left of all that was found when the `file`, and those that it takes from, have their
    say. Where that `is_judged`, what silences nothing in the file itself is among it.
    """
    sources = {d.span.source for d in found if d.severity is Severity.WARNING} | {file}
    ignores = {source: list(_ignores(source)) for source in sources if _SIGN in source.text}
    if not ignores:
        return list(found)
    lines: dict[tuple[Source, int, str], Span] = {}
    files: dict[tuple[Source, str], Span] = {}
    for source, those in ignores.items():
        for ignore in those:
            for code, span in ignore.codes.items():
                if ignore.whole:
                    files.setdefault((source, code), span)
                else:
                    lines.setdefault((source, ignore.span.line, code), span)
    kept: list[Diagnostic] = []
    used: set[Span] = set()

    def is_silenced(diagnostic: Diagnostic) -> bool:
        at, code = diagnostic.span, diagnostic.code
        by = (
            lines.get((at.source, at.line, code)),
            files.get((at.source, code)),
            files.get((file, code)),
        )
        used.update([span for span in by if span is not None])
        return any(by)

    for diagnostic in found:
        if diagnostic.severity is Severity.ERROR or not is_silenced(diagnostic):
            kept.append(diagnostic)
    if is_judged:
        told = chain.from_iterable(_unused(ignore, used) for ignore in ignores.get(file, ()))
        kept += [diagnostic for diagnostic in islice(told, _MOST) if not is_silenced(diagnostic)]
        kept.sort(key=lambda d: (d.span.source.path, *d.span[:2]))
    return kept


def _ignores(source: Source) -> Iterator[_Ignore]:
    """The comments of a text that silence something, or are meant to. That a text of several lines
    holds what looks like one is not looked into.
    """
    for number, line in enumerate(source.lines(), 1):
        if _SIGN in line:
            yield from _of_line(line, Span(number, 1, number, 1, source))


def _of_line(line: str, beginning: Span) -> Iterator[_Ignore]:
    pieces = re.finditer(_PIECES, line)
    start = next((piece.start() for piece in pieces if piece[0][0] == "#"), len(line))
    for comment in re.finditer(_IGNORE, line[start:]):
        at = beginning.part(start + comment.start(), len(comment[0]))
        codes: dict[str, Span] = {}
        for code in re.finditer(_CODE, comment["codes"] or ""):
            within = comment.start("codes") - comment.start() + code.start()
            codes.setdefault(code[0], at.part(within, len(code[0])))
        stands_alone = not line[:start].strip()
        yield _Ignore(at, codes, whole=comment["file"] is not None, stands_alone=stands_alone)


def silencing(diagnostic: Diagnostic) -> Edit:
    """The edit that silences a warning on its line, in the comment that does so of others there, or
    in a new one.
    """
    at, code = diagnostic.span, diagnostic.code
    line, beginning = at.source.lines()[at.line - 1], at._replace(column=1, end_line=at.line)
    for ignore in _of_line(line, beginning):
        if ignore.codes and not ignore.whole:
            first = next(iter(ignore.codes.values()))
            return Edit(first.part(0, 0), f"{code}, ")
    return Edit(beginning.part(len(line.rstrip()), 0), f"  # {_SIGN}[{code}]")


def _unused(ignore: _Ignore, used: set[Span]) -> Iterator[Diagnostic]:
    """What is wrong with a comment: codes that are none, or of errors, or not reported there."""
    word = "ignore-file" if ignore.whole else "ignore"
    if not ignore.codes:
        message = f"`{word}` silences nothing without a code"
        yield Diagnostic(UNUSED, message, ignore.span, help=f"say which: `{word}[AS701]`")
    for code, span in ignore.codes.items():
        if code in CODES and (code == UNUSED or span in used):
            continue
        if code not in CODES:
            from archspec.words import suggestion

            message, help = f"there is no code `{code}`", suggestion(code, CODES, "remove it")
        elif CODES[code].severity is Severity.ERROR:
            message = f"{code} is an error ({CODES[code].title}), and cannot be silenced"
            help = "remove it"
        elif ignore.stands_alone and not ignore.whole:
            message = f"this silences no {code}: it speaks of its own line"
            help = "put it at the end of the line that it is about, or write `ignore-file`"
        else:
            where = "in this file" if ignore.whole else "on this line"
            message, help = f"this silences nothing: there is no {code} {where}", "remove it"
        yield Diagnostic(UNUSED, message, span, help=help)
