"""The one entry of the command line: reads the arguments and hands over to a command."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from archspec._installation import refuse_the_other_archspec

COMMANDS = (
    *("check", "fmt", "build", "verify", "run", "bench", "predict", "doctor"),
    *("explain", "fix", "schema", "lsp"),
)
"""Each is a module of this package, imported when it is asked for."""

OK, SPEC_ERROR, USAGE = 0, 1, 2
"""Exit statuses: all clean; a spec has errors; usage, or a file that can't be read or written."""
INTERRUPTED = 130


def entry() -> NoReturn:
    """The console script: `main` on the command line, in a process of its own."""
    try:
        if sys.argv[1:2] in (["check"], ["fix"], ["fmt"]):
            from archspec.cli.startup import start_lightly

            start_lightly()
        status = main()
    except KeyboardInterrupt:
        status = INTERRUPTED
    # All is written: taking down the interpreter object by object would take a tenth of the time.
    if sys.stderr is not None:
        sys.stderr.flush()
    os._exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. No traceback leaves it but for a fault of archspec's own."""
    try:
        refuse_the_other_archspec()
    except ImportError as error:
        print(f"archspec: error: {error}", file=sys.stderr)
        return USAGE
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # It was closed: what is for it must not land elsewhere.
            # For as long as the process lives.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show × or ⌊ gets a ?, not an exception.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        arguments = sys.argv[1:] if arguments is None else arguments
        options = _parser(arguments[0] if arguments else "").parse_args(arguments)
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()  # Whoever read it has gone.
        return OK
    except OSError as error:
        # The commands see to the files they know of: this is standard output, on a full disk.
        _discard_output()
        print(f"archspec: error: cannot write: {error.strerror or error}", file=sys.stderr)
        return USAGE


def _discard_output() -> None:
    """Send what is left of standard output nowhere, so that the interpreter's exit is quiet."""
    with suppress(OSError):  # It is no file: there is nothing left of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(command: str) -> argparse.ArgumentParser:
    """The parser of the command line, with only the `command` in it if that is one."""
    from archspec import __version__

    parser = argparse.ArgumentParser(
        prog="archspec",
        description="A convolutional network is a YAML file: check it, and compile it.",
        epilog="exit status: 0 clean, 1 the spec has errors, 2 usage or a file that can't be used",
    )
    parser.add_argument("--version", action="version", version=f"archspec {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in (command,) if command in COMMANDS else COMMANDS:
        importlib.import_module(f"archspec.cli.{name}").add_parser(commands)
    return parser
