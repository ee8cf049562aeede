"""`python -m benchmarks.peers.photographs FOLDER CALIBRATION`: crops of scikit-image's photographs.

Every photograph of its data that shows something of the world is cut into overlapping squares, of
several sizes, each mirrored too. They go to FOLDER, and every fifth to CALIBRATION instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageOps

NAMES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "rocket.jpg",
)
SHARES = (1.0, 0.75, 0.5)
"""Of the shorter side of a photograph."""


def main(folder: str, calibration: str) -> None:
    targets = (Path(calibration), *[Path(folder)] * 4)
    for target in targets:
        target.mkdir(parents=True, exist_ok=True)
    package = find_spec("skimage")  # Nothing of it is run.
    assert package is not None and package.origin is not None, "benchmarks.inference asks before"
    photographs = Path(package.origin).parent / "data"
    number = 0
    for name in NAMES:
        picture = Image.open(photographs / name).convert("RGB")
        for crop in _crops(picture):
            crop.save(targets[number % len(targets)] / f"{number:03}-{Path(name).stem}.png")
            number += 1


def _crops(picture: Image.Image) -> Iterator[Image.Image]:
    for share in SHARES:
        side = int(share * min(picture.size))
        for x in _starts(picture.width, side):
            for y in _starts(picture.height, side):
                crop = picture.crop((x, y, x + side, y + side))
                yield crop
                yield ImageOps.mirror(crop)


def _starts(length: int, side: int) -> list[int]:
    """Where squares begin that together cover the length, half a side apart at most."""
    steps = -(-2 * (length - side) // side)
    return [round(step * (length - side) / max(steps, 1)) for step in range(steps + 1)]


if __name__ == "__main__":
    main(*sys.argv[1:])
