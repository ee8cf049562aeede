"""What to write instead of a value of a wrong type, worked out from the value itself."""

from __future__ import annotations

import math
import re
from collections.abc import Set

from archspec.source import Plain

_EXAMPLES = {
    "int_type": "write a whole number: 3",
    "int_from_float": "write a whole number: 3",
    "float_type": "write a number: 0.5",
    "bool_type": "write true, or false",
    "string_type": "write a word, or a text in quotes",
    "tuple_type": "write a list: [a, b]",
    "dict_type": "write a mapping: {key: value}",
    "model_type": "write a mapping: {key: value}",
    "finite_number": "write a number that is not infinite",
}

_TRUTHS = {
    "yes": "true",
    "on": "true",
    "1": "true",
    "no": "false",
    "off": "false",
    "none": "false",
    "0": "false",
}
_WHOLE = ("int_type", "int_from_float")


def way_out(kind: str, value: Plain, variables: Set[str], written: str) -> str:
    """How to mend a value that is wrong in this way of pydantic's; empty where nothing is known.

    `variables` are those that may be used at its place, and `written` what is written there.
    """
    truth = _TRUTHS.get(str(value).lower()) if isinstance(value, str | int) else None
    if kind == "bool_type" and truth:
        return f"write {truth}"
    if isinstance(value, str) and kind != "string_type":
        hint = of_text(value, variables)
        if hint:
            return hint
    if kind in _WHOLE and isinstance(value, float) and "$" in written:
        bare = written.strip("\"'")
        return f"make it a whole number: `round({bare})`"
    if kind in _WHOLE and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if kind in _WHOLE and isinstance(value, float) and math.isfinite(value):
        return f"write a whole number: {round(value)}"
    if kind == "string_type" and type(value) in (int, float):
        return f'put it in quotes: "{value}"'
    items = value if kind in ("dict_type", "model_type") and isinstance(value, tuple) else ()
    if items and all(isinstance(item, dict) for item in items):
        return "remove the dashes: {key: value}"
    return _EXAMPLES.get(kind, "")


def of_text(value: str, variables: Set[str] = frozenset()) -> str:
    """What a text that stands where a number is due was most likely meant as; else nothing."""
    if len(value) > 100:
        return ""
    number = value.strip("“”„‘’")
    if number.isascii() and number.replace(".", "", 1).isdigit():
        return f"remove the quotes: {number}"
    if value.isdecimal():
        return f"write {int(value)}, in the digits 0 to 9"
    if re.fullmatch(r"-?[0-9]+,[0-9]+", value):
        return f"write {value.replace(',', '.')}, with a point"
    thousands = re.fullmatch(r"([0-9]+)\s*[kK]", value)
    if thousands:
        return f"write the number in full: {int(thousands[1]) * 1000}"
    comment = re.fullmatch(r"([0-9.]+)#(.*)", value)
    if comment:
        return f"put a space before the comment: `{comment[1]} #{comment[2]}`"
    tupled = re.fullmatch(r"\(\s*([0-9]+(?:\s*,\s*[0-9]+)*)\s*,?\s*\)", value)
    if tupled:
        numbers = re.findall("[0-9]+", tupled[1])
        return f"write {numbers[0] if len(numbers) == 1 else '[' + ', '.join(numbers) + ']'}"
    minus = value.replace("−", "-").replace("–", "-")
    if minus != value and re.fullmatch(r"-[0-9.]+", minus):
        return f"write {minus}, with the minus sign of the keyboard"
    names = [name for name in re.findall(r"[A-Za-z_]\w*", value) if name in variables]
    if names:
        written = re.sub(r"[A-Za-z_]\w*", lambda m: f"${m[0]}" if m[0] in names else m[0], value)
        several = "variables are" if len(names) > 1 else "a variable is"
        return f"{several} written with a `$`: `{written}`"
    return ""
