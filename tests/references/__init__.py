"""Networks of papers and other people's code, in plain PyTorch, and the figures computed from them.

`networks.py` has the networks, `catalogue.py` where each comes from and what it is run on,
`golden.py` the form of `tests/data/golden/`, and `make.py` fills that folder.
"""
