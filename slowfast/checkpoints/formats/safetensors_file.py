"""Weight files of the library safetensors: tensors by name, and nothing else."""

from pathlib import Path

import torch

from slowfast.ak.errors import UserError


def read_safetensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Returns the tensors of a safetensors file by name, on the CPU.

    Raises:
        UserError: the library is not installed, or the file is damaged.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise UserError(
            "a safetensors file, and the library that reads it is not installed: "
            "pip install safetensors"
        ) from None
    try:
        return load_file(str(path))
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(
            f"it is a damaged safetensors file ({error}). Get the file again from its source."
        ) from None
