"""A folder of pictures labelled by a compiled network, into one Parquet file.

`run.py` is the whole of it, end to end; read it first. `folder.py` finds the pictures, `parts.py`
keeps what is done, `labelling.py` makes a batch of files rows of a table, and the engines,
`local.py` and `ray_engine.py`, have that done for every batch.
"""

from __future__ import annotations

from archspec.predict.run import Outcome, predict_folder

__all__ = ["Outcome", "predict_folder"]
