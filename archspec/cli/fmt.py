"""`archspec fmt`: one layout for every spec."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any

from archspec import source
from archspec.cli.changing import why_not
from archspec.cli.main import OK, SPEC_ERROR, USAGE
from archspec.diagnostics import Sink
from archspec.files import rewrite_file
from archspec.formatting import FormattingFault, format_source
from archspec.terminal import printable

# `archspec.cli.specs` brings the whole compiler along: it is imported where there is an error.

_DESCRIPTION = """\
Lay out specs in the one canonical way. Values, comments and anchors stay what they are: that is
checked before a file is written. One that is not YAML is left alone; whether it is a right spec
makes no difference. With - the spec comes from standard input, and goes to standard output.
"""
_EPILOG = """\
exit status: 0 all is laid out, 1 a file is not YAML, or with --check or --diff would change, 2
usage or a file that is no spec, or can't be read or written
"""

_IS_SPEC = re.compile(r"^(archspec|layers|blocks):|\A(#.*\n|\n)*\Z", re.MULTILINE)
"""Of a text that is laid out. Other YAML has a layout of its own, and slips into a list of files
easily; what has nothing in it yet may become a spec.
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "fmt",
        help="lay out specs in the one canonical way, comments kept",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("specs", nargs="+", metavar="SPEC", help="a spec file, or -")
    parser.add_argument(
        "--check", action="store_true", help="name the files that would change, and write none"
    )
    parser.add_argument("--diff", action="store_true", help="show the changes, and make none")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Lay out each spec; one that cannot be does not keep the others from it."""
    return max([_format(spec, options) for spec in dict.fromkeys(options.specs)])


def _format(spec: str, options: argparse.Namespace) -> int:
    """Lay out one spec; the exit status."""
    problem = why_not(spec, "fmt")
    if problem:
        return _fail(problem)
    if os.path.isdir(spec):
        inside = printable(os.path.join(spec, "*.yaml"))
        return _fail(f"{printable(spec)} is a folder: name the files in it, {inside}")
    try:
        data = source.read_source(spec)
    except OSError as error:
        return _fail(f"cannot read {printable(spec)}: {error.strerror or error}")
    sink = Sink()
    written = source.decode(spec, data, sink)
    text = None
    if written is not None:
        try:
            text = format_source(written, sink)
        except FormattingFault as fault:
            return _fail(
                f"{printable(spec)} is left as it is: laying it out went wrong ({fault}). This is "
                "a fault of archspec's own: please report it, with the file"
            )
    if written is None or text is None:
        from archspec.cli.specs import show

        show(sink.sorted())
        return SPEC_ERROR
    if not _IS_SPEC.search(text):
        return _fail(
            f"{printable(written.path)} is no spec, and is left as it is: it has no `archspec: 1`, "
            "no `layers` and no `blocks`"
        )
    return _finish(spec, written.path, data, text.encode(), options)


def _finish(spec: str, name: str, data: bytes, laid_out: bytes, options: argparse.Namespace) -> int:
    """Write what was laid out, or show what it changes."""
    if options.check or options.diff:
        if laid_out == data:
            return OK
        if options.diff:
            from archspec.cli.difference import difference
            from archspec.terminal import style_for

            print(difference(name, data, laid_out, style_for(sys.stdout)), end="")
        if options.check:
            print(f"would format {printable(name)}")
        return SPEC_ERROR
    if spec == "-":
        sys.stdout.buffer.write(laid_out)
    elif laid_out != data:
        try:
            rewrite_file(spec, laid_out)
        except OSError as error:
            return _fail(f"cannot write {printable(spec)}: {error.strerror or error}")
        print(f"formatted {printable(spec)}")
    return OK


def _fail(message: str) -> int:
    print(f"archspec: error: {message}", file=sys.stderr)
    return USAGE
