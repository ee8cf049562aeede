"""`archspec explain`: what a code means, why it matters, and how it looks wrong and right."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from archspec.cli.main import OK, USAGE
from archspec.cli.specs import add_colour, fail
from archspec.diagnostics import CODES
from archspec.diagnostics.catalogue import SECTIONS, Page, page
from archspec.terminal import Style, printable, style_for
from archspec.words import closest

_BOLD, _DIM, _COMMAND = "1", "2", "36"
_INDENT = " " * 4


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="say what a code of an error or a warning means",
        description="Say what a code means and why it matters, with a wrong and a right example.",
    )
    parser.add_argument("codes", nargs="*", metavar="CODE", help="AS301, or as301")
    parser.add_argument("--list", action="store_true", help="list every code with its title")
    add_colour(parser)
    parser.set_defaults(run=run, usage=parser.error)


def run(options: argparse.Namespace) -> int:
    """Explain the codes; the exit status."""
    style = style_for(sys.stdout, options.color)
    if options.list:
        print(_table(style))
        return OK
    if not options.codes:
        options.usage("say which code, AS301, or --list")
    codes = list(dict.fromkeys(code.upper() for code in options.codes))
    unknown = [code for code in codes if code not in CODES]
    for code in unknown:
        near = closest(code, CODES)
        also = f"did you mean {near} ({CODES[near].title})?" if near else "see explain --list"
        fail(f"there is no code {printable(code[:40])}; {also}")
    if unknown:
        return USAGE
    print("\n\n".join(_explained(page(code), style) for code in codes))
    return OK


def _table(style: Style) -> str:
    rows = [
        f"{style.paint(code, _BOLD)}  {entry.severity.value:<7}  {entry.title}"
        for code, entry in CODES.items()
    ]
    return "\n".join(rows)


def _explained(found: Page, style: Style) -> str:
    """A page for reading in a terminal."""
    severity = CODES[found.code].severity.value
    lines = [style.paint(f"{severity} {found.code}: {found.title}", _BOLD), ""]
    lines += _paragraphs(found.means, style)
    for heading, text in zip(SECTIONS[1:], (found.matters, found.wrong, found.right), strict=True):
        lines += ["", style.paint(heading, _BOLD), "", *_paragraphs(text, style)]
    return "\n".join(lines)


def _paragraphs(markdown: str, style: Style) -> list[str]:
    """Sentences broken to fit, and fenced blocks indented, below the names of their files."""
    lines: list[str] = []
    pieces = markdown.split("```")
    for number, piece in enumerate(pieces):
        if number % 2:
            lines += _block(piece, style)
            continue
        for paragraph in filter(None, piece.strip().split("\n\n")):
            text = paragraph.replace("\n", " ") if style.wraps else paragraph
            lines += [""] if lines else []
            lines += style.wrapped(text)
    return lines


def _block(fenced: str, style: Style) -> list[str]:
    head, _, text = fenced.partition("\n")
    language, _, title = head.partition(" ")
    lines = ["", style.paint(f"{_INDENT}{title[7:-1]}:", _DIM)] if title else [""]
    for line in text.splitlines():
        shown = style.paint(f"$ {line}", _COMMAND) if language == "sh" else line
        lines.append(f"{_INDENT}{shown}".rstrip())
    return lines
