"""Weights of the Caffe2 model zoo: reading their pickles safely, and renaming their blobs."""

import re
from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.utils.files.safe_pickle import Refused, StoredArray, load_arrays

# Patterns of blob names without their ending, and the modules. {p} is the pathway: 1 for names that
# begin with "t_" (fast), else 0.
_MODULES = tuple(
    (re.compile(blob), module)
    for blob, module in (
        (r"conv1(_xy)?", r"s1.pathway{p}_stem.conv\1"),
        (r"res_conv1_bn", r"s1.pathway{p}_stem.bn"),
        (r"pool1_subsample", r"s1_fuse.conv_f2s"),
        (r"pool1_subsample_bn", r"s1_fuse.bn"),
        (r"res(\d)_\d+_branch2c_bn_subsample", r"s\1_fuse.conv_f2s"),
        (r"res(\d)_\d+_branch2c_bn_subsample_bn", r"s\1_fuse.bn"),
        (r"res(\d)_(\d+)_branch1(_bn)?", r"s\1.pathway{p}_res\2.branch1\3"),
        (r"res(\d)_(\d+)_branch2([abc](?:_xy)?(?:_bn)?)", r"s\1.pathway{p}_res\2.branch2.\3"),
        (r"res(\d)_(\d+)_branch2b_bn_(fc[12])", r"s\1.pathway{p}_res\2.branch2.se.\3"),
        (r"nonlocal_conv(\d)_(\d+)_bn", r"s\1.pathway{p}_nonlocal\2.bn"),
        (r"nonlocal_conv(\d)_(\d+)_([a-z]+)", r"s\1.pathway{p}_nonlocal\2.conv_\3"),
        (r"pred", r"head.projection"),
        (r"((?:conv|lin)_5(?:_bn)?)", r"head.\1"),
    )
)
_NAME = re.compile(r"(?P<fast>t_)?(?P<stem>.+?)_(?P<ending>w|b|s|rm|riv|\w_momentum)")
_ENDINGS = {
    "w": "weight",
    "b": "bias",
    "s": "weight",
    "rm": "running_mean",
    "riv": "running_var",
}
_SOLVER_STATE = re.compile(r"lr|model_iter|.*_momentum")


def is_weight(blob: str) -> bool:
    """Returns whether a blob is a parameter or a statistic, not a state of the Caffe2 solver."""
    return not _SOLVER_STATE.fullmatch(blob)


def parameter_name(blob: str) -> str:
    """Returns a blob's name in this project: ``res2_0_branch1_w`` is called
    ``s2.pathway0_res0.branch1.weight``. A name that matches no pattern is returned unchanged.
    """
    if name := _NAME.fullmatch(blob):
        for pattern, module in _MODULES:
            if stem := pattern.fullmatch(name["stem"]):
                pathway = "1" if name["fast"] else "0"
                ending = _ENDINGS.get(name["ending"], name["ending"])
                return f"{stem.expand(module).replace('{p}', pathway)}.{ending}"
    return blob


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
            "again from its publisher. For a PyTorch file set CHECKPOINT_TYPE to pytorch."
        ) from None
    blobs = content.get("blobs") if isinstance(content, dict) else None
    if not isinstance(blobs, dict):
        raise UserError(f"{path}: a pickle without the dict `blobs` that Caffe2 weights have.")
    return {
        str(name): blob.array
        for name, blob in blobs.items()
        if isinstance(blob, StoredArray) and blob.array is not None
    }
