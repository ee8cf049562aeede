"""Diagnostics for reading: a file a format."""
