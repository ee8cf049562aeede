"""`archspec check`: shapes, parameters and MACs of specs, and all that is wrong with them."""

from __future__ import annotations

import argparse
from typing import Any

from archspec.cli.main import OK, SPEC_ERROR, USAGE
from archspec.cli.specs import SPEC_HELP, add_set, compile_spec, show


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "check",
        help="print every shape, parameter and MAC of a network, running nothing",
        description="Infer every shape and count every parameter and MAC, running nothing.",
    )
    parser.add_argument("specs", nargs="+", metavar="SPEC", help=SPEC_HELP)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument(
        "--formulas",
        action="store_true",
        help="show below each layer how its size and its parameters follow",
    )
    parser.add_argument(
        "--layers",
        action=argparse.BooleanOptionalAction,
        help="a row a layer, rather than a row a network (the default for one spec)",
    )
    add_set(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the specs; the exit status."""
    found = [compile_spec(spec, options.overrides) for spec in options.specs]
    compiled = [one for one in found if one is not None]
    for one in compiled:
        show(one.diagnostics)
    if options.format == "json":
        import json

        from archspec.reports import json as report

        # Escaped, what is not ASCII arrives whole on any terminal.
        print(json.dumps({"specs": [report.report(one) for one in compiled]}))
    else:
        from archspec.reports import text

        known = [one for one in compiled if one.complete]
        layers = len(options.specs) == 1 if options.layers is None else options.layers
        if known and not (layers or options.formulas):
            print(text.networks(known))
        elif known:
            titled = len(options.specs) > 1
            for one in known:
                title = f"{one.name}\n\n" if titled else ""
                print(title + text.layers(one.graph, options.formulas), end="\n" * (1 + titled))
    if len(compiled) < len(found):
        return USAGE
    return OK if all(one.ok for one in compiled) else SPEC_ERROR
