"""Weight files of the Caffe2 model zoo."""

from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.utils.files.safe_pickle import Refused, StoredArray, load_arrays


def read_blobs(path: str | Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a Caffe2 weight file by blob name, without running code in the file.

    Raises:
        UserError: the file is not such a pickle, or contains more than arrays and plain values.
    """
    try:
        with Path(path).open("rb") as file:
            content = load_arrays(file, encoding="latin-1")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except Refused as error:
        raise UserError(
            f"{path}: refused: it contains {error}. Caffe2 weights contain only arrays. Nothing in "
            "the file was run. Get the file again from its publisher."
        ) from None
    except Exception as error:  # A malformed pickle may raise nearly anything.
        raise UserError(
            f"{path}: not a complete Caffe2 pickle ({type(error).__name__}: {error}). Get the file "
            "again from its publisher."
        ) from None
    blobs = content.get("blobs") if isinstance(content, dict) else None
    if not isinstance(blobs, dict):
        raise UserError(
            f"{path}: a pickle without the dict `blobs` that Caffe2 weights have. Save weights of "
            "PyTorch with torch.save."
        )
    return {
        str(name): blob.array
        for name, blob in blobs.items()
        if isinstance(blob, StoredArray) and blob.array is not None
    }
