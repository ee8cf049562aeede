"""ONNX's conformance cases agree with the shape rules, and with what both backends compute."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, defs, helper, shape_inference

from archspec.backends.onnx import write_model
from archspec.backends.torch import to_module
from archspec.graph import Graph
from archspec.layers import LAYERS
from tests.conformance import (
    OPERATORS,
    Case,
    NotSaid,
    Translation,
    node_cases,
    stored_cases,
    translate,
)
from tests.graphs import graph_of
from tests.test_onnx import assert_close, run

NOT_SAID: Mapping[str, tuple[str, ...]] = {
    # Of the mean of rows that are not neighbours PyTorch knows nothing either.
    "dilations": (
        "test_averagepool_2d_dilations",
        "test_averagepool_3d_dilations_small",
        "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True",
        "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False",
        "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
        "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False",
    ),
    # What is compiled is for inference.
    "training_mode": (
        "test_batchnorm_example_training_mode",
        "test_batchnorm_epsilon_training_mode",
    ),
    # The sum of the magnitudes is no l2_normalize.
    "p": (
        "test_l1normalization_axis_0",
        "test_l1normalization_axis_1",
        "test_l1normalization_axis_last",
    ),
    # A factor is a fraction of a power of two, so that ⌊n f⌋ is the same in any arithmetic.
    "a factor of 0.6": (
        "test_resize_downsample_scales_nearest",
        "test_resize_downsample_scales_linear",
        "test_resize_downsample_scales_linear_align_corners",
    ),
    "a factor of 0.8": (
        "test_resize_downsample_scales_cubic",
        "test_resize_downsample_scales_cubic_align_corners",
    ),
    # PyTorch's ways of interpolating are those that there are.
    "antialias": (
        "test_resize_downsample_scales_linear_antialias",
        "test_resize_downsample_sizes_linear_antialias",
        "test_resize_downsample_scales_cubic_antialias",
        "test_resize_downsample_sizes_cubic_antialias",
    ),
    "exclude_outside": (
        "test_resize_upsample_scales_cubic_A_n0p5_exclude_outside",
        "test_resize_downsample_scales_cubic_A_n0p5_exclude_outside",
    ),
    "asymmetric cubic": ("test_resize_upsample_scales_cubic_asymmetric",),
    "half_pixel_symmetric": (
        "test_resize_downsample_scales_linear_half_pixel_symmetric",
        "test_resize_upsample_scales_linear_half_pixel_symmetric",
    ),
    # It takes a region of the picture, which is another input.
    "tf_crop_and_resize": (
        "test_resize_tf_crop_and_resize",
        "test_resize_tf_crop_and_resize_extrapolation_value",
        "test_resize_tf_crop_and_resize_axes_2_3",
        "test_resize_tf_crop_and_resize_axes_3_2",
    ),
    # The size would depend on the shape of the picture: the author knows it, and writes it.
    "keep_aspect_ratio_policy": (
        "test_resize_upsample_sizes_nearest_not_larger",
        "test_resize_upsample_sizes_nearest_not_smaller",
        "test_resize_downsample_sizes_nearest_not_larger",
        "test_resize_downsample_sizes_nearest_not_smaller",
    ),
}
"""Cases that the language has no words for, by what they would need."""

SHAPES_ALONE: Mapping[str, str] = {
    "test_resize_downsample_sizes_nearest": "rows are rounded to at half pixels; PyTorch floors",
    "test_resize_upsample_sizes_nearest_floor_align_corners": "rows lie between the corners",
    "test_resize_upsample_sizes_nearest_round_prefer_ceil_asymmetric": "rows are rounded up to",
    "test_resize_upsample_sizes_nearest_ceil_half_pixel": "rows are rounded up to",
    "test_resize_downsample_sizes_linear_pytorch_half_pixel": "one row is the first; PyTorch, "
    "for all the mode's name, takes the middle: F.interpolate's own, as upsample",
    "test_depthtospace_example": "rows of a block vary before the channels do (DCR)",
    "test_spacetodepth": "rows of a block vary before the channels do (DCR)",
    "test_spacetodepth_dcr_mode_example": "rows of a block vary before the channels do (DCR)",
}
"""Cases with other values than the layer of the same shape, and in what ONNX's differ."""

