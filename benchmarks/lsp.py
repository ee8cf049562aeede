"""How fast the language server answers on resnet152: `python -m benchmarks.lsp`.

Each request is put through a client over standard input and output, right after the text has
changed, so that the network is compiled anew before the answer, and once more as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from archspec import zoo
from benchmarks.machine import machine
from tests.lsp_client import Client, serving

_WHOLE = {"start": {"line": 0, "character": 0}, "end": {"line": 999, "character": 0}}


class Request(NamedTuple):
    """A request of a document, and the word that the cursor stands in, if there is one."""

    method: str
    word: str = ""
    more: dict[str, Any] = {}  # noqa: RUF012  # nobody changes it

    def put(self, client: Client, uri: str, text: str) -> Any:
        if not self.word:
            return client.of(self.method, uri, **self.more)
        before = text[: text.index(self.word) + 1]
        line, character = before.count("\n"), len(before) - before.rfind("\n") - 1
        return client.at(self.method, uri, line, character, **self.more)


_REQUESTS = (
    Request("inlayHint", "", {"range": _WHOLE}),
    Request("hover", "conv:\n"),
    Request("hover", "$width"),
    Request("completion", "kernel_size: 1"),
    Request("completion", "relu"),
    Request("definition", "bottleneck: {"),
    Request("references", "channels: 64", {"context": {"includeDeclaration": True}}),
    Request("documentSymbol"),
    Request("rename", "layer1", {"newName": "stage1"}),
    Request("codeAction", "", {"range": _WHOLE, "context": {"diagnostics": []}}),
    Request("formatting", "", {"options": {"tabSize": 2, "insertSpaces": True}}),
)
_OF_SHORT_FILE = (
    Request("inlayHint", "", {"range": _WHOLE}),
    Request("hover", "depths"),
    Request("completion", "vars"),
    Request("definition", "resnet50.yaml"),
)


def in_one_file() -> str:
    """resnet152 with all that it takes from resnet50."""
    text = zoo.networks()["resnet50"].read_text("utf-8")
    text = text.replace("depths: [3, 4, 6, 3]", "depths: [3, 8, 36, 3]").partition("\nexpect:")[0]
    return text.replace("name: resnet50", "name: resnet152")


def rows(client: Client, runs: int) -> Iterator[tuple[str, str, list[float], list[float]]]:
    """The seconds of each request, after a change and without one."""
    folder = zoo.networks()["resnet152"].parent
    short = zoo.networks()["resnet152"].read_text("utf-8")
    documents = (
        ("resnet152.yaml", short, _OF_SHORT_FILE),
        ("in one file", in_one_file(), _REQUESTS),
    )
    version = 1
    for title, text, requests in documents:
        yield title, "open, to diagnostics", _openings(client, folder, text, runs), []
        uri = client.open(folder / f"{title}.yaml", text)
        for request in requests:
            changed, same = [], []
            for number in range(runs):
                version += 1
                now = f"{text}\n# {number}"
                client.change(uri, now, version)
                changed.append(_seconds(lambda: request.put(client, uri, now)))  # noqa: B023
                same.append(_seconds(lambda: request.put(client, uri, now)))  # noqa: B023
            at = f" at `{request.word.strip()}`" if request.word else ""
            yield title, f"{request.method}{at}", changed, same


def _openings(client: Client, folder: Path, text: str, runs: int) -> list[float]:
    """The seconds from opening a file to its diagnostics."""
    found = []
    for number in range(runs):
        path = folder / f"new{number}.yaml"
        found.append(_seconds(lambda: client.diagnostics(client.open(path, text))))  # noqa: B023
        client.tell("textDocument/didClose", {"textDocument": {"uri": path.as_uri()}})
        client.diagnostics(path.as_uri())
    return found


def _seconds(ask: Callable[[], Any]) -> float:
    start = perf_counter()
    ask()
    return perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    print(machine())
    print("\n| file | request | after a change | worst | again | worst |")
    print("|---|---|---|---|---|---|")
    slowest = 0.0
    with serving() as client:
        for title, what, changed, same in rows(client, runs):
            slowest = max(slowest, *changed, *same)
            cells = [*_figures(changed), *_figures(same)]
            print(f"| {title} | {what} | {' | '.join(cells)} |")
    print(f"\nslowest answer: {1000 * slowest:.0f} ms")


def _figures(seconds: list[float]) -> tuple[str, str]:
    """The median and the worst, in milliseconds."""
    if not seconds:
        return "", ""
    return f"{1000 * median(seconds):.1f} ms", f"{1000 * max(seconds):.1f} ms"


if __name__ == "__main__":
    main()
