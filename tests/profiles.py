"""How many random examples are tried.

`ARCHSPEC_EXAMPLES=20000` asks for that many, and others each time; without it they are few, and
always the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

_MANY = int(os.environ.get("ARCHSPEC_EXAMPLES", "0"))
_SLICE = 500
"""What has been tried is remembered for so many, not to be tried again; more fill the memory."""

Test = Callable[..., Any]


def examples(number: int) -> Callable[[Test], Test]:
    """A decorator of a test with `given`: it is run on so many examples, or as many as are asked
    for.
    """
    size = min(_MANY, _SLICE) or number
    profile = settings(
        max_examples=size,
        derandomize=not _MANY,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def decorate(test: Test) -> Test:
        once = profile(test)
        if _MANY <= _SLICE:
            return once

        def in_slices() -> None:
            for _ in range(-(-_MANY // _SLICE)):
                once()

        return in_slices

    return decorate
