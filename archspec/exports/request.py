"""How an export is asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from archspec.metadata import Level, Precision


class Written(NamedTuple):
    """What an export has written: a file or a folder, what there is to say of it, and the files
    that it does not do without.
    """

    path: Path
    notes: tuple[str, ...] = ()
    beside: tuple[Path, ...] = ()


class RequestError(ValueError):
    """What was asked for does not go together; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of an export beside the network and its weights; nothing, by default.

    optimize: how far the network is optimised first; None is as far as the precision needs:
        `none` in float32, else `all`.
    precision: what an ONNX file computes in; float32, whatever the weights' file has.
    reduced_io: its inputs and outputs are of that precision too.
    calibrate: a folder of pictures, or a .npy or .npz file of samples, for int8.
    calibration_samples: at most so many of them.
    with_preprocess: an ONNX file takes uint8 pictures, N × H × W × C.
    with_softmax: it makes probabilities.
    with_top_k: it makes that many of the likeliest classes.
    pointing: its weights stay in the file that they were read from.
    external_data: its weights are in a file of their own, which onnxruntime maps into memory.
    max_batch: Triton computes that many samples at once, at most.
    instances: it has that many copies of the model on each device.
    serve_on: and these are its GPUs, or the CPU, or what there is.
    """

    optimize: Level | None = None
    precision: Precision = "fp32"
    reduced_io: bool = False
    calibrate: Path | None = None
    calibration_samples: int | None = None
    with_preprocess: bool = False
    with_softmax: bool = False
    with_top_k: int | None = None
    pointing: bool = False
    external_data: bool = False
    max_batch: int = 32
    instances: int = 1
    serve_on: Literal["auto", "gpu", "cpu"] = "auto"

    def __post_init__(self) -> None:
        """Raises RequestError."""
        for name, values in (("optimize", (None, *LEVELS)), ("precision", PRECISIONS)):
            if getattr(self, name) not in values:
                words = ", ".join(value for value in values if value)
                raise RequestError(f"{name} is {getattr(self, name)!r}: it can be {words}")
        if self.precision == "int8" and self.calibrate is None:
            raise RequestError(
                "int8 needs samples to measure the ranges of values on: `--calibrate DATA`, a "
                "folder of pictures, or a .npy or .npz file"
            )
        if self.precision == "int8" and self.optimize == "none":
            raise RequestError(
                "int8 needs the batch norms folded first: leave `--optimize none` out"
            )
        if self.precision != "int8" and (self.calibrate or self.calibration_samples is not None):
            raise RequestError("samples for calibration are for `--precision int8`")
        if self.pointing and self.precision == "int8":
            raise RequestError(
                "int8 weights are not those of the file, so nothing can point there: give it with "
                "`--weights` instead of `--weights-from`"
            )
        if self.external_data and self.precision == "int8":
            raise RequestError("an int8 file has its weights in it: leave `--external-data` out")
        if self.reduced_io and self.precision not in ("fp16", "bf16"):
            raise RequestError("`--reduced-io` is for `--precision fp16` and `bf16`")
        for name, option in _COUNTS.items():
            number = getattr(self, name)
            if number is not None and not 1 <= number <= _INT32_LARGEST:
                at = "at least 1" if number < 1 else f"at most {_INT32_LARGEST:,}"
                raise RequestError(f"`{option}` is {number:,}: it must be {at}")

    @property
    def level(self) -> Level:
        """How far the network is optimised."""
        if self.optimize is not None:
            return self.optimize
        return "none" if self.precision == "fp32" else "all"

    def given(self) -> frozenset[str]:
        """The names of what is asked for."""
        return frozenset(
            field.name for field in fields(self) if getattr(self, field.name) != field.default
        )


_COUNTS = {
    "calibration_samples": "--calibrate-samples",
    "with_top_k": "--with-top-k",
    "max_batch": "--max-batch",
    "instances": "--instances",
}
_INT32_LARGEST = 2**31 - 1
"""The largest number that Triton's configuration has."""


def _words(literal: Any) -> tuple[str, ...]:
    return get_args(literal)


LEVELS = _words(Level)
PRECISIONS = _words(Precision)
