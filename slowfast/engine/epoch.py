"""One epoch of training: every batch a step, from wherever it was left off.

Notable: between two steps the run is in one piece. Losses are read there (late, see ``pending``),
the processes agree on what is to be done, and what a crash should not cost is saved.
"""

from __future__ import annotations

from fvcore.common.config import CfgNode

from slowfast.ak.clips.bad_clips import allowed_bad_clips
from slowfast.ak.clips.loader import ClipLoader
from slowfast.datasets.loader import shuffle_dataset
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.engine.device.queue import DeviceQueue
from slowfast.engine.device.runtime import get_device, seed_everything
from slowfast.engine.meters import TrainMeter
from slowfast.engine.pending import PendingSteps, Step
from slowfast.engine.progress import progress_bar
from slowfast.engine.run_checkpoints import RunCheckpoints
from slowfast.engine.step import TrainStep
from slowfast.engine.stopping import StopRequests, agree
from slowfast.models.optimizer import get_epoch_lr
from slowfast.utils import distributed, logging
from slowfast.utils.launch import Stopped

logger = logging.get_logger(__name__)

# Between two looks at losses and signals on a GPU, whatever LOG_PERIOD says: a scheduler gives a
# run that it stops some half a minute.
_MOST_UNREAD = 10


def train_epoch(
    cfg: CfgNode,
    epoch: int,
    loader: ClipLoader,
    step: TrainStep,
    meter: TrainMeter,
    checkpoints: RunCheckpoints,
    stop: StopRequests,
    done: int = 0,
) -> dict:
    """One pass over the training clips, of which `done` steps are made already.

    Returns:
        The figures of the epoch, as they stand in json_stats.

    Raises:
        DivergedError: when the loss is no longer finite. All losses of the epoch have been read
            when this returns.
        TooManyBadClips: when more clips than DATA.MAX_BAD_FRACTION tolerates cannot be read.
        Stopped: when the run was asked to stop; it is saved where it is.
    """
    device = get_device(cfg)
    step.model.train()
    shuffle_dataset(loader, epoch, done)
    label = f"epoch {epoch + 1}/{cfg.SOLVER.MAX_EPOCH}"
    tolerated = allowed_bad_clips(len(loader.dataset), cfg.DATA.MAX_BAD_FRACTION)
    pending = PendingSteps(loader.dataset.clip_name, label, step.skips_bad_gradients)
    queue = DeviceQueue(device)
    bar = progress_bar(len(loader), label, done=done)
    # The CPU has nothing queued that reading would wait for.
    unread = 1 if device.type == "cpu" else min(cfg.LOG_PERIOD, _MOST_UNREAD)

    def report(steps: list[tuple[Step, list[float]]]) -> None:
        loader.bad_clips.share()
        meter.counts = loader.bad_clips.counts("bad")
        for read, (loss, grad_norm, *errors) in steps:
            meter.update_stats(*(errors or (None, None)), loss, read.lr, grad_norm, len(read.clips))
            meter.log_iter_stats(epoch, read.iteration)
            left = meter.time_left(epoch, read.iteration)
            bar.set_postfix_str(f"loss {loss:.4f}, lr {read.lr:.2g}, run {left} left", False)
        loader.bad_clips.stop_above(tolerated, label)

    meter.iter_tic()
    batches = DeviceBatches(loader, device, cfg.SPEED.PREFETCH)
    for iteration, (clips, labels, index) in enumerate(batches, start=done):
        meter.data_toc(queue.is_idle())
        lr = get_epoch_lr(epoch + iteration / len(loader), cfg)
        seed_everything(cfg.RNG_SEED, epoch, iteration)
        key = (cfg.RNG_SEED, epoch, iteration, distributed.get_rank())
        pending.add(iteration, index, lr, *step(clips, labels, lr, key))
        queue.add()

        made = iteration + 1
        is_due = checkpoints.is_due_after(made)
        steps = []
        if looks := is_due or made % unread == 0 or made == len(loader):
            steps = pending.read()
        meter.iter_toc()
        if looks:
            report(steps)
            stops, saves = agree(device, stop.asked, checkpoints.is_due_by_time())
            if stops or ((saves or is_due) and made < len(loader)):
                path = checkpoints.write_unfinished(epoch, made, loader, meter)
                logger.info(f"{label}: state after {made} of {len(loader)} steps written: {path}")
            if stops:
                bar.close()
                raise Stopped
        bar.update()
        meter.iter_tic()
    bar.close()
    meter.counts = loader.bad_clips.counts("bad")
    return meter.log_epoch_stats(epoch)
