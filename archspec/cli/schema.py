"""`archspec schema`: the JSON Schema that editors check and complete a spec by."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from archspec.cli.main import OK, USAGE
from archspec.cli.specs import add_kinds, fail, vocabulary
from archspec.files import replace_file


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "schema",
        help="print the JSON Schema by which an editor completes and checks a spec",
        description="Print the JSON Schema (draft 7) of a spec: what editors complete by, and "
        "underline. With --kinds, kinds of your own are in it.",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there instead")
    add_kinds(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the schema; the exit status."""
    known = vocabulary(options)
    if known is None:
        return USAGE
    text = as_text(known)
    if options.output is None:
        sys.stdout.write(text)
        return OK
    try:
        with replace_file(options.output) as file:
            file.write(text.encode())
    except (OSError, ValueError) as error:
        fail(f"cannot write {options.output}: {getattr(error, 'strerror', None) or error}")
        return USAGE
    return OK


def as_text(known: Any) -> str:
    """The schema for these kinds, a Vocabulary, as a file has it: in ASCII, for any terminal."""
    import json

    from archspec.schema import json_schema

    return json.dumps(json_schema(known), indent=2) + "\n"
