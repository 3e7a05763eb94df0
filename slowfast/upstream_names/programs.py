"""`tools.train_net`, `test_net` and `visualization`: whole runs, and single passes of a run.

The passes take the loaders of `slowfast.datasets.loader.construct_loader`. `perform_test` also
takes a loader of a script's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import torch
from fvcore.common.config import CfgNode
from fvcore.nn.precise_bn import update_bn_stats
from torch import Tensor, nn
from torch.utils.data import DataLoader

from slowfast.ak.clips.loader import ClipLoader
from slowfast.ak.errors import UserError
from slowfast.datasets.loader import construct_loader
from slowfast.engine import test as test
from slowfast.engine import train as train
from slowfast.engine.device.runtime import Precision, get_device
from slowfast.engine.evaluation_pass import gather_rows
from slowfast.engine.learner import Learner
from slowfast.engine.meters import TestMeter, TrainMeter, ValMeter
from slowfast.engine.norm_groups import NormGrouping
from slowfast.engine.step import TrainStep
from slowfast.engine.testing import TestPass
from slowfast.engine.visualize import visualize as visualize
from slowfast.models import build_model
from slowfast.models.optimizer import construct_optimizer, get_epoch_lr
from slowfast.schedules.plan import RunPlan
from slowfast.tasks import Batch, Moment, Task, build_task
from slowfast.utils import distributed


def _task_of(cfg: CfgNode, model: nn.Module, trains: bool) -> tuple[Task, Precision]:
    """The configured task with a given network, and the precision of the run."""
    device = get_device(cfg)
    task = build_task(cfg, device, trains)
    task.network = model
    return task, Precision.from_cfg(cfg, device)


def _batches(loader: DataLoader, device: torch.device) -> Iterator[Batch]:
    for batch in loader:
        if not isinstance(batch, Batch):
            inputs, labels, index, _, meta = batch
            batch = Batch(inputs, labels, index, meta)
        yield batch.to(device)


def build_trainer(cfg: CfgNode) -> tuple:
    """Builds what a loop over epochs needs.

    Returns:
        model, optimizer, train_loader, val_loader, precise_bn_loader, train_meter, val_meter.
    """
    model = build_model(cfg)
    optimizer = construct_optimizer(model, cfg)
    train_loader, val_loader = (construct_loader(cfg, split) for split in ("train", "val"))
    precise_bn_loader = construct_loader(cfg, "train", is_precise_bn=True)
    epochs = RunPlan.from_cfg(cfg).epochs
    meters = (
        TrainMeter(train_loader.counts(epochs), cfg),
        ValMeter(val_loader.counts(epochs), cfg),
    )
    return model, optimizer, train_loader, val_loader, precise_bn_loader, *meters


def train_epoch(
    train_loader: ClipLoader,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    train_meter: TrainMeter,
    cur_epoch: int,
    cfg: CfgNode,
    writer: Any = None,
) -> None:
    """Trains one epoch, counted from 0, and logs it.

    Args:
        writer: not used; `train` writes events for TensorBoard.

    Raises:
        UserError: the configuration or a batch does not fit; or FRAMESTACK needs the scores of the
            last epoch, which a call for one epoch does not have.
    """
    if cfg.FRAMESTACK.ENABLE:
        raise UserError(
            "train_epoch: FRAMESTACK.ENABLE needs the scores of the epoch before, and train_epoch "
            "keeps nothing from call to call. Call train(cfg), or set the key to False."
        )
    task, precision = _task_of(cfg, model, trains=True)
    learner = Learner(task, optimizer, precision, scaler, norms=NormGrouping.from_cfg(cfg))
    learner.regroup_norms(cur_epoch)
    task.begin_epoch(cur_epoch)
    step = TrainStep.from_cfg(cfg, learner)
    model.train()
    plan = RunPlan.from_cfg(cfg)
    train_meter.iter_tic()
    for iteration, batch in enumerate(_batches(train_loader, precision.device)):
        train_meter.data_toc()
        lr = get_epoch_lr(cur_epoch + iteration / len(train_loader), plan.cfg)
        moment = Moment(cfg.RNG_SEED, cur_epoch, iteration, distributed.get_rank())
        values = {name: float(value) for name, value in step(batch, lr, moment).items()}
        train_meter.iter_toc()
        train_meter.update(values, lr, batch.size)
        train_meter.log_iter_stats(cur_epoch, iteration)
        train_meter.iter_tic()
    train_meter.log_epoch_stats(cur_epoch)
    train_meter.reset()


@torch.no_grad()
def eval_epoch(
    val_loader: ClipLoader,
    model: nn.Module,
    val_meter: ValMeter,
    cur_epoch: int,
    cfg: CfgNode,
    train_loader: ClipLoader | None = None,
    writer: Any = None,
) -> None:
    """Evaluates a network after an epoch, counted from 0, and logs the figures of all processes.

    Args:
        train_loader, writer: not used.
    """
    task, precision = _task_of(cfg, model, trains=False)
    forward = precision.run(model.eval())
    scored = []
    val_meter.iter_tic()
    for iteration, batch in enumerate(_batches(val_loader, precision.device)):
        val_meter.data_toc()
        scored.append(task.rows(forward, task.prepare(batch)))
        val_meter.iter_toc()
        val_meter.log_iter_stats(cur_epoch, iteration)
        val_meter.iter_tic()
    missing: Collection[int] = ()
    if isinstance(val_loader, ClipLoader):
        val_loader.bad_clips.share()
        missing = val_loader.bad_clips.clips("missing")
    figures = task.figures(gather_rows(scored, missing))
    val_meter.log_figures(cur_epoch, figures.evaluation_line())
    val_meter.reset()


def calculate_and_update_precise_bn(
    loader: DataLoader, model: nn.Module, num_iters: int = 200, use_gpu: bool = True
) -> None:
    """Measures norm statistics with fixed weights, on batches of a script's own loader.

    Args:
        loader: batches (inputs, ...), with inputs as the network takes them.

    Raises:
        UserError: the batches are pixels, as those of the loaders here.
    """

    def inputs() -> Iterator[Any]:
        for first, *_ in loader:
            pathways = [first] if torch.is_tensor(first) else first
            if not pathways[0].is_floating_point():
                raise UserError(
                    "calculate_and_update_precise_bn: the loader gives pixels. With "
                    "BN.USE_PRECISE_STATS True, train(cfg) measures the statistics itself."
                )
            yield [x.cuda(non_blocking=True) if use_gpu else x for x in pathways]

    update_bn_stats(model, inputs(), num_iters)


@torch.no_grad()
def perform_test(
    test_loader: DataLoader,
    model: nn.Module,
    test_meter: TestMeter,
    cfg: CfgNode,
    writer: Any = None,
) -> TestMeter:
    """Scores all test clips, and logs the figures.

    Args:
        test_loader: of `construct_loader`; or batches (inputs, labels, view number, ...), with
            inputs as the network takes them.
        test_meter: gets the scores of the clips.
        writer: not used; `test` writes the files and the report of a test.
    """
    if isinstance(test_loader, ClipLoader):
        task, precision = _task_of(cfg, model, trains=False)
        rows = TestPass.from_cfg(cfg, task, precision).run(test_loader, model, "test")
        if not torch.is_tensor(rows.scores):
            raise UserError(
                "perform_test: this network has several heads, and a TestMeter holds the scores of "
                "one. Call test(cfg), which reports all of them."
            )
        clips = rows.keys[:, 0]
        test_meter.video_preds[clips] = rows.scores
        test_meter.video_labels[clips] = rows.targets.to(test_meter.video_labels.dtype)
        test_meter.clip_count[clips] = test_meter.num_clips
    else:
        device = next(model.parameters()).device
        model.eval()
        for inputs, labels, views, *_ in test_loader:
            pathways: list[Tensor] = [inputs] if torch.is_tensor(inputs) else list(inputs)
            scores = model([x.to(device) for x in pathways])
            gathered = distributed.all_gather([scores, labels.to(device), views.to(device)])
            test_meter.update_stats(*gathered)
    test_meter.finalize_metrics()
    return test_meter
