"""Tasks: they define batches, losses and evaluations. One file per task, registered by name.

`choose_task` finds the task that a configuration asks for, `build_task` builds it.
"""

import sys

import torch
from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.ak.registries.registry import import_all
from slowfast.ak.registries.tasks import TASKS
from slowfast.tasks.batch import Batch
from slowfast.tasks.task import EvaluationFigures, Loss, Moment, Rows, Task

import_all(sys.modules[__name__])

__all__ = [
    "Batch",
    "EvaluationFigures",
    "Loss",
    "Moment",
    "Rows",
    "Task",
    "build_task",
    "choose_task",
]


def choose_task(cfg: CfgNode) -> type[Task]:
    """The first registered task whose ``applies(cfg)`` is true.

    Raises:
        UserError: there is none.
    """
    for _, task in TASKS:
        if task.applies(cfg):
            return task
    raise UserError(
        f"No task is built here for TASK {cfg.TASK!r} with DETECTION.ENABLE "
        f"{cfg.DETECTION.ENABLE} and MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME}. The tasks are: "
        f"{', '.join(TASKS.keys())}. TASK '' is classification."
    )


def build_task(cfg: CfgNode, device: torch.device, trains: bool = True) -> Task:
    """The task that the configuration asks for, on a device, with random weights.

    Args:
        trains: whether the task will train; a test needs no loss.

    Raises:
        UserError: there is no such task, or its network or loss cannot be built.
    """
    return choose_task(cfg).from_cfg(cfg, device, trains)
