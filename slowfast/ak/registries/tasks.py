"""The registry of tasks: what a batch, a loss and an evaluation are.

TASK, DETECTION.ENABLE and MODEL.MODEL_NAME choose the task: the first registered task whose
``applies(cfg)`` is true (`slowfast.tasks.choose_task`).
"""

from slowfast.ak.registries.registry import Facts, Registry

TASKS: Registry[Facts] = Registry("task", "TASK", Facts)
