"""`python -m archspec.runtime.trial MODEL.onnx DEVICE`: does this device run this model?

`archspec doctor` asks in a process of its own, for a library that is out of order may end it. The
answer is one line of JSON: the `outcome`, which is `runs`, `absent` or `broken`, and what is to be
`said` of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import get_args

from archspec.runtime.errors import MissingPackageError, RuntimeFailure
from archspec.runtime.placement import Device, Placement

_TOLERANCE = 1e-3
"""How far a float32 result may be off the CPU's, beside the largest: sums in another order come to
a thousandth of that, and wrong kernels to more than all of it.
"""


def try_device(path: Path, device: Device) -> tuple[str, str]:
    """The outcome, and what to say of it."""
    try:
        from archspec.runtime.providers import require
        from archspec.runtime.session import open_model
    except MissingPackageError as error:
        return "absent" if error.is_absent else "broken", str(error)
    try:
        require(device)
    except RuntimeFailure as error:
        return "absent", str(error)
    import numpy as np

    try:
        reference = open_model(path)
        (tensor,) = reference.inputs
        shape = [size if isinstance(size, int) else 1 for size in tensor.shape]
        feeds = {tensor.name: np.random.default_rng(0).random(shape, np.float32)}
        expected = reference.predict(feeds)
        model = open_model(path, Placement(device, allow_cpu_fallback=True, batch=shape[0]))
        made = model.predict(feeds)
    except RuntimeFailure as error:
        return "broken", str(error)
    if model.on_the_cpu:
        return "broken", f"starts, and leaves {len(model.on_the_cpu)} operations to the CPU"
    off = max(float(np.abs(made[name] - expected[name]).max()) for name in expected)
    scale = max(float(np.abs(values).max()) for values in expected.values())
    if not off <= _TOLERANCE * scale:
        return "broken", f"runs, and its results are off the CPU's by {off:.3g} of {scale:.3g}"
    return "runs", "runs a network" + ("" if device == "cpu" else f", {off:.1g} off the CPU's")


if __name__ == "__main__":
    (device,) = (each for each in get_args(Device) if each == sys.argv[2])
    outcome, said = try_device(Path(sys.argv[1]), device)
    print(json.dumps({"outcome": outcome, "said": said}))
