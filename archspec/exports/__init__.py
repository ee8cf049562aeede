"""What a network can be exported as: `EXPORTS` has each by its word, `Request` how it is asked."""

from archspec.exports.request import Request, RequestError
from archspec.exports.table import EXPORTS, Export

__all__ = ["EXPORTS", "Export", "Request", "RequestError"]
