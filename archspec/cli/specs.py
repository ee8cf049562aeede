"""What the commands that take a SPEC share: finding it, `--set`, and telling what is wrong."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Sequence

from archspec import source, zoo
from archspec.diagnostics import CODES, Diagnostic, Severity, Sink
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


def add_judgement(parser: argparse.ArgumentParser) -> None:
    """Add the options `--ignore CODE` and `--strict`, which `compile_spec` follows."""
    parser.add_argument(
        "--ignore",
        action="extend",
        default=[],
        metavar="CODE[,CODE]",
        type=_warnings,
        help="leave out warnings of these codes",
    )
    parser.add_argument(
        "--strict", action="store_true", help="take warnings for errors, but for ignored ones"
    )


def _warnings(text: str) -> tuple[str, ...]:
    """The codes of warnings that are to be ignored."""
    codes = tuple([code.strip().upper() for code in text.split(",") if code.strip()])
    if not codes:
        raise argparse.ArgumentTypeError(f"`{text}` names no code: write AS121")
    for code in codes:
        if code not in CODES:
            warnings = [known for known in CODES if CODES[known].severity is Severity.WARNING]
            near = closest(code, warnings)
            also = f"; did you mean {near} ({CODES[near].title})?" if near else ""
            raise argparse.ArgumentTypeError(f"there is no code `{code[:40]}`{also}")
        if CODES[code].severity is Severity.ERROR:
            message = f"{code} ({CODES[code].title}) is an error, and only warnings can be ignored"
            raise argparse.ArgumentTypeError(message)
    return codes


def add_colour(parser: argparse.ArgumentParser) -> None:
    """Add the option `--color`."""
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="of what is wrong: auto (the default) is colour on a terminal, unless NO_COLOR is set",
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


def compile_spec(spec: str, options: argparse.Namespace, vocabulary: Vocabulary) -> Compiled | None:
    """The spec compiled and judged by the options, its diagnostics not yet shown; None where it
    can't be read, which is said on standard error.
    """
    path = zoo.resolve(spec)
    try:
        compiled = compile_file(path, dict(options.overrides), vocabulary)
        return judged(compiled, options.ignore, options.strict)
    except OSError as error:
        fail(f"cannot read {spec}: {error.strerror or error}{_way_out(spec, error)}")
        return None


def judged(compiled: Compiled, ignored: Collection[str], strict: bool) -> Compiled:
    """What became of a spec, without the warnings of the `ignored` codes, and where it is `strict`
    with all others for errors.
    """
    if not compiled.diagnostics:
        return compiled
    kept = [
        found
        for found in compiled.diagnostics
        if found.severity is Severity.ERROR or found.code not in ignored
    ]
    if strict:
        kept = [found._replace(raised=True) for found in kept]
    ok = not any(found.severity is Severity.ERROR for found in kept)
    return compiled._replace(diagnostics=tuple(kept), ok=ok)


def _way_out(spec: str, error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return f": name the files in it, {os.path.join(spec, '*.yaml')}"
    if not isinstance(error, FileNotFoundError) or os.sep in spec:
        return ""
    near = closest(spec.removesuffix(".yaml"), zoo.networks())
    if near:
        return f"; did you mean `{near}`, of the zoo?"
    return f"; the zoo has {', '.join(zoo.networks())}"


def fail(message: str) -> None:
    """Say on standard error, in one line, why a command cannot do its work."""
    from archspec.terminal import printable

    print(f"archspec: error: {printable(message)}", file=sys.stderr)


def show(diagnostics: Sequence[Diagnostic], colour: str = "auto") -> None:
    """Show diagnostics on standard error, and how many there are."""
    if not diagnostics:
        return
    from archspec.diagnostics.render import text
    from archspec.terminal import style_for

    style = style_for(sys.stderr, colour)
    for diagnostic in diagnostics[:MOST_SHOWN]:
        print(text.render(diagnostic, style), end="\n\n", file=sys.stderr)
    if len(diagnostics) > MOST_SHOWN:
        more = f"and {len(diagnostics) - MOST_SHOWN:,} more; `check --format json` has them all"
        print(more, file=sys.stderr)
    print(text.summary(diagnostics, style), file=sys.stderr)
