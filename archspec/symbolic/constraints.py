"""What the conditions on symbols come to, in words."""

from __future__ import annotations

from itertools import islice

from archspec.symbolic.runs import Runs
from archspec.symbolic.symbols import Symbols

MOST_LISTED = 6
"""Numbers, or residues, that are listed one by one."""


def constraints(symbols: Symbols) -> list[str]:
    """What the symbols must fulfil, a sentence each: `H divisible by 32`."""
    said_of = {name: words(runs) for name, runs in symbols.numbers.items()}
    sentences = [f"{name} {said}" for name, said in said_of.items() if said]
    return sentences + [str(condition) for condition in symbols.ties]


def words(numbers: Runs) -> str:
    """The numbers in words, empty where they are all."""
    endless = {residue: run[0] for residue, run in numbers.runs.items() if run[1] is None}
    if not endless:
        return _listed(numbers)
    # From `regular` on, a number is admitted by its residue alone.
    ends = [last + 1 for _, last in numbers.runs.values() if last is not None]
    regular = max(max(endless.values()) - numbers.period + 1, 1, *ends)
    while regular > 1:
        before = regular - 1
        if (before % numbers.period in endless) != numbers.admits(before):
            break
        regular = before
    modulus, residues = _residues(set(endless), numbers.period)
    start = min(n for n in range(regular, regular + modulus) if n % modulus in residues)
    rule = _rule(modulus, residues, start)
    exceptions = list(islice(numbers.below(regular), MOST_LISTED + 1))
    return f"{_some(exceptions)}, or {rule}" if exceptions else rule


def _some(numbers: list[int]) -> str:
    """A list of numbers, cut short where there are more than are listed."""
    shown = ", ".join(map(str, numbers[:MOST_LISTED]))
    return f"{shown}{', …' if len(numbers) > MOST_LISTED else ''}"


def _residues(residues: set[int], period: int) -> tuple[int, list[int]]:
    """The least modulus whose residues say as much as these do, and those residues."""
    for modulus in range(1, period + 1):
        if period % modulus == 0:
            reduced = {residue % modulus for residue in residues}
            if len(reduced) * (period // modulus) == len(residues):
                return modulus, sorted(reduced)
    raise AssertionError("the period is a modulus that says it")


def _rule(modulus: int, residues: list[int], start: int) -> str:
    """The words for all numbers from `start` on that have one of the residues."""
    if modulus == 1:
        return f"at least {start}" if start > 1 else ""
    least = f", at least {start}" if start > modulus else ""
    if residues == [0]:
        return f"divisible by {modulus}{least}"
    if len(residues) == 1 and start <= modulus:
        return f"= {start} plus a multiple of {modulus}"
    if modulus - len(residues) == 1 and 0 not in residues:
        return f"not divisible by {modulus}{least}"
    return f"≡ {_some(residues)} (mod {modulus}){least}"


def _listed(numbers: Runs) -> str:
    """The words for finitely many numbers."""
    found = list(islice(numbers.below(None), MOST_LISTED + 1))
    last = max(last for _, last in numbers.runs.values() if last is not None)
    runs = numbers.runs.values()
    many = sum(len(range(first, (end or first) + 1, numbers.period)) for first, end in runs)
    if many == 1:
        return f"= {last}"
    return f"from {found[0]} to {last}" if many == last + 1 - found[0] else f"one of {_some(found)}"
