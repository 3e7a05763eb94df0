"""Front door: launching, memory, model costs and the evaluation period, at upstream's path."""

from slowfast.engine.after_epoch import is_eval_epoch
from slowfast.models.cost import log_model_info
from slowfast.utils.memory_use import cpu_mem_usage, gpu_mem_usage
from slowfast.utils.processes.launch import launch_job

__all__ = ["cpu_mem_usage", "gpu_mem_usage", "is_eval_epoch", "launch_job", "log_model_info"]
