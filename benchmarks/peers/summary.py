"""What people run to see a network's shapes and counts: torchinfo's summary of it."""

from __future__ import annotations

from torchinfo import summary

from benchmarks.peers.resnet152 import ResNet152


def main() -> None:
    print(summary(ResNet152(), input_size=(1, 3, 224, 224)))


if __name__ == "__main__":
    main()
