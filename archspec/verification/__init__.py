"""The proof that a network is what its spec says, in PyTorch and in ONNX: `verify` reports it."""

from archspec.verification.report import Report
from archspec.verification.verify import Options, SpecFile, VerificationError, verify

__all__ = ["Options", "Report", "SpecFile", "VerificationError", "verify"]
