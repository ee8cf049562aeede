"""timm's convention: that of its `benchmark.py`, which fills the GMACs of its tables of results.

It asks fvcore, of networks that timm builds with `global_pool="fast"`. These pool by a mean over
the axes, an operator that fvcore has no handle for, and leave other adaptive pools out.
"""

from __future__ import annotations

from archspec.analysis.conventions import fvcore
from archspec.analysis.conventions.rules import Convention, alike, nothing
from archspec.layers.pool import AdaptiveAvgPool, GlobalAvgPool

NO_POOL = nothing("timm pools by a mean, which fvcore has no handle for, or not at all")

TIMM = Convention(
    "timm",
    "timm's benchmark.py, which asks fvcore",
    {"timm": "1.0.31", **fvcore.PACKAGES},
    {**fvcore.RULES, **alike(NO_POOL, GlobalAvgPool, AdaptiveAvgPool)},
)
