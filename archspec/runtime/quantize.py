"""A float32 ONNX file of ours made one that computes in 8-bit integers, by onnxruntime's quantizer.

Weights are signed, with a scale for each output channel, and activations unsigned, with ranges from
the smallest to the largest value seen in calibration: what onnxruntime's documentation says for
x86 with VNNI (Intel from Cascade Lake, AMD from Zen 4), where its kernels for these are the
fastest. Older processors add pairs of products in 16 bits, which may overflow: there the file is
less exact.

Ranges that cut off the rarest values (onnxruntime's Percentile and Entropy) took three to ten times
as long on EfficientNet-Lite0 with its published weights, and agreed no better with float32. What
rounding the weights shifts is taken back through the biases (`bias_correction.py`).
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from archspec.backends.onnx.bias_correction import correct_biases, with_input_means
from archspec.backends.onnx.quantized import (
    QUANTIZED,
    before_the_weights,
    finished,
    has_batch_norm,
)
from archspec.files import replace_file
from archspec.runtime.calibration import FEW_SAMPLES, SAMPLES, CalibrationError, Samples
from archspec.runtime.errors import MissingPackageError, ModelError, one_line
from archspec.runtime.placement import CPU
from archspec.runtime.session import Array, open_model, quiet_options

try:
    import numpy as np
    import onnxruntime
except ImportError as error:  # named by session.py, which needs them before
    raise MissingPackageError("onnxruntime", error) from error

MOST_BYTES = 2**31 - 1
"""The largest model that goes through onnxruntime's quantizer, which holds it as one message."""


class Quantized(NamedTuple):
    """What the ranges were taken from: how many samples, and why files were skipped.

    `warning` says what may be wrong with them; it is empty mostly.
    """

    samples: int
    skipped: tuple[str, ...]
    warning: str


def quantize(source: Path, target: Path, calibration: Path, *, samples: int = SAMPLES) -> Quantized:
    """Write the model at `source`, float32 and best without batch norms, to `target` in int8.

    `calibration` is a folder of pictures, or a file of arrays, of which up to `samples` are run.
    What stood at `target` is replaced when all is done, and nothing else is left behind.

    Raises ModelError, CalibrationError, MissingPackageError, and OSError.
    """
    _check_size(source)
    model = open_model(source)
    if model.metadata is not None and model.metadata.precision != "fp32":
        raise ModelError(
            f"{source}: a model in {model.metadata.precision} cannot be quantised; "
            "build it in float32 first"
        )
    shown = Samples(calibration, model, samples)
    batches = _Batches(shown)
    with tempfile.TemporaryDirectory(prefix=".archspec-", dir=target.parent) as folder:
        prepared, made = Path(folder) / "prepared.onnx", Path(folder) / "quantized.onnx"
        try:
            with _quietly():
                _prepare(source, prepared)
                batches.means = _Means(prepared)
                _quantize(prepared, made, batches)
            quantised = finished(made, source)
            correct_biases(quantised, prepared, batches.means.found())
            data = quantised.SerializeToString()
        except (OSError, MemoryError, CalibrationError):
            raise
        except Exception as error:  # the quantizer raises what it likes
            raise ModelError(
                f"{source}: onnxruntime could not quantise the model ({one_line(error)}); "
                "if the network's values overflow on these samples, its weights are at fault"
            ) from error
        with replace_file(target) as file:
            file.write(data)
    return Quantized(shown.used, tuple(shown.skipped), _warning(shown))


class _Batches:
    """The samples as onnxruntime's quantizer asks for them. The first batch is read at once, so
    that what cannot be calibrated with is said before anything else is done. The `means` are told
    of each as it goes by, and so no sample is read twice.
    """

    means: _Means

    def __init__(self, samples: Samples) -> None:
        self._rest = samples.batches()
        self._next: dict[str, Array] | None = next(self._rest)

    def get_next(self) -> dict[str, Array] | None:
        batch, self._next = self._next, None
        batch = batch if batch is not None else next(self._rest, None)
        if batch is not None:
            self.means.add(batch)
        return batch


class _Means:
    """The mean of each channel of what the layers with weights are given, by their operations."""

    def __init__(self, prepared: Path) -> None:
        measured = with_input_means(prepared)
        self._of = measured.of
        self._names = sorted(set(self._of.values()))
        self._session = (
            onnxruntime.InferenceSession(measured.model, quiet_options(), providers=[CPU])
            if self._names
            else None
        )
        self._totals = {name: np.zeros(1) for name in self._names}
        self._count = 0

    def add(self, batch: dict[str, Array]) -> None:
        """Let a batch of samples count."""
        if self._session is None:
            return
        size = len(next(iter(batch.values())))
        self._count += size
        for name, means in zip(self._names, self._session.run(self._names, batch), strict=True):
            self._totals[name] = self._totals[name] + size * means.astype(np.float64)

    def found(self) -> dict[str, Array]:
        """The means over all samples so far."""
        return {layer: self._totals[name] / self._count for layer, name in self._of.items()}


def _prepare(source: Path, prepared: Path) -> None:
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(
        str(source),
        str(prepared),
        # Our files state the shape of every value. onnxruntime folds the batch norms that are left.
        skip_symbolic_shape=True,
        skip_optimization=not has_batch_norm(source),
    )


def _quantize(prepared: Path, made: Path, batches: _Batches) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    quantize_static(
        str(prepared),
        str(made),
        batches,
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(QUANTIZED),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=before_the_weights(prepared),
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the quantizer prints and logs of its steps; what it raises is told once."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _check_size(source: Path) -> None:
    from archspec.backends.onnx.read import external_files

    try:
        files = [source, *external_files(source)]
        size = sum(file.stat().st_size for file in files)
    except (OSError, ValueError):
        return  # Opening it says what is wrong, in full.
    if size > MOST_BYTES:
        raise ModelError(
            f"{source}: with its weights it has {size:,} bytes, and onnxruntime's quantizer takes "
            f"{MOST_BYTES:,} at most; build it with `--precision fp16`, which halves it"
        )


def _warning(shown: Samples) -> str:
    if shown.used >= FEW_SAMPLES:
        return ""
    number = f"{shown.used} sample{'s' if shown.used != 1 else ''}"
    return (
        f"the ranges were taken from {number} alone, and others may lie outside them: "
        f"give {SAMPLES} or more"
    )
