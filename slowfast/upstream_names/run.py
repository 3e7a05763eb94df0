"""`slowfast.utils`, `config` and `models`: processes, paths, learning rate, optimizer, losses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import torch
import torch.distributed as dist
from fvcore.common.config import CfgNode
from fvcore.nn.precise_bn import update_bn_stats
from torch import Tensor, nn

from slowfast.ak.paths import pathmgr as pathmgr
from slowfast.config import defaults
from slowfast.models.losses import get_loss_func
from slowfast.models.lr_policy import cosine, relative_steps
from slowfast.models.lr_policy import get_lr_at_epoch as get_lr_at_epoch
from slowfast.models.optimizer import groups_from_cfg
from slowfast.models.optimizers.lars import Lars
from slowfast.models.settings import look_up
from slowfast.utils import distributed

# One path manager serves data and checkpoints.
checkpoint_pathmgr = pathmgr

# The defaults that `get_cfg` copies: a key that is added here is in every later configuration.
_C = defaults.declared_defaults()

SoftTargetCrossEntropy = get_loss_func("soft_cross_entropy")


def setup_environment() -> None:
    """Does nothing: importing ``slowfast`` makes all settings of the process."""


# ------------------------------------------------------------------ learning rate, optimizer


def lr_func_cosine(cfg: CfgNode, cur_epoch: float) -> float:
    """The learning rate of the cosine policy at a fractional epoch, without the warm-up."""
    solver = cfg.SOLVER
    start = solver.WARMUP_EPOCHS if solver.COSINE_AFTER_WARMUP else 0.0
    return cosine(cur_epoch, solver.BASE_LR, solver.COSINE_END_LR, start, solver.MAX_EPOCH)


def lr_func_steps_with_relative_lrs(cfg: CfgNode, cur_epoch: float) -> float:
    """The learning rate of the steps policy at a fractional epoch, without the warm-up."""
    solver = cfg.SOLVER
    return relative_steps(cur_epoch, solver.BASE_LR, solver.STEPS, solver.LRS)


def get_step_index(cfg: CfgNode, cur_epoch: float) -> int:
    """The number of the step of SOLVER.STEPS that an epoch belongs to, from 0."""
    return bisect_right(cfg.SOLVER.STEPS, cur_epoch) - 1


def get_lr_func(lr_policy: str) -> Callable[[CfgNode, float], float]:
    """The function of a learning rate policy.

    Raises:
        UserError: there is no such policy.
    """
    return look_up(
        "SOLVER.LR_POLICY",
        lr_policy,
        {"cosine": lr_func_cosine, "steps_with_relative_lrs": lr_func_steps_with_relative_lrs},
    )


def get_param_groups(model: nn.Module, cfg: CfgNode) -> list[dict[str, Any]]:
    """The groups of parameters by weight decay and layer that the optimizer gets."""
    return groups_from_cfg(model, cfg)


class LARS:
    """Wraps an optimizer, so that its steps use `slowfast.models.optimizers.lars.Lars`.

    Args:
        optimizer: any; its groups have ``apply_LARS``, or all of them use LARS.
        trust_coefficient, clip, eps: `trust`, `clip` and `epsilon` of `Lars`.
        ignore_1d_param: whether biases and other vectors keep their gradients.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        trust_coefficient: float = 0.02,
        clip: bool = True,
        eps: float = 1e-8,
        ignore_1d_param: bool = True,
    ) -> None:
        self.optim = optimizer
        for group in optimizer.param_groups:
            group.setdefault("apply_LARS", True)
        Lars(trust_coefficient, clip, eps, with_vectors=not ignore_1d_param).attach(optimizer)

    @property
    def state(self) -> dict[Tensor, Any]:
        return self.optim.state

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.optim.param_groups

    @param_groups.setter
    def param_groups(self, value: list[dict[str, Any]]) -> None:
        self.optim.param_groups = value

    def state_dict(self) -> dict[str, Any]:
        return self.optim.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.optim.load_state_dict(state_dict)

    def zero_grad(self) -> None:
        self.optim.zero_grad()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        self.optim.add_param_group({"apply_LARS": True} | param_group)

    def step(self) -> None:
        self.optim.step()


def get_grad_norm_(parameters: Tensor | Iterable[Tensor], norm_type: float = 2.0) -> Tensor:
    """The norm of all gradients, a scalar."""
    tensors = [parameters] if torch.is_tensor(parameters) else parameters
    return nn.utils.get_total_norm([p.grad for p in tensors if p.grad is not None], norm_type)


def compute_and_update_bn_stats(
    model: nn.Module, data_loader: Iterable[Any], num_batches: int = 200
) -> None:
    """Replaces the running statistics of norms by means over batches with fixed weights.

    Args:
        model: in training mode.
        data_loader: batches (inputs, ...) with inputs that the model takes.
    """

    def inputs() -> Iterator[Any]:
        for batch in data_loader:
            yield batch[0]

    with suppress(StopIteration):
        update_bn_stats(model, inputs(), num_batches)


# ------------------------------------------------------------------ processes


def init_distributed_training(cfg: CfgNode) -> None:
    """Does nothing: `launch_job` has joined the processes."""


def is_root_proc() -> bool:
    """Whether this is the first process of all machines."""
    return distributed.get_rank() == 0


class GatherLayer(torch.autograd.Function):
    """The tensors of all processes, in order of rank, as a tuple. Gradients flow back to each."""

    @staticmethod
    def forward(ctx: Any, input: Tensor) -> tuple[Tensor, ...]:
        if distributed.get_world_size() == 1:
            return (input.clone(),)
        parts = [torch.empty_like(input) for _ in range(distributed.get_world_size())]
        dist.all_gather(parts, input.contiguous())
        return tuple(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        joined = torch.stack(grads)
        distributed.all_reduce([joined], average=False)
        return joined[distributed.get_rank()]


class AllGatherWithGradient(torch.autograd.Function):
    """The tensors (n, ...) of all processes, concatenated. Gradients flow back to each."""

    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:
        ctx.rows = len(input)
        return distributed.all_gather([input])[0].clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        joined = grad_output.clone()
        distributed.all_reduce([joined], average=False)
        first = distributed.get_rank() * ctx.rows
        return joined[first : first + ctx.rows]


def run(
    local_rank: int,
    num_proc: int,
    func: Callable[[CfgNode], Any],
    init_method: str,
    shard_id: int,
    num_shards: int,
    backend: str,
    cfg: CfgNode,
    output_queue: Any = None,
) -> None:
    """Joins the process group, runs ``func(cfg)``, and leaves the group.

    Args:
        output_queue: gets the result of the first process; None: no queue.
    """
    on_gpu = cfg.NUM_GPUS > 0
    distributed.init_process_group(
        local_rank,
        num_proc,
        shard_id,
        num_shards,
        init_method,
        backend if on_gpu else "gloo",
        on_gpu=on_gpu,
    )
    try:
        result = func(cfg)
        if output_queue is not None and local_rank == 0:
            output_queue.put(result)
    finally:
        distributed.destroy_process_group()
