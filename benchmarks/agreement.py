"""`python -m benchmarks.agreement ONE TWO`: do two ONNX files of ResNet-152 compute the same?

Prints the largest difference between their outputs, relative to the largest output, as JSON.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import onnxruntime
from numpy.typing import NDArray


def main(one: str, two: str) -> None:
    x = np.random.default_rng(1).standard_normal((2, 3, 224, 224), dtype=np.float32)
    a, b = (_run(path, x) for path in (one, two))
    print(json.dumps(float(np.abs(a - b).max() / np.abs(b).max())))


def _run(path: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    result: NDArray[np.float32]
    (result,) = session.run(None, {session.get_inputs()[0].name: x})
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])
