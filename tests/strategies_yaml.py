"""Random YAML texts, laid out in odd ways, with numbered comments in odd places."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

WORDS = (
    "relu",
    "a b",
    "$x * 2",
    "$d[0]",
    "1",
    "1.50",
    "0x1F",
    "~",
    "no",
    "true",
    "<= 5M",
    "x:y",
    "é",
)
QUOTED = ('"relu"', "'it''s'", '"a: b"', '"# no comment"', '"\\u00d7\\n"', "'1'", '""', "'a\"\\'")
BLOCKS = (
    ("|", "text", "  more", "", "# no comment"),
    (">-", "folded", "text", "", "  as it is", "end"),
    ("|+", "kept", "", ""),
    ("|2", "   further in", " less"),
)
LONG = ("word " * 25).strip()
KEYS = ("a", "layers", "blocks", "conv", "kernel_size", '"quoted key"', "vars", "branches")


class _Writer:
    """Writes a value drawn at random, line by line."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.comments = 0
        self.anchors: list[str] = []
        self.values = 0

    def one_of(self, *values: T) -> T:
        return self.draw(st.sampled_from(values))

    def is_so(self, percent: int) -> bool:
        return self.draw(st.integers(1, 100)) > 100 - percent

    # Comments

    def comment(self) -> str:
        self.comments += 1
        sign, more = self.one_of("# ", "#", "##  "), self.one_of("", " # of it", ": [x]")
        return f"{sign}c{self.comments}{more}"

    def beside(self) -> str:
        """What may end a line."""
        return f"{self.one_of(' ', '   ')}{self.comment()}" if self.is_so(15) else ""

    def between(self, deepest: int) -> list[str]:
        """Lines that mean nothing, before one that does."""
        lines = []
        while self.is_so(20):
            indent = " " * self.draw(st.integers(0, deepest))
            lines.append(self.one_of("", "  ", indent + self.comment()))
        return lines

    # Values

    def anchor(self) -> str:
        if not self.is_so(5):
            return ""
        self.anchors.append(f"n{len(self.anchors)}-x")
        return f"&{self.anchors[-1]} "

    def scalar(self) -> str:
        if self.anchors and self.is_so(5):
            return f"*{self.one_of(*self.anchors)} "
        return self.anchor() + self.one_of(*WORDS, *QUOTED, *(["!!str 3"] * self.is_so(5)))

    def flow(self, depth: int, indent: int) -> str:
        """A value in brackets; its further lines are `indent` columns in."""

        def gap() -> str:
            if not self.is_so(12):
                return self.one_of("", "", " ")
            lines = [self.beside(), *self.between(indent + 4)]
            return "\n".join([*lines, " " * (indent + self.draw(st.integers(0, 3)))])

        if depth == 0 or self.is_so(40):
            text: str = self.scalar().replace("$d[0]", "$d")
            return text
        count = self.draw(st.integers(0, 4))
        parts = []
        is_mapping = self.is_so(50)
        for number in range(count):
            value = self.flow(depth - 1, indent)
            if is_mapping or self.is_so(20):
                value = f"k{number}: {gap()}{value}"
            parts.append(f"{gap()}{value}{gap()}")
        opening, closing = "{}" if is_mapping else "[]"
        last = self.one_of("", ",") if parts else gap()
        return f"{self.anchor()}{opening}{','.join(parts)}{last}{gap()}{closing}"

    def leaf(self, indent: int) -> list[str]:
        """The lines of a value behind a key or a dash `indent` columns in."""
        if self.is_so(8):
            head, *lines = self.one_of(*BLOCKS)
            head += self.beside()
            return [head, *(" " * (indent + 2) + line if line else "" for line in lines)]
        if self.is_so(5):
            return [LONG + self.beside()]
        if self.is_so(8):
            first, *others = LONG.split(" ")[: self.draw(st.integers(1, 25))]
            lines = [" " * (indent + self.draw(st.integers(1, 5))) + word for word in others]
            return [*f"{first}\n".splitlines(), *lines]
        if self.is_so(8):
            return [self.beside()]
        text: str = self.scalar() if self.is_so(50) else self.flow(3, indent + 1)
        return f"{text}{self.beside()}".split("\n")

    def block(self, depth: int, indent: int) -> list[str]:
        """The lines of a mapping or a list that stands `indent` columns in."""
        lines: list[str] = []
        is_mapping = self.is_so(50)
        for number in range(self.draw(st.integers(1, 4))):
            lines += self.between(indent + 6)
            head = f"{self.one_of(*KEYS)}:" if is_mapping else "-"
            if is_mapping and number:
                head = f"k{number}:"
            self.values += 1
            if depth == 0 or self.values > 40 or self.is_so(50):
                first, *others = self.leaf(indent)
                lines += [f"{' ' * indent}{head} {first}", *others]
                continue
            step = self.draw(st.integers(1, 4))
            anchor = self.anchor()
            if not is_mapping and not anchor and self.is_so(70):
                first, *others = [
                    line for line in self.block(depth - 1, indent + 1 + step) if line.strip()
                ]
                while first.lstrip().startswith("#"):
                    lines.append(first)
                    first, *others = others
                lines += [f"{' ' * indent}-{' ' * step}{first.lstrip()}", *others]
                continue
            lines.append(f"{' ' * indent}{head} {anchor}{self.beside()}".rstrip())
            lines += self.between(indent + step)
            lines += self.block(depth - 1, indent + step)
        return lines


@st.composite
def yaml_texts(draw: st.DrawFn) -> str:
    """A text that is meant to be YAML; some are not, which a test has to look into."""
    writer = _Writer(draw)
    lines = writer.between(3)
    if writer.is_so(10):
        lines.append("---" + writer.beside())
    lines += writer.block(4, 0) if writer.is_so(90) else writer.flow(4, 1).split("\n")
    lines += writer.between(6)
    text = "\n".join(lines) + writer.one_of("\n", "", "\n\n\n")
    return text.replace("\n", "\r\n") if writer.is_so(10) else text
