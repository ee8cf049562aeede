"""What an examination comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "absent", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    `value` says what was found. What is `absent` can be done without; what is `broken` is there
    and does not work. `advice` is what to do about it, empty where there is nothing to do.
    """

    section: str
    name: str
    value: str
    status: Status = "ok"
    advice: str = ""
