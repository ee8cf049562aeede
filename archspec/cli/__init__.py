"""The command line: `archspec check`, `archspec build`, `archspec run`. A file a command."""

from archspec.cli.main import entry, main

__all__ = ["entry", "main"]
