"""The processor, the memory and the disk."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from archspec.doctor.finding import Finding
from archspec.room import free_memory, free_on_disk

CPU_INFO = Path("/proc/cpuinfo")

_VECTORS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "asimd": "NEON",
    "sve": "SVE",
}
_INT8 = {
    "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "AVX-512 VNNI",
    "amx_int8": "AMX",
    "asimddp": "dot product",
    "i8mm": "I8MM",
}
_BFLOAT16 = {"avx512_bf16": "AVX-512 BF16", "amx_bf16": "AMX", "bf16": "BF16"}
"""Flags of Linux's cpuinfo, and what manuals call them."""


def machine() -> Iterator[Finding]:
    """What networks are run on, where that is no GPU."""
    entries = _cpu_info()
    name = next((entry["model name"] for entry in entries if "model name" in entry), "")
    yield Finding("machine", "processor", name or platform.processor() or platform.machine())
    yield Finding("machine", "cores", _cores(entries))
    flags = {flag for entry in entries for flag in _flags(entry)}
    if flags:
        yield Finding("machine", "vectors", _named(flags, _VECTORS) or "none that are known")
        int8, bfloat16 = _named(flags, _INT8), _named(flags, _BFLOAT16)
        yield Finding("machine", "int8", int8 or "no instructions for it: hardly faster here")
        yield Finding("machine", "bfloat16", bfloat16 or "no instructions for it")
    memory = free_memory()
    if memory < sys.maxsize:
        yield Finding("machine", "memory", f"{_gigabytes(memory)} free")
    disk = free_on_disk(Path("here"))
    if disk < sys.maxsize:
        yield Finding("machine", "disk", f"{_gigabytes(disk)} free in this folder")


def _cpu_info() -> list[dict[str, str]]:
    """What Linux tells of each logical processor; nothing on other systems."""
    entries: list[dict[str, str]] = [{}]
    with suppress(OSError):
        for line in CPU_INFO.read_text("utf-8", "replace").splitlines():
            key, colon, value = line.partition(":")
            if colon:
                entries[-1][key.strip()] = value.strip()
            elif entries[-1]:
                entries.append({})
    return [entry for entry in entries if entry]


def _flags(entry: dict[str, str]) -> list[str]:
    return (entry.get("flags") or entry.get("Features") or "").split()


def _cores(entries: list[dict[str, str]]) -> str:
    """Physical cores, logical ones, and how many of these the process may use."""
    logical = os.cpu_count() or 1
    physical = {
        (entry["physical id"], entry["core id"])
        for entry in entries
        if "core id" in entry and "physical id" in entry
    }
    words = f"{len(physical)} physical, {logical} logical" if physical else f"{logical} logical"
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
        if usable < logical:
            words += f", {usable} for this process"
    return words


def _named(flags: set[str], names: dict[str, str]) -> str:
    return ", ".join(name for flag, name in names.items() if flag in flags)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
