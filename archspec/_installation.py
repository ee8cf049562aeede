"""Another project on PyPI, a library that detects CPUs, has the same import name as this one."""

from __future__ import annotations

from pathlib import Path


def refuse_the_other_archspec() -> None:
    """Raise ImportError where both are installed into the same folder, and each has overwritten
    files of the other. That library has a package `archspec.cpu`, and this one has none.
    """
    if (Path(__file__).parent / "cpu").is_dir():
        raise ImportError(
            "two distributions are installed as `archspec`: archspec-nn (this one, for neural "
            "networks) and archspec (which detects CPUs). They overwrite each other's files. Keep "
            "one an environment: pip uninstall -y archspec archspec-nn, then install the one you "
            "want"
        )