NO_KIND: Mapping[str, str] = {
    "CenterCropPad": "sizes that are a tensor",
    "CausalConvWithState": "a convolution that is run row by row",
    "Col2Im": "the overlaps of patches summed up",
    "ConvInteger": "integers",
    "DeformConv": "positions that are computed",
    "GlobalLpPool": "another norm than the largest, or the mean",
    "LpPool": "another norm than the largest, or the mean",
    "MaxRoiPool": "regions that are computed",
    "MaxUnpool": "the places of a pool's maxima, which it does not keep",
    "MeanVarianceNormalization": "the mean over the samples of a batch",
    "QLinearConv": "integers",
    "RMSNormalization": "a norm whose mean stays",
}
"""Operators of these families that no kind is for, and what they would need."""

FAMILIES = re.compile(r"Conv|Pool|Normalization$|LRN|Resize|Upsample|Depth|Pad|Col2Im|Unpool")


def cases_of(operator: str) -> list[Case]:
    return [*node_cases(operator), *stored_cases(operator)]


def graph_and_weights(case: Translation) -> tuple[Graph, dict[str, NDArray[Any]]]:
    layer = LAYERS[case.kind].model_validate(case.fields)
    graph = graph_of(layer, case.x.shape[1:])
    return graph, {f"layer.{leaf}": array for leaf, array in case.tensors.items()}


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_case_has_the_inferred_shape_and_what_is_computed_or_says_why_not(
    operator: str, tmp_path: Path
) -> None:
    unsayable = {name: need for need, names in NOT_SAID.items() for name in names}
    cases = cases_of(operator)
    assert cases
    for case in cases:
        if case.name in unsayable:
            with pytest.raises(NotSaid, match=f"^{re.escape(unsayable[case.name])}$"):
                translate(case)
            continue
        said = translate(case)
        graph, weights = graph_and_weights(said)
        assert graph.outputs["layer"].shape == said.output.shape[1:], case.name
        x, path = said.x.astype(np.float32), tmp_path / f"{case.name}.onnx"
        write_model(graph, weights, path)
        (by_onnxruntime,) = run(path, {"input": x})
        with torch.no_grad():
            by_torch = to_module(graph, weights)(torch.from_numpy(x)).numpy()
        assert by_onnxruntime.shape == by_torch.shape == said.output.shape, case.name
        assert_close(by_onnxruntime, by_torch)
        if case.name in SHAPES_ALONE:
            # Else the table would claim too much.
            assert not np.allclose(by_torch, said.output, rtol=1e-2), case.name
        else:
            # As far as the cases themselves are exact: some are written down with four digits.
            np.testing.assert_allclose(by_torch, said.output, 1e-3, 1e-4, err_msg=case.name)


def test_the_tables_name_cases_and_operators_that_there_are() -> None:
    names = {case.name for operator in OPERATORS for case in cases_of(operator)}
    assert {*SHAPES_ALONE, *(name for listed in NOT_SAID.values() for name in listed)} <= names
    operators = {
        schema.name for schema in defs.get_all_schemas() if schema.domain in ("", "ai.onnx")
    }
    assert {*OPERATORS, *NO_KIND} <= operators
    families = {operator for operator in operators if FAMILIES.search(operator)}
    assert families <= {*OPERATORS, *NO_KIND}


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool"])
def test_ceil_mode_drops_the_windows_that_onnx_drops(operator: str) -> None:
    # From opset 22 on ONNX has PyTorch's rule; before, its inference kept windows of padding alone.
    kind = {"MaxPool": "max_pool", "AveragePool": "avg_pool"}[operator]
    dropped = 0
    sizes, rows = range(1, 9), range(3)
    for n, kernel, stride, before, after in product(sizes, range(1, 5), range(1, 6), rows, rows):
        if max(before, after) >= kernel or n + before + after < kernel:
            continue
        sides = (before, after)
        fields = {"kernel_size": kernel, "stride": stride, "padding": (sides,), "ceil_mode": True}
        (_, output) = LAYERS[kind].model_validate(fields).output_shape(((1, n),))
        assert output == inferred_by_onnx(operator, n, kernel, stride, sides), fields
        dropped += output < 1 - (kernel - n - before - after) // stride
    assert dropped > 100


def inferred_by_onnx(
    operator: str, n: int, kernel: int, stride: int, sides: tuple[int, int]
) -> int:
    """The rows that onnx's shape inference says a pool with `ceil_mode` makes of n."""
    window: dict[str, Any] = {
        "kernel_shape": [kernel],
        "strides": [stride],
        "pads": sides,
        "ceil_mode": 1,
    }
    node = helper.make_node(operator, ["x"], ["y"], **window)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, n])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "pool", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])
    made = shape_inference.infer_shapes(model, strict_mode=True)
    return int(made.graph.output[0].type.tensor_type.shape.dim[2].dim_value)
