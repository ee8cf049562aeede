"""The catalogue of codes: a page each, which says what the code means and shows it wrong and right.

`python -m archspec.diagnostics.catalogue docs/diagnostics.md` writes the pages as one document.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from archspec.diagnostics.codes import CODES, Severity

FOLDER = Path(__file__).parent / "explanations"
SECTIONS = ("What it means", "Why it matters", "Wrong", "Right")

SPEC = "net.yaml"
"""What the file of an example is called where its block does not say."""
COMMAND = f"archspec check {SPEC}"
"""What is run on an example that does not say."""

_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"\n]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: the text of the file `title`, or with the language `sh` commands."""

    language: str
    title: str
    text: str


class Page(NamedTuple):
    """What there is to say of a code. `means`, `matters`, `wrong` and `right` are Markdown."""

    code: str
    title: str
    means: str
    matters: str
    wrong: str
    right: str

    @property
    def text(self) -> str:
        """The page as it is written."""
        said = (self.means, self.matters, self.wrong, self.right)
        sections = [f"## {name}\n\n{text}" for name, text in zip(SECTIONS, said, strict=True)]
        return "\n\n".join([f"# {self.code}: {self.title}", *sections]) + "\n"


def page(code: str) -> Page:
    """The page of a code. Raises OSError where there is none, ValueError for another form."""
    text = (FOLDER / f"{code}.md").read_text("utf-8")
    head, *parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    names, bodies = parts[::2], [part.strip() for part in parts[1::2]]
    title = head.strip().removeprefix(f"# {code}: ")
    if tuple(names) != SECTIONS or not all(bodies) or title == head.strip():
        raise ValueError(f"{code}.md is not of the form of the others")
    return Page(code, title, *bodies)


def blocks(markdown: str) -> list[Block]:
    """The fenced blocks of an example; a spec without a title is called `SPEC`."""
    return [
        Block(language, title or (SPEC if language == "yaml" else ""), text)
        for language, title, text in _BLOCK.findall(markdown)
    ]


def document() -> str:
    """All pages as one."""
    rows = [
        f"| [{code}](#{code.lower()}) | {entry.title} | {entry.severity.value} |"
        for code, entry in CODES.items()
    ]
    parts = [_HEAD.format(rows="\n".join(rows))]
    for code in CODES:
        found = page(code)
        warning = " (a warning)" if CODES[code].severity is Severity.WARNING else ""
        parts.append(
            f'<a id="{code.lower()}"></a>\n\n## {code}: {found.title}{warning}\n\n'
            f"{found.means}\n\n{found.matters}\n\n"
            f"**Wrong**\n\n{found.wrong}\n\n**Right**\n\n{found.right}\n"
        )
    return "\n".join(parts)


_HEAD = """\
# Diagnostics

What archspec says of a spec has a code, which stays what it is for good. `archspec explain AS301`
prints the page of one. Every example here is a test: the wrong one gives its code and no other, the
right one nothing at all.

A warning leaves a spec valid; `--ignore CODE` leaves it out, and `--strict` makes an error of it.

<!-- Made by `python -m archspec.diagnostics.catalogue docs/diagnostics.md` from the pages in
archspec/diagnostics/explanations/. -->

| code | what it stands for | |
|---|---|---|
{rows}
"""


if __name__ == "__main__":
    import sys

    Path(sys.argv[1]).write_text(document(), "utf-8")
