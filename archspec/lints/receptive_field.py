"""AS711: convolutions whose input has seen the whole image already."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.diagnostics import Diagnostic, calls_of
from archspec.graph import Graph, Node
from archspec.layers.base import Shape, text_of
from archspec.layers.fields import LARGEST, count
from archspec.layers.sizes import are_numbers
from archspec.lints.network import Network, place_of

_CONVOLUTIONS = frozenset({"conv", "depthwise"})

_Least = tuple[tuple[int, int], ...]
"""Along each axis, the rows of the image that an element depends on by the way on which they are
the fewest, and the rows between two neighbours.
"""


def nothing_new_to_see(network: Network) -> Iterator[Diagnostic]:
    """The first convolution whose input depends on the whole image by every way that leads there.

    The receptive field of most deep networks is larger than the image by the widest way, and for
    no harm: a shortcut hands on what is local. Where the least one is, the window of a convolution
    has nothing new to see, and such layers were found to add nothing to what a network learns
    (Richter, Schöning, Wiedenroth and Krumnack 2021, Should You Go Deeper?).
    """
    graph = network.graph
    images = [type_.shape[1:] for type_ in graph.inputs.values()]
    if not images or not images[0] or len({len(image) for image in images}) > 1:
        return
    if not all(map(are_numbers, images)):
        return
    image = tuple(map(max, zip(*images, strict=True)))
    blind = list(_blind(graph, image))
    if not blind:
        return
    first, seen = blind[0]
    others = len(blind) - 1
    windows = "its window sees nothing new"
    if others:
        windows = (
            f"its window, and those of {count(others, 'convolution')} after it, see nothing new"
        )
    yield Diagnostic(
        "AS711",
        f"the receptive field before this {first.kind} is {text_of(seen)} already, of an image of "
        f"{text_of(image)}: {windows}",
        place_of(first, "kernel_size"),
        help="take a larger image, make it smaller later, go around the layers with a `residual`, "
        "or leave them out",
        labels=calls_of(first.frames),
    )


def _blind(graph: Graph, image: Shape) -> Iterator[tuple[Node, Shape]]:
    """The convolutions with a window whose input depends on all of the image, and on how much."""
    least: dict[str, _Least] = {name: ((1, 1),) * len(image) for name in graph.inputs}
    known: dict[tuple[int, _Least], tuple[_Least, bool]] = {}  # Nodes share signatures.
    for node in graph.nodes:
        here = least[node.inputs[0]] if len(node.inputs) == 1 else _fewest(node, least)
        case = (id(node.signature), here)
        found = known.get(case)
        if found is None:
            known[case] = found = _through(node, here, image)
        least[node.name], is_blind = found
        if is_blind and node.places:
            yield node, tuple([rows for rows, _ in here])


def _through(node: Node, here: _Least, image: Shape) -> tuple[_Least, bool]:
    """The least behind a node, and whether it is a convolution that has nothing new to see."""
    windows = node.signature.windows
    if windows is None or len(windows) != len(here):
        # How far it sees is not known, so the least that it may see is counted: no row more.
        rank = len(node.output.shape) - 1
        return tuple([(rows, 0) for rows, _ in here]) if rank == len(here) else (
            (1, 0),
        ) * rank, False
    after = tuple(
        [
            (rows + (window.extent - 1) * jump, min(jump * window.stride, LARGEST))
            for (rows, jump), window in zip(here, windows, strict=True)
        ]
    )
    wide = node.kind in _CONVOLUTIONS and any([window.extent > 1 for window in windows])
    return after, wide and _is_all(tuple([rows for rows, _ in here]), node, image)


def _is_all(seen: Shape, node: Node, image: Shape) -> bool:
    """Whether rows are all of the image, where it is one: of more than one, and not made larger.
    Never where there are other axes than the image's.
    """
    if len(seen) != len(image):
        return False
    sizes = zip(seen, image, node.input_shapes[0][1:], strict=True)
    judged = [rows >= whole >= size for rows, whole, size in sizes if whole > 1]
    return bool(judged) and all(judged)


def _fewest(node: Node, least: dict[str, _Least]) -> _Least:
    """The least along each axis of values that are merged, but for those of size 1 that are
    repeated, such as a gate: these have seen more.
    """
    sizes = node.output.shape[1:]
    pairs = zip(node.inputs, node.input_shapes, strict=True)
    values = [least[value] for value, shape in pairs if shape[1:] == sizes]
    if not values or len({len(value) for value in values}) > 1:
        return ((1, 0),) * len(sizes)
    return tuple(map(min, zip(*values, strict=True)))
