"""ONNX's own conformance cases, and what archspec's language says for each.

The cases come with the onnx package: a node, its inputs, and the outputs that ONNX says it has. A
translation is the layer that does the same, with the case's weights.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array = NDArray[Any]


class NotSaid(Exception):
    """The language has no word for what a case does; the message says for what."""


class Case(NamedTuple):
    """A node with its inputs, None for those left out, and its first output."""

    name: str
    operator: str
    attributes: Mapping[str, Any]
    inputs: Sequence[Array | None]
    output: Array

    @property
    def x(self) -> Array:
        (x, *_) = self.inputs
        assert x is not None
        return x

    @property
    def axes(self) -> int:
        """The spatial axes."""
        return self.x.ndim - 2

    def given(self, index: int) -> Array | None:
        """An input that may be left out."""
        return self.inputs[index] if index < len(self.inputs) else None


class Translation(NamedTuple):
    """A kind of layer and its fields, its tensors by leaf name, and the case's input and output as
    the layer has them: a batch first, then channels.
    """

    kind: str
    fields: dict[str, Any]
    tensors: dict[str, Array]
    x: Array
    output: Array


# The cases


def node_cases(operator: str) -> Iterator[Case]:
    """The cases of an operator that the onnx package makes; those that are written out in other
    operators again (`…_expanded`) are the same ones.
    """
    import onnx.backend.test.case.node as made

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # One divides by zero.
        importlib.import_module(f"{made.__name__}.{OPERATORS[operator].module}")
    for case in made._NodeTestCases:
        nodes = case.model.graph.node
        if [node.op_type for node in nodes] == [operator]:
            ((inputs, outputs),) = case.data_sets
            given = dict(zip([name for name in nodes[0].input if name], inputs, strict=True))
            yield _case(case.name, nodes[0], given, outputs[0])


def stored_cases(operator: str) -> Iterator[Case]:
    """The cases of an operator that the onnx package stores: models that PyTorch once exported."""
    data = Path(onnx.__file__).parent / "backend" / "test" / "data"
    for path in sorted(data.glob("pytorch-*/*/model.onnx")):
        graph = onnx.load(path).graph
        found = [node for node in graph.node if node.op_type == operator]
        others = {node.op_type for node in graph.node if node.op_type != operator}
        if not found or not others <= {"Squeeze", "Unsqueeze"}:
            continue
        (node,), tests = found, path.parent / "test_data_set_0"
        weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        x, output = (_stored(tests / name) for name in ("input_0.pb", "output_0.pb"))
        if others:  # One axis that was two for the operator's sake.
            x, output = x[..., None], output[..., None]
        yield _case(path.parent.name, node, {node.input[0]: x, **weights}, output)


def _stored(path: Path) -> Array:
    return numpy_helper.to_array(onnx.load_tensor(path))


def _case(name: str, node: onnx.NodeProto, given: Mapping[str, Array], output: Array) -> Case:
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    words = {
        key: value.decode() if isinstance(value, bytes) else value
        for key, value in attributes.items()
    }
    inputs = [given[name] if name else None for name in node.input]
    return Case(name, node.op_type, words, inputs, output)


# What the language says


def translate(case: Case) -> Translation:
    """The layer that does what a case does. Raises NotSaid where there is none."""
    return OPERATORS[case.operator].translate(case)


def _known(case: Case, *names: str) -> None:
    """Raise NotSaid where a case has another attribute than these."""
    for name in case.attributes:
        if name not in names:
            raise NotSaid(name)


_WINDOW = ("kernel_shape", "strides", "dilations", "pads", "auto_pad")


def _window(case: Case) -> dict[str, Any]:
    """Padding, stride and dilation, which ONNX's windows have in common."""
    attributes = case.attributes
    one = [1] * case.axes
    fields: dict[str, Any] = {"stride": tuple(attributes.get("strides", one))}
    if "dilations" in attributes:
        fields["dilation"] = tuple(attributes["dilations"])
    word = attributes.get("auto_pad", "NOTSET")
    pads = attributes.get("pads", [0] * 2 * case.axes)
    fields["padding"] = _sides(pads) if word == "NOTSET" else word.lower()
    return fields


def _sides(pads: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """ONNX lists all sides before, then all after."""
    half = len(pads) // 2
    return tuple((int(b), int(a)) for b, a in zip(pads[:half], pads[half:], strict=True))


def _weights(case: Case) -> dict[str, Array]:
    """A weight, and a bias where there is one."""
    weight, bias = case.given(1), case.given(2)
    assert weight is not None
    return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}


def _conv(case: Case) -> Translation:
    _known(case, *_WINDOW, "group")
    tensors = _weights(case)
    filters, _, *kernel = tensors["weight"].shape
    fields = {
        **_window(case),
        "out_channels": filters,
        "kernel_size": tuple(kernel),
        "groups": case.attributes.get("group", 1),
        "bias": "bias" in tensors,
    }
    return Translation("conv", fields, tensors, case.x, case.output)


