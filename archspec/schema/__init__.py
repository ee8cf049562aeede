"""The language as a JSON Schema, which editors check and complete a spec by.

It is made from what reads a spec: the models of the sections, the classes of the kinds, and their
docstrings. It says all that one value shows by itself; what two places of a file say together, a
block and its call, or a variable and its use, is for `archspec check`.
"""

from archspec.schema.file import json_schema

__all__ = ["json_schema"]
