"""Front door: saving and loading checkpoints, at upstream's path."""

from slowfast.checkpoints.loading import load_checkpoint
from slowfast.checkpoints.names import (
    get_checkpoint_dir,
    get_last_checkpoint,
    get_path_to_checkpoint,
    has_checkpoint,
)
from slowfast.checkpoints.saving import is_checkpoint_epoch, save_checkpoint
from slowfast.checkpoints.starting_weights import load_train_checkpoint
from slowfast.checkpoints.tested_weights import load_test_checkpoint

__all__ = [
    "get_checkpoint_dir",
    "get_last_checkpoint",
    "get_path_to_checkpoint",
    "has_checkpoint",
    "is_checkpoint_epoch",
    "load_checkpoint",
    "load_test_checkpoint",
    "load_train_checkpoint",
    "save_checkpoint",
]