def _conv_transpose(case: Case) -> Translation:
    _known(case, *_WINDOW, "group", "output_padding", "output_shape")
    tensors, groups = _weights(case), case.attributes.get("group", 1)
    _, filters, *kernel = tensors["weight"].shape
    fields = {
        **_window(case),
        "out_channels": filters * groups,
        "kernel_size": tuple(kernel),
        "groups": groups,
        "output_padding": tuple(case.attributes.get("output_padding", [0] * case.axes)),
        "bias": "bias" in tensors,
    }
    if "output_shape" in case.attributes:
        fields.update(_left_out(case, fields, case.attributes["output_shape"]))
    return Translation("conv_transpose", fields, tensors, case.x, case.output)


def _left_out(case: Case, fields: Mapping[str, Any], sizes: Sequence[int]) -> dict[str, Any]:
    """The padding that makes the output of these sizes, and the rows that are missing if it would
    have to be negative: the specification's formula for `output_shape`.
    """
    dilations = fields.get("dilation", (1,) * case.axes)
    sides, extra = [], []
    for n, m, k, s, d, e in zip(
        case.x.shape[2:],
        sizes,
        fields["kernel_size"],
        fields["stride"],
        dilations,
        fields["output_padding"],
        strict=True,
    ):
        total = s * (n - 1) + e + d * (k - 1) + 1 - m
        sides.append((max(total, 0) - max(total, 0) // 2, max(total, 0) // 2))
        extra.append(e - min(total, 0))
    return {"padding": tuple(sides), "output_padding": tuple(extra)}


def _pool(kind: str, *attributes: str) -> Callable[[Case], Translation]:
    def translate(case: Case) -> Translation:
        _known(case, *_WINDOW, "ceil_mode", *attributes)
        fields = _window(case)
        fields["kernel_size"] = tuple(case.attributes["kernel_shape"])
        fields["ceil_mode"] = bool(case.attributes.get("ceil_mode", 0))
        if kind == "avg_pool":
            if "dilation" in fields:
                raise NotSaid("dilations")
            fields["count_include_pad"] = bool(case.attributes.get("count_include_pad", 0))
        return Translation(kind, fields, {}, case.x, case.output)

    return translate


def _global_pool(kind: str) -> Callable[[Case], Translation]:
    return lambda case: Translation(kind, {}, {}, case.x, case.output)


def _eps(case: Case) -> dict[str, Any]:
    return {"eps": float(case.attributes.get("epsilon", 1e-5))}


def _batch_norm(case: Case) -> Translation:
    _known(case, "epsilon", "momentum", "is_test", "training_mode")
    if case.attributes.get("training_mode"):
        raise NotSaid("training_mode")
    leaves = ("weight", "bias", "running_mean", "running_var")
    tensors = {leaf: t for leaf, t in zip(leaves, case.inputs[1:], strict=True) if t is not None}
    return Translation("batch_norm", _eps(case), tensors, case.x, case.output)


def _instance_norm(case: Case) -> Translation:
    _known(case, "epsilon")
    fields = {**_eps(case), "affine": True}
    return Translation("instance_norm", fields, _weights(case), case.x, case.output)


def _group_norm(case: Case) -> Translation:
    _known(case, "epsilon", "num_groups")
    fields = {**_eps(case), "num_groups": case.attributes["num_groups"]}
    return Translation("group_norm", fields, _weights(case), case.x, case.output)


def _folded(array: Array, axis: int) -> Array:
    """All axes before `axis` as the batch."""
    axis %= array.ndim
    return array.reshape(-1, *array.shape[axis:])


def _layer_norm(case: Case) -> Translation:
    _known(case, "epsilon", "axis")
    axis = case.attributes.get("axis", -1)
    x, output = _folded(case.x, axis), _folded(case.output, axis)
    return Translation("layer_norm", {**_eps(case), "over": "all"}, _weights(case), x, output)


def _lp_norm(case: Case) -> Translation:
    _known(case, "axis", "p")
    axis, p = case.attributes.get("axis", -1), case.attributes.get("p", 2)
    if p != 2:
        raise NotSaid("p")
    return Translation("l2_normalize", {}, {}, _folded(case.x, axis), _folded(case.output, axis))


def _lrn(case: Case) -> Translation:
    _known(case, "size", "alpha", "beta", "bias")
    words = {"alpha": "alpha", "beta": "beta", "bias": "k"}
    fields: dict[str, Any] = {"size": case.attributes["size"]}
    given = {words[key]: float(case.attributes[key]) for key in words if key in case.attributes}
    return Translation("lrn", {**fields, **given}, {}, case.x, case.output)


_HALF_PIXELS = ("half_pixel", "pytorch_half_pixel")


def _resize(case: Case) -> Translation:
    names = ("mode", "axes", "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a")
    _known(case, *names, "extrapolation_value")
    coordinates = case.attributes.get("coordinate_transformation_mode", "half_pixel")
    mode = case.attributes["mode"]
    if coordinates not in (*_HALF_PIXELS, "align_corners", "asymmetric"):
        raise NotSaid(coordinates)
    if mode == "nearest":
        fields: dict[str, Any] = {"mode": "nearest"}
    elif coordinates == "asymmetric":
        raise NotSaid(f"{coordinates} {mode}")
    else:
        word = {"linear": "linear", "cubic": "bicubic"}[mode]
        fields = {"mode": word, "align_corners": coordinates == "align_corners"}
    axes = case.attributes.get("axes", range(case.x.ndim))
    scales, sizes = case.given(2), case.given(3)
    if sizes is not None:
        by_axis = dict(zip(axes, sizes.tolist(), strict=True))
        fields["size"] = tuple(by_axis[axis] for axis in range(2, case.x.ndim))
    else:
        assert scales is not None
        fields["scale_factor"] = _factors(dict(zip(axes, scales.tolist(), strict=True)))
    return Translation("upsample", fields, {}, case.x, case.output)


def _factors(scales: dict[int, float]) -> tuple[float, ...]:
    factors = tuple(scales[axis] for axis in sorted(scales) if axis > 1)
    for factor in factors:
        if not (factor * 1024).is_integer():
            raise NotSaid(f"a factor of {factor:.2g}")
    return factors


def _upsample(case: Case) -> Translation:
    _known(case, "mode")
    (_, scales) = case.inputs
    assert scales is not None
    fields = {"mode": case.attributes["mode"], "scale_factor": tuple(scales[2:].tolist())}
    return Translation("upsample", fields, {}, case.x, case.output)


def _shuffle(kind: str, field: str) -> Callable[[Case], Translation]:
    def translate(case: Case) -> Translation:
        _known(case, "blocksize", "mode")
        fields = {field: case.attributes["blocksize"]}
        return Translation(kind, fields, {}, case.x, case.output)

    return translate


def _pad(case: Case) -> Translation:
    _known(case, "mode", "pads", "value")
    pads, value = case.given(1), case.given(2)
    listed = case.attributes["pads"] if pads is None else pads.tolist()
    axes = case.given(3)
    along = range(case.x.ndim) if axes is None else [int(a) % case.x.ndim for a in axes]
    sides = dict(zip(along, _sides(listed), strict=True))
    if sides.get(0, (0, 0)) != (0, 0) or sides.get(1, (0, 0)) != (0, 0):
        raise NotSaid("rows of the batch, or channels")
    mode = case.attributes.get("mode", "constant")
    fields: dict[str, Any] = {
        "padding": tuple(sides.get(axis, (0, 0)) for axis in range(2, case.x.ndim)),
        "mode": {"edge": "replicate", "wrap": "circular"}.get(mode, mode),
    }
    if mode == "constant":
        fields["value"] = float(case.attributes.get("value", 0.0) if value is None else value)
    return Translation("pad", fields, {}, case.x, case.output)


class Operator(NamedTuple):
    """The module of the onnx package with an operator's cases, and its translation."""

    module: str
    translate: Callable[[Case], Translation]


OPERATORS: Mapping[str, Operator] = {
    "Conv": Operator("conv", _conv),
    "ConvTranspose": Operator("convtranspose", _conv_transpose),
    "MaxPool": Operator("maxpool", _pool("max_pool", "storage_order")),
    "AveragePool": Operator("averagepool", _pool("avg_pool", "count_include_pad")),
    "GlobalMaxPool": Operator("globalmaxpool", _global_pool("global_max_pool")),
    "GlobalAveragePool": Operator("globalaveragepool", _global_pool("global_avg_pool")),
    "BatchNormalization": Operator("batch_normalization", _batch_norm),
    "InstanceNormalization": Operator("instance_normalization", _instance_norm),
    "GroupNormalization": Operator("groupnormalization", _group_norm),
    "LayerNormalization": Operator("layernormalization", _layer_norm),
    "LpNormalization": Operator("lpnormalization", _lp_norm),
    "LRN": Operator("lrn", _lrn),
    "Resize": Operator("resize", _resize),
    "Upsample": Operator("upsample", _upsample),
    "DepthToSpace": Operator("depthtospace", _shuffle("pixel_shuffle", "upscale_factor")),
    "SpaceToDepth": Operator("spacetodepth", _shuffle("pixel_unshuffle", "downscale_factor")),
    "Pad": Operator("pad", _pad),
}
