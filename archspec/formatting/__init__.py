"""`archspec fmt`: one layout for every spec, comments kept."""

from archspec.formatting.formatter import FormattingFault, format_source

__all__ = ["FormattingFault", "format_source"]
