"""What the commands that take a SPEC share: finding it, `--set`, and telling what is wrong."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence

from archspec import source, zoo
from archspec.diagnostics import Diagnostic, Sink
from archspec.kinds import KindError, Vocabulary, read_kinds
from archspec.pipeline import Compiled, compile_file
from archspec.source import Plain
from archspec.words import closest

MOST_SHOWN = 200
"""Diagnostics that are shown; whoever has more has one cause, or reads JSON."""

SPEC_HELP = "a spec file, - for standard input, or the name of a network in the zoo"


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add the option `--set NAME=VALUE`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=_assignment,
        dest="overrides",
        help="give one of the spec's `vars`, or symbolic sizes, a value, written as in YAML",
    )


def add_kinds(parser: argparse.ArgumentParser) -> None:
    """Add the option `--kinds FILE`."""
    parser.add_argument(
        "--kinds",
        action="append",
        default=[],
        metavar="FILE",
        help="a Python file, which is run, with kinds of layer of your own in its KINDS",
    )


def vocabulary(options: argparse.Namespace) -> Vocabulary | None:
    """The kinds of layer that there are; None where a file of them cannot be used. That is said."""
    try:
        return Vocabulary(kind for path in options.kinds for kind in read_kinds(path))
    except OSError as error:
        fail(f"cannot read {error.filename}: {error.strerror or error}")
    except KindError as error:
        fail(str(error))
    return None


def _assignment(text: str) -> tuple[str, Plain]:
    name, equals, written = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"`{text}` is not NAME=VALUE")
    sink = Sink()
    decoded = source.decode("-", written.encode("utf-8", "surrogateescape"), sink)
    value = source.parse(decoded, sink) if decoded is not None else None
    if value is None:
        why = sink.sorted()[0].message if sink.sorted() else "there is nothing after the `=`"
        raise argparse.ArgumentTypeError(f"the value in `{text[:80]}` cannot be read: {why}")
    return name.strip(), source.plain(value)


def compile_spec(
    spec: str, overrides: Sequence[tuple[str, Plain]], vocabulary: Vocabulary
) -> Compiled | None:
    """The spec compiled, its diagnostics not yet shown; None where it can't be read, which is said
    on standard error.
    """
    path = zoo.resolve(spec)
    try:
        return compile_file(path, dict(overrides), vocabulary)
    except OSError as error:
        fail(f"cannot read {spec}: {error.strerror or error}{_way_out(spec, error)}")
        return None


def _way_out(spec: str, error: OSError) -> str:
    if not isinstance(error, FileNotFoundError) or os.sep in spec:
        return ""
    near = closest(spec.removesuffix(".yaml"), zoo.networks())
    if near:
        return f"; did you mean `{near}`, of the zoo?"
    return f"; the zoo has {', '.join(zoo.networks())}"


def fail(message: str) -> None:
    """Say on standard error why a command cannot do its work."""
    print(f"archspec: error: {message}", file=sys.stderr)


def show(diagnostics: Iterable[Diagnostic]) -> None:
    """Show diagnostics on standard error."""
    from archspec.diagnostics.render import text

    found = list(diagnostics)
    for diagnostic in found[:MOST_SHOWN]:
        print(text.render(diagnostic), end="\n\n", file=sys.stderr)
    if len(found) > MOST_SHOWN:
        more = f"and {len(found) - MOST_SHOWN:,} more; `check --format json` has them all"
        print(more, file=sys.stderr)
