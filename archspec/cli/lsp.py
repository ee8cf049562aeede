"""`archspec lsp`: a language server, which an editor starts and speaks to."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from archspec.cli.main import OK, USAGE
from archspec.cli.specs import add_kinds, fail, vocabulary

_NOT_SHUT_DOWN = 1
"""Exit status: the editor went without saying so, which the protocol asks for."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "lsp",
        help="serve an editor: diagnostics, shapes, completion, hover, rename",
        description="Speak the Language Server Protocol on standard input and output. An editor "
        "starts this; docs/editors.md says how.",
    )
    parser.add_argument(
        "--stdio", action="store_true", help="the only way there is; may be left out"
    )
    add_kinds(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until the editor goes; the exit status."""
    # `main` has put something in the place of a stream that was closed; here it is None still.
    if sys.stdin is None or sys.__stdout__ is None:
        fail("an editor speaks to this on standard input and output, which are closed")
        return USAGE
    # What is printed, by a file of kinds perhaps, must not reach the editor as a message.
    spoken = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    kinds = vocabulary(options)
    if kinds is None:
        return USAGE
    try:
        from archspec.lsp.answers import ANSWERS
        from archspec.lsp.server import Server
    except ImportError as error:
        if (error.name or "").split(".")[0] not in ("pygls", "lsprotocol"):
            raise
        fail('the language server needs pygls 2: pip install "archspec-nn[lsp]"')
        return USAGE
    server = Server(kinds)
    server.register(ANSWERS)
    server.start_io(sys.stdin.buffer, spoken)
    return OK if server.is_shut_down else _NOT_SHUT_DOWN
