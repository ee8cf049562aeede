"""What tells one model from another."""

from __future__ import annotations

from hashlib import file_digest, sha256
from pathlib import Path

from archspec.runtime.errors import ModelError, reason


def model_digest(path: Path) -> str:
    """SHA-256 of the model, its weights in other files included, as hexadecimal digits: the file's
    own where nothing is apart. Raises ModelError.
    """
    from archspec.backends.onnx.read import external_files

    digests = []
    try:
        for each in (path, *external_files(path)):
            with each.open("rb") as file:
                digests.append(file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise ModelError(
            f"{error.filename or path}: the model cannot be read: {reason(error)}; "
            "`archspec build SPEC --export onnx` writes one"
        ) from error
    except ValueError as error:
        raise ModelError(str(error)) from error
    return digests[0] if len(digests) == 1 else sha256(" ".join(digests).encode()).hexdigest()
