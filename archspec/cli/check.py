"""`archspec check`: shapes, parameters and MACs of specs, and all that is wrong with them."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from archspec.cli.main import OK, SPEC_ERROR, USAGE
from archspec.cli.specs import (
    SPEC_HELP,
    add_colour,
    add_judgement,
    add_kinds,
    add_set,
    compile_spec,
    fail,
    show,
    vocabulary,
)

if TYPE_CHECKING:
    from archspec.diagnostics import Diagnostic
    from archspec.graph import Graph
    from archspec.pipeline import Compiled

CONVENTIONS = ("torchvision", "fvcore", "ptflops", "thop", "timm")
"""The names of `archspec.analysis.conventions`, which is imported when one is asked for."""

REPORTS = ("text", "json")
"""Formats of the report; what is wrong is shown on standard error too."""
FOUND = ("concise", "github", "sarif")
"""Formats of what is wrong alone: modules of `archspec.diagnostics.render` with a function
`document`, imported when they are asked for.
"""

_EPILOG = """\
formats: text (the report on standard output, and what is wrong on standard error), json (the same,
with all that is wrong in the report too); or what is wrong alone, on standard output: concise (a
line each), github (annotations of a workflow's run), sarif (2.1.0, for code scanning)

exit status: 0 clean, 1 a spec has errors, 2 usage or a file that can't be read
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "check",
        help="print every shape, parameter and MAC of a network, running nothing",
        description="Infer every shape and count every parameter and MAC, running nothing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("specs", nargs="+", metavar="SPEC", help=SPEC_HELP)
    parser.add_argument("--format", choices=(*REPORTS, *FOUND), default="text")
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
    parser.add_argument(
        "--convention",
        choices=CONVENTIONS,
        default="",
        help="count MACs by this tool's rules, not by those of torchvision's published figures",
    )
    parser.add_argument(
        "--reconcile",
        action="store_true",
        help="show line by line how the MACs of every convention differ, instead of the layers",
    )
    add_set(parser)
    add_kinds(parser)
    add_judgement(parser)
    add_colour(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the specs; the exit status."""
    kinds = vocabulary(options)
    if kinds is None:
        return USAGE
    options.specs = list(dict.fromkeys(options.specs))
    found = [compile_spec(spec, options, kinds) for spec in options.specs]
    compiled = [one for one in found if one is not None]
    said = _once([diagnostic for one in compiled for diagnostic in one.diagnostics])
    all_counted = True
    if options.format in REPORTS:
        show(said, options.color)
    else:
        renderer = importlib.import_module(f"archspec.diagnostics.render.{options.format}")
        print(renderer.document(said), end="")
    if options.format == "json":
        _print_json(compiled, options)
    elif options.format == "text":
        all_counted = _print_text([one for one in compiled if one.complete], options)
    if len(compiled) < len(found) or not all_counted:
        return USAGE
    return OK if all(one.ok for one in compiled) else SPEC_ERROR


def _once(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics, each once: several specs may extend one file, or take blocks from it."""
    return list(
        {(d.code, d.span.source.path, d.span[:4], d.message): d for d in diagnostics}.values()
    )


def _print_json(compiled: list[Compiled], options: argparse.Namespace) -> None:
    import json

    from archspec.reports import json as report

    entries = [report.report(one) for one in compiled]
    if options.convention or options.reconcile:
        from archspec.reports import conventions

        asked = (options.convention,) if options.convention else CONVENTIONS
        entries = [
            conventions.added(entry, one, asked, options.reconcile)
            for entry, one in zip(entries, compiled, strict=True)
        ]
    # Escaped, what is not ASCII arrives whole on any terminal.
    print(json.dumps({"specs": entries}))


def _print_text(known: list[Compiled], options: argparse.Namespace) -> bool:
    """Whether each network's MACs could be counted: a convention may have no rule for a kind."""
    from archspec.reports import text

    counted = _counted(known, options.convention) if options.convention else known
    layers = len(options.specs) == 1 if options.layers is None else options.layers
    reports: list[Callable[[Graph], str]] = []
    if options.formulas or options.layers or (layers and not options.reconcile):
        reports.append(lambda graph: text.layers(graph, options.formulas, options.convention))
    if options.reconcile:
        from archspec.reports import conventions

        reports.append(conventions.text)
    if counted and not reports:
        print(text.networks(counted, options.convention))
    titled = len(options.specs) > 1
    if titled:
        from archspec.terminal import printable
    for one in counted if reports else ():
        title = f"{printable(one.name or one.path)}\n\n" if titled else ""
        body = "\n\n".join([report(one.graph) for report in reports])
        print(title + body, end="\n" * (1 + titled))
    if counted and options.reconcile:
        print(conventions.sources() if titled else f"\n{conventions.sources()}")
    return len(counted) == len(known)


def _counted(known: list[Compiled], convention: str) -> list[Compiled]:
    """The networks with their MACs by a convention's rules. One for which there are none is left
    out, and that is said.
    """
    from archspec.analysis.conventions import CONVENTIONS as RULES
    from archspec.analysis.conventions import NoRule, recounted

    counted = []
    for one in known:
        try:
            counted.append(one._replace(graph=recounted(one.graph, RULES[convention])))
        except NoRule as unknown:
            fail(f"{one.name or one.path}: {unknown}")
    return counted
