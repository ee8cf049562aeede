"""What the tools that people quote say of a PyTorch module, and timm of its own networks.

Each is called as its documentation says, on a module in eval mode and one sample.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, fx, nn

Inputs = tuple[Tensor, ...]


def torchvision(module: fx.GraphModule, inputs: Inputs) -> float:
    """Half the FLOPs of PyTorch's own counter, by which torchvision's published figures come out.

    Attention is computed in its products: those of the fused operators for CPUs it does not count.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    # With gradients, without which nn.MultiheadAttention is one operator.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return float(counter.get_total_flops()) / 2


def fvcore(module: nn.Module, inputs: Inputs) -> float:
    from fvcore.nn import FlopCountAnalysis

    return float(FlopCountAnalysis(module, inputs).total())


def ptflops(module: fx.GraphModule, inputs: Inputs) -> float:
    from ptflops import get_model_complexity_info

    names = [node.target for node in module.graph.nodes if node.op == "placeholder"]
    arguments = dict(zip(names, inputs, strict=True))
    macs, _ = get_model_complexity_info(
        module,
        tuple(inputs[0].shape[1:]),
        input_constructor=lambda _: arguments,
        as_strings=False,
        print_per_layer_stat=False,
        ost=io.StringIO(),
    )
    return float(macs)


def thop(module: nn.Module, inputs: Inputs) -> float:
    from thop import profile

    return float(profile(module, inputs, verbose=False)[0])


COUNTERS: Mapping[str, Callable[[fx.GraphModule, Inputs], float]] = {
    "torchvision": torchvision,
    "fvcore": fvcore,
    "ptflops": ptflops,
    "thop": thop,
}
"""The counters of a module, by the names of archspec's conventions."""

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "torchvision": ("torch",),
    "fvcore": ("fvcore",),
    "ptflops": ("ptflops",),
    "thop": ("thop",),
    "timm": ("timm", "fvcore"),
}
"""The packages whose versions decide a tool's figures."""

TIMM: Mapping[str, str] = {
    **{name: name for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")},
    **{name: name for name in ("resnext50_32x4d", "wide_resnet50_2", "inception_v3")},
    **{name: name for name in ("vgg11", "vgg13", "vgg16", "vgg19")},
    **{name: name for name in ("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn")},
    **{name: name for name in ("densenet121", "densenet161", "densenet169", "densenet201")},
    **{name: name for name in ("convnext_tiny", "efficientnet_lite0")},
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "mobilenet_v3_small": "mobilenetv3_small_100",
    "vit_b_16": "vit_base_patch16_224",
}
"""What timm calls the networks that it has as well."""


def timm(network: str) -> float:
    """What timm's benchmark.py does: fvcore, of its own network with the pool that it calls fast.

    `network` is timm's name.
    """
    import timm as package

    options = {} if network.startswith("vit") else {"global_pool": "fast"}
    module = package.create_model(network, pretrained=False, **options).eval()
    return fvcore(module, (torch.zeros(1, *module.default_cfg["input_size"]),))


def versions(tool: str) -> dict[str, str]:
    """Of the packages that decide a tool's figures. Raises PackageNotFoundError."""
    if tool == "timm":
        version("torchvision")  # timm imports it.
    found = {name: version(name) for name in PACKAGES[tool]}
    # As packages are named in an index: torch has a build after a plus, thop a hyphen for `.post`.
    return {name: of.partition("+")[0].replace("-", ".post") for name, of in found.items()}


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without what the tools print and warn of."""
    output: Any = io.StringIO()
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(output):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
