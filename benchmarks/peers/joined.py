"""`python -m benchmarks.peers.joined FILE TARGET`: an ONNX file with its weights in it."""

from __future__ import annotations

import sys

import onnx


def main(path: str, target: str) -> None:
    onnx.save(onnx.load(path), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
