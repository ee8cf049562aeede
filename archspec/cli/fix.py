"""`archspec fix`: what is certainly a slip, mended in the file."""

from __future__ import annotations

import argparse
import sys
from shutil import copyfileobj
from typing import Any

from archspec import source
from archspec.cli.changing import why_not
from archspec.cli.difference import difference
from archspec.cli.main import OK, SPEC_ERROR, USAGE
from archspec.cli.specs import add_colour, add_kinds, add_set, fail, show, vocabulary
from archspec.diagnostics import shown_path
from archspec.fixing import Mended, mended
from archspec.kinds import Vocabulary
from archspec.terminal import printable, style_for

_DESCRIPTION = """\
Mend what is certainly a slip: a misspelt word, a number in quotes, a missing flatten, the padding
that keeps a size which is expected. The changes are shown as a diff, and made in the file.

Nothing else in the file changes, comments and layout included. A change that would bring an error
is not made. What is in other files, that the spec extends or imports from, stays: name them, too.
With - the spec comes from standard input, and what it should be goes to standard output.
"""
_EPILOG = """\
exit status: 0 nothing is wrong now, 1 there are errors left, or with --diff something to mend, 2
usage or a file that can't be read or written
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "fix",
        help="mend what is certainly a slip, showing a diff",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("specs", nargs="+", metavar="SPEC", help="a spec file, or -")
    parser.add_argument("--diff", action="store_true", help="show the changes, and make none")
    add_set(parser)
    add_kinds(parser)
    add_colour(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Mend the specs; the exit status."""
    kinds = vocabulary(options)
    if kinds is None:
        return USAGE
    return max([_fix(spec, options, kinds) for spec in dict.fromkeys(options.specs)])


def _fix(spec: str, options: argparse.Namespace, kinds: Vocabulary) -> int:
    """Mend one spec; the exit status."""
    problem = why_not(spec, "fix")
    if problem:
        fail(problem)
        return USAGE
    try:
        data = source.read_source(spec)
        found = mended(spec, data, dict(options.overrides), kinds)
    except OSError as error:
        fail(f"cannot use {spec}: {error.strerror or error}")
        return USAGE
    return _finish(spec, data, found, options)


def _finish(spec: str, data: bytes, found: Mended, options: argparse.Namespace) -> int:
    """Show what was mended, write it, and say what is left."""
    if spec == "-" and not options.diff:
        sys.stdout.buffer.write(found.data)
        copyfileobj(sys.stdin.buffer, sys.stdout.buffer)  # What lies behind the most that is read.
    elif found.made:
        print(
            difference(shown_path(spec), data, found.data, style_for(sys.stdout, options.color)),
            end="",
        )
    if found.made and not options.diff and spec != "-":
        from archspec.files import rewrite_file

        sys.stdout.flush()  # Where the diff cannot be shown, nothing is changed.
        try:
            rewrite_file(spec, found.data)
        except OSError as error:
            fail(f"cannot write {spec}: {error.strerror or error}")
            return USAGE
    if options.diff:
        print(f"{printable(spec)}: {len(found.made):,} to mend", file=sys.stderr)
        return SPEC_ERROR if found.made or not found.compiled.ok else OK
    print(f"{printable(spec)}: {len(found.made):,} mended", file=sys.stderr)
    show(found.compiled.diagnostics, options.color)
    return OK if found.compiled.ok else SPEC_ERROR
