"""`python -m archspec`."""

from archspec.cli import entry

entry()
