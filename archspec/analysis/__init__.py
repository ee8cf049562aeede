"""Figures of a whole network, each computed from its Graph alone."""
