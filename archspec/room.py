"""How much room this machine has for a network's weights."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")
"""What Linux says of the whole machine's memory, and of a container's."""


def free_on_disk(path: Path) -> int:
    """The free bytes of the disk that `path` is to lie on; where there is none, opening it will
    say so.
    """
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return sys.maxsize


def free_memory() -> int:
    """The bytes of memory that can be had, in a container those that it is granted; where the
    system does not say so, as many as there can be.
    """
    return min(_of_machine(), _of_group())


def _of_machine() -> int:
    with suppress(OSError, ValueError):
        for line in _MEMORY.read_text("ascii").splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) * 1024
    with suppress(OSError, ValueError, AttributeError):  # no sysconf on Windows
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return sys.maxsize


def _of_group() -> int:
    with suppress(OSError, ValueError):  # `max` is no number: there is no limit.
        limit, used = (
            int((_GROUP / name).read_text("ascii")) for name in ("memory.max", "memory.current")
        )
        return max(0, limit - used)
    return sys.maxsize
