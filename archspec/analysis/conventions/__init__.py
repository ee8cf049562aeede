"""MACs as others count them: a convention a tool, each a table of rules, a row a kind.

Every figure is of one sample at inference, of the network as archspec compiles it to PyTorch. It is
arithmetic on the graph: none of the tools is needed.
"""

from __future__ import annotations

from archspec.analysis.conventions.fvcore import FVCORE
from archspec.analysis.conventions.ptflops import PTFLOPS
from archspec.analysis.conventions.rules import Convention, NoRule, Part, recounted
from archspec.analysis.conventions.thop import THOP
from archspec.analysis.conventions.timm import TIMM
from archspec.analysis.conventions.torchvision import TORCHVISION

CONVENTIONS: dict[str, Convention] = {
    convention.name: convention for convention in (TORCHVISION, FVCORE, PTFLOPS, THOP, TIMM)
}
"""Every convention, by its name."""

__all__ = ["CONVENTIONS", "Convention", "NoRule", "Part", "recounted"]
