"""`archspec lsp`: what an editor asks of a spec while it is written.

A feature is a file: a function of an `Analysis` and a place in it, or of a text that may be broken,
and says what it finds in archspec's own places. `server.py` alone knows of the protocol.
"""
