"""A model bound to memory of its device: inputs and outputs stay there from run to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from archspec.runtime.errors import InputError, MissingPackageError

if TYPE_CHECKING:
    from archspec.runtime.session import Array, Model, ModelTensor

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error
try:
    import onnxruntime
except ImportError as error:
    raise MissingPackageError("onnxruntime", error) from error

_graphs = count(1)
"""Of CUDA graphs, the numbers that onnxruntime knows them by: a graph has the addresses of the
memory that it was recorded with, so every binding needs its own.
"""


class Bound:
    """A model with its inputs and outputs in memory of its device.

    `run` computes, `outputs` copies what came out to the CPU, and `update` copies other values of
    the same shapes in. With CUDA graphs the first runs record, and those after them launch what was
    recorded. One thread at a time may use it.
    """

    def __init__(self, model: Model, feeds: Mapping[str, Array]) -> None:
        """Copy the inputs, batch included, to the device. Raises InputError and DeviceError."""
        self._model = model
        placement = model.placement
        self._device = "cpu" if placement.device == "cpu" else "cuda"
        self._device_id = 0 if placement.device == "cpu" else placement.device_id
        self._options: Any = None
        if placement.cuda_graph:
            self._options = onnxruntime.RunOptions()
            self._options.add_run_config_entry("gpu_graph_id", str(next(_graphs)))
        self._binding = model.session.io_binding()
        self._inputs: dict[str, Any] = {}
        try:
            for tensor in model.inputs:
                array = _array(feeds, tensor)
                self._inputs[tensor.name] = self._memory(array.shape, array.dtype)
            self._copy(feeds)
            for name, value in self._inputs.items():
                self._binding.bind_ortvalue_input(name, value)
            for name in model.outputs:
                # The first run allocates it, and those after it write to the same place.
                self._binding.bind_output(name, self._device, self._device_id)
        except InputError:
            raise
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            raise model.failure(error) from error

    def update(self, feeds: Mapping[str, Array]) -> None:
        """Copy other values of the same shapes to the device. Raises InputError and DeviceError."""
        for tensor in self._model.inputs:
            given = _array(feeds, tensor).shape
            bound = tuple(self._inputs[tensor.name].shape())
            if given != bound:
                raise InputError(
                    f"its input `{tensor.name}` is {_times(given)} and was bound as "
                    f"{_times(bound)}; bind the model anew for other shapes"
                )
        try:
            self._copy(feeds)
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            raise self._model.failure(error) from error

    def run(self) -> None:
        """Compute the outputs from what the inputs hold, and wait until they are there.

        Raises InputError, and DeviceError where the device fails.
        """
        try:
            self._model.session.run_with_iobinding(self._binding, self._options)
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            raise self._model.failure(error) from error

    def outputs(self) -> dict[str, Array]:
        """What the last run made, copied to the CPU: arrays that no later run changes."""
        arrays = [np.array(value.numpy(), copy=True) for value in self._binding.get_outputs()]
        return dict(zip(self._model.outputs, arrays, strict=True))

    def _memory(self, shape: Sequence[int], dtype: Any) -> Any:
        return onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            list(shape), dtype, self._device, self._device_id
        )

    def _copy(self, feeds: Mapping[str, Array]) -> None:
        for tensor in self._model.inputs:
            self._inputs[tensor.name].update_inplace(_array(feeds, tensor))


def _array(feeds: Mapping[str, Array], tensor: ModelTensor) -> Array:
    """The array for an input, as it lies in memory there. Raises InputError.

    onnxruntime copies its bytes, whatever their type is.
    """
    if tensor.name not in feeds:
        raise InputError(f"there is no array for its input `{tensor.name}`")
    array = feeds[tensor.name]
    if array.dtype != np.dtype(tensor.dtype):
        raise InputError(
            f"its input `{tensor.name}` takes {tensor.dtype}, and the array is {array.dtype}"
        )
    return np.ascontiguousarray(array)


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
