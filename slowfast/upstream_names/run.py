"""`slowfast.utils`, `config` and `models`: processes, paths, learning rate, optimizer, losses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, cycle, islice
from typing import Any

import torch
import torch.distributed as dist
from fvcore.common.config import CfgNode
from fvcore.nn.precise_bn import update_bn_stats
from torch import Tensor, nn
from torch.utils.data import Sampler

from slowfast.ak.paths import pathmgr as pathmgr
from slowfast.config import defaults
from slowfast.models.losses import get_loss_func
from slowfast.models.lr_policy import cosine, relative_steps
from slowfast.models.lr_policy import get_lr_at_epoch as get_lr_at_epoch
from slowfast.models.optimizer import groups_from_cfg
from slowfast.models.optimizers.lars import Lars
from slowfast.models.settings import look_up
from slowfast.schedules.multigrid import Shape, long_cycle, short_cycle
from slowfast.schedules.plan import RunPlan, UpstreamSchedule
from slowfast.utils import distributed, logging

logger = logging.get_logger(__name__)

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


# ------------------------------------------------------------------ multigrid


class MultigridSchedule:
    """Changes a configuration during multigrid training, for loops of one's own.

    Attributes:
        schedule: (stage, [batch, frames, side], end) of each phase, with the batch as a multiple of
            TRAIN.BATCH_SIZE; None before `init_multigrid`, and without MULTIGRID.LONG_CYCLE.
    """

    def __init__(self) -> None:
        self.schedule: UpstreamSchedule | None = None

    def init_multigrid(self, cfg: CfgNode) -> CfgNode:
        """Sets epochs and steps of the run, and MULTIGRID.DEFAULT_*; returns the configuration."""
        plan = RunPlan.from_cfg(cfg)
        self.schedule = self.get_long_cycle_schedule(cfg) if plan.is_long else None
        solver, grid, data = plan.cfg.SOLVER, cfg.MULTIGRID, cfg.DATA
        cfg.SOLVER.STEPS, cfg.SOLVER.LRS = list(solver.STEPS), list(solver.LRS)
        cfg.SOLVER.MAX_EPOCH = solver.MAX_EPOCH
        grid.DEFAULT_B, grid.DEFAULT_T = cfg.TRAIN.BATCH_SIZE, data.NUM_FRAMES
        grid.DEFAULT_S = data.TRAIN_CROP_SIZE
        self._rate, self._plan = data.SAMPLING_RATE, plan
        return cfg

    def update_long_cycle(self, cfg: CfgNode, cur_epoch: int) -> tuple[CfgNode, bool]:
        """Sets shapes and norms of an epoch; returns the configuration, and whether it changed."""
        if self.schedule is None:
            return cfg, False
        grid, data = cfg.MULTIGRID, cfg.DATA
        batch, frames, side = get_current_long_cycle_shape(self.schedule, cur_epoch)
        wanted = batch * grid.DEFAULT_B, frames, side
        if wanted == (cfg.TRAIN.BATCH_SIZE, data.NUM_FRAMES, data.TRAIN_CROP_SIZE):
            return cfg, False
        cfg.TRAIN.BATCH_SIZE, data.NUM_FRAMES, data.TRAIN_CROP_SIZE = wanted
        grid.LONG_CYCLE_SAMPLING_RATE = self._plan.longest_rate(cur_epoch)
        groups = self._plan.norm_groups(cur_epoch)
        cfg.BN.NORM_TYPE = "batchnorm"
        if groups.splits > 1:
            cfg.BN.NORM_TYPE, cfg.BN.NUM_SPLITS = "sub_batchnorm", groups.splits
        elif groups.devices > 1:
            cfg.BN.NORM_TYPE, cfg.BN.NUM_SYNC_DEVICES = "sync_batchnorm", groups.devices
        return cfg, True

    def get_long_cycle_schedule(self, cfg: CfgNode) -> UpstreamSchedule:
        """The phases of the long cycle."""
        return [
            (phase.stage, [phase.shape.batch, phase.shape.frames, phase.shape.side], phase.end)
            for phase in long_cycle(cfg)
        ]


def get_current_long_cycle_shape(schedule: UpstreamSchedule, epoch: int) -> Sequence[int]:
    """[batch, frames, side] of an epoch; after the last epoch, of the last phase."""
    return next((shape for _, shape, end in schedule if epoch < end), schedule[-1][1])


def print_schedule(schedule: UpstreamSchedule) -> None:
    """Logs the phases of a schedule."""
    begin = 0
    for stage, (batch, frames, side), end in schedule:
        logger.info(f"Epochs {begin + 1} to {end}: {batch} x {frames} x {side}, stage {stage}")
        begin = end


class ShortCycleBatchSampler(Sampler):
    """Yields batches of (index, place in the short cycle), with more clips for smaller crops.

    Args:
        sampler: gives indices.
        batch_size: clips of the last batch of a cycle.
        drop_last: whether an incomplete last batch is left out.
        cfg: MULTIGRID, in which DEFAULT_S is the whole crop, and DATA.TRAIN_CROP_SIZE.
    """

    def __init__(
        self, sampler: Iterable[int], batch_size: int, drop_last: bool, cfg: CfgNode
    ) -> None:
        self.sampler, self.drop_last = sampler, drop_last
        grid = cfg.clone()
        grid.defrost()
        grid.MULTIGRID.SHORT_CYCLE = True
        shape = Shape(1, cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE)
        self.batch_sizes = [batch_size * step.batch for step in short_cycle(grid, shape)]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        indices = iter(self.sampler)
        for place, size in cycle(enumerate(self.batch_sizes)):
            batch = [(index, place) for index in islice(indices, size)]
            if len(batch) == size or (batch and not self.drop_last):
                yield batch
            if len(batch) < size:
                return

    def __len__(self) -> int:
        rounds, left = divmod(len(self.sampler), sum(self.batch_sizes))
        ends = accumulate(self.batch_sizes[:-1])
        whole = sum(end <= left for end in ends)
        is_cut = left > sum(self.batch_sizes[:whole]) and not self.drop_last
        return rounds * len(self.batch_sizes) + whole + is_cut


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
