"""Front door: training, at upstream's path. `python tools/run_net.py` is the program."""

from slowfast.upstream_names.programs import (
    build_trainer,
    calculate_and_update_precise_bn,
    eval_epoch,
    train,
    train_epoch,
)

__all__ = [
    "build_trainer",
    "calculate_and_update_precise_bn",
    "eval_epoch",
    "train",
    "train_epoch",
]
