"""What the commands that change specs share; no compiler among it, for `fmt` does without."""

from __future__ import annotations

import os

from archspec import zoo
from archspec.terminal import printable


def why_not(spec: str, command: str) -> str:
    """Why a `command` cannot change what is called so; empty where it is standard input, a file, a
    folder, or nothing at all: of the last two, reading it will say what is wrong.
    """
    if spec == "-" or os.path.isfile(spec):
        return ""
    if zoo.find(spec) is not None:
        return f"{spec} is a network of the zoo: copy it to a file of yours to change it"
    if os.path.exists(spec) and not os.path.isdir(spec):
        return f"{printable(spec)} is no file that could be changed: give it to `{command} -`"
    return ""
