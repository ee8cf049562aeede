"""How a leaf is written: quotes only where they are needed, long prose folded."""

from __future__ import annotations

import re

from archspec.formatting.tree import Scalar
from archspec.source import resolve

# A word, or arithmetic with variables: `relu`, `imagenet_classes.txt`, `$width * 2 if $bn else 1`.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_OPERAND = r"[($]*[A-Za-z0-9_][A-Za-z0-9_.]*\)*"
_ARITHMETIC = re.compile(rf"{_OPERAND}(?: (?:[-+*/%<>]|//|[<>=!]=|{_OPERAND}))*")
_OTHER_IN_YAML_1_1 = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
_FLOW_INDICATORS = re.compile(r"[,\[\]{}]")
_MEAN_MORE_IN_A_BLOCK = frozenset(("-", "?", ":", "---", "..."))
_BREAKS = re.compile("[\r\n\x85\u2028\u2029]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_BREAKABLE_SPACE = re.compile(r"(?<=\S) (?=\S)")


def on_one_line(scalar: Scalar, flow: bool) -> str:
    """The scalar in one line, between brackets if `flow`; a missing value is `~` there."""
    if scalar.style == "plain":
        if not scalar.text:
            return "~" if flow else ""
        if _BREAKS.search(scalar.text) or not _stays_plain(scalar.text, flow):
            return _quoted(scalar.text)
        return scalar.text
    if _needs_no_quotes(scalar.text):
        return scalar.text
    if scalar.style == "double":
        return f'"{scalar.raw[0]}"'
    return _quoted(scalar.text)


def on_lines(scalar: Scalar, room: int, width: int) -> list[str] | None:
    """The first line and the others, without their indentation, of what is better not written on
    one: a block scalar, and prose that has not `room` on the line of its key. Where it is broken
    anew, its lines have the `width`. None for all else.
    """
    if scalar.style == "literal":
        return _literal(scalar.text)
    if scalar.style == "folded":
        return [">" + _chomping(scalar.text), *scalar.raw, *_kept_ends(scalar.text)]
    is_text = scalar.style != "plain" or isinstance(resolve(scalar.text), str)
    if not is_text or "$" in scalar.text or " " not in scalar.text:
        return None
    broken = "\n" in scalar.text and scalar.style != "double"
    return _fold(scalar.text, width) if broken or len(on_one_line(scalar, False)) > room else None


def is_block(scalar: Scalar) -> bool:
    """Whether the scalar is written with `|` or `>` and stays so."""
    return scalar.style == "folded" or (
        scalar.style == "literal" and _literal(scalar.text) is not None
    )


def _stays_plain(text: str, flow: bool) -> bool:
    if flow:
        return not _FLOW_INDICATORS.search(text) and text[0] not in "?:" and text[-1] != ":"
    return text.split(" ", 1)[0] not in _MEAN_MORE_IN_A_BLOCK


def _needs_no_quotes(text: str) -> bool:
    """Whether every reader of YAML takes the text for the same string without quotes, anywhere."""
    if text.casefold() in _OTHER_IN_YAML_1_1:
        return False
    if "$" in text:
        return _ARITHMETIC.fullmatch(text) is not None
    return _WORD.fullmatch(text) is not None


def _quoted(text: str) -> str:
    if text.isprintable():
        if '"' not in text and "\\" not in text:
            return f'"{text}"'
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join([_escaped(character) for character in text]) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"


def _fold(text: str, width: int) -> list[str] | None:
    """Prose as a folded block scalar; None where that would not be the same text."""
    paragraphs = text.removesuffix("\n").split("\n")
    if not all(part.isprintable() and part == part.strip() for part in paragraphs):
        return None
    if not paragraphs[0] or not paragraphs[-1]:
        return None
    lines = [">" + _chomping(text)]
    for number, paragraph in enumerate(paragraphs):
        if number:
            lines.append("")
        lines += _filled(paragraph, width)
    return lines if len(lines) > 2 or len(lines[1]) <= width else None


def _filled(paragraph: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in _BREAKABLE_SPACE.split(paragraph):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines if paragraph else []


def _literal(text: str) -> list[str] | None:
    if not text.strip("\n") or re.search("[\r\x85\u2028\u2029]", text):
        return None
    # Where the text itself starts with a space, its indentation cannot be told from that.
    indicator = "2" if text.lstrip("\n")[0] in " \t" else ""
    return [f"|{indicator}{_chomping(text)}", *text.rstrip("\n").split("\n"), *_kept_ends(text)]


def _chomping(text: str) -> str:
    if not text.endswith("\n"):
        return "-"
    return "+" if text.endswith("\n\n") else ""


def _kept_ends(text: str) -> list[str]:
    """The empty lines that end a block scalar which keeps them."""
    return [""] * (len(text) - len(text.rstrip("\n")) - 1)
