"""`archspec doctor`: what this machine has for running networks, and what is missing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from archspec.cli.main import OK
from archspec.cli.specs import add_colour
from archspec.terminal import Style, cells, printable, style_for

if TYPE_CHECKING:
    from archspec.doctor.finding import Finding

BROKEN = 1
"""Exit status: something that is installed does not work, or networks do not run on the CPU."""

_COLOURS = {"ok": "32", "absent": "2", "broken": "1;31"}
_BOLD = "1"

_EPILOG = """\
Nothing is changed and nothing is sent anywhere. Each device is tried with a small network, in a
process of its own; the first time on TensorRT takes a minute.

exit status: 0 networks run on the CPU and nothing that is installed is broken, 1 otherwise, 2 usage
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor",
        help="say which devices, drivers and packages are here, and what is missing",
        description="Say what this machine has for running networks, and what is missing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    add_colour(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Examine the machine; the exit status."""
    from archspec.doctor.devices import devices
    from archspec.doctor.installed import extras, software
    from archspec.doctor.machine import machine
    from archspec.doctor.nvidia import nvidia

    findings = [
        finding for check in (software, extras, machine, nvidia, devices) for finding in check()
    ]
    status = _status(findings)
    if options.format == "json":
        document = {"ok": status == OK, "findings": [asdict(finding) for finding in findings]}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(_text(findings, style_for(sys.stdout, options.color)))
    return status


def _status(findings: Sequence[Finding]) -> int:
    cpu_runs = any(
        (finding.section, finding.name, finding.status) == ("devices", "cpu", "ok")
        for finding in findings
    )
    is_broken = any(finding.status == "broken" for finding in findings)
    return OK if cpu_runs and not is_broken else BROKEN


def _text(findings: Sequence[Finding], style: Style) -> str:
    width = max(cells(finding.name) for finding in findings)
    lines: list[str] = []
    for section, group in groupby(findings, key=lambda finding: finding.section):
        lines += ["", style.paint(section, _BOLD)] if lines else [style.paint(section, _BOLD)]
        for finding in group:
            lines += _rows(finding, width, style)
    return "\n".join(lines)


def _rows(finding: Finding, width: int, style: Style) -> list[str]:
    """`  ok      numpy  2.4.6`, and below it what to do about it."""
    status = style.paint(f"{finding.status:<6}", _COLOURS[finding.status])
    indent = 2 + 6 + 2 + width + 2
    name = finding.name + " " * (width - cells(finding.name))
    value = style.wrapped(printable(finding.value), indent, indent)
    lines = [f"  {status}  {name}  {value[0]}", *(" " * indent + line for line in value[1:])]
    if finding.advice:
        advice = style.wrapped(printable(finding.advice), indent + 2, indent + 2)
        lines.append(f"{' ' * indent}→ {advice[0]}")
        lines += [" " * (indent + 2) + line for line in advice[1:]]
    return lines
