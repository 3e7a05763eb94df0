"""Reads a weight file of any format. Its content decides which, not its name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from slowfast.ak.errors import UserError
from slowfast.ak.paths import pathmgr
from slowfast.checkpoints.formats.caffe2_pickle import read_blobs
from slowfast.checkpoints.formats.first_bytes import Kind, kind_of
from slowfast.checkpoints.formats.safetensors_file import read_safetensors
from slowfast.checkpoints.formats.torch_file import read_torch


@dataclass(frozen=True)
class WeightFile:
    """What a weight file holds.

    Attributes:
        kind: the format of the file.
        content: what the file holds; usually a dict. Tensors are on the CPU.
    """

    kind: Kind
    content: Any


def read_weight_file(path: str | Path, *, lazily: bool = False) -> WeightFile:
    """Reads a weight file without running code from it.

    Args:
        lazily: whether a tensor of a PyTorch file is read from the disk only when it is used.

    Raises:
        UserError: the file is missing, incomplete, of a kind that holds no weights, or reading it
            would run code.
    """
    local = pathmgr.get_local_path(str(path))
    try:
        kind = kind_of(local)
        if kind is Kind.PYTORCH:
            return WeightFile(kind, read_torch(local, lazily=lazily))
        if kind is Kind.SAFETENSORS:
            return WeightFile(kind, read_safetensors(local))
        blobs = read_blobs(local)
        return WeightFile(
            kind, {"blobs": {name: torch.from_numpy(array) for name, array in blobs.items()}}
        )
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except UserError as error:
        raise UserError(f"{path}: {str(error).removeprefix(f'{local}: ')}") from None
