"""A pass over the training clips: each batch is a step.

Between two steps the state of the run is consistent. There losses are read, the processes agree
whether to save or stop, and checkpoints are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fvcore.common.config import CfgNode
from tqdm import tqdm

from slowfast.ak.clips.bad_clips import allowed_bad_clips
from slowfast.ak.clips.loader import ClipLoader
from slowfast.datasets.loader import shuffle_dataset
from slowfast.engine.device.pending import PendingSteps, ReadStep
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.engine.device.queue import DeviceQueue
from slowfast.engine.device.runtime import seed_everything
from slowfast.engine.learner import Learner
from slowfast.engine.loss_watch import LossWatch
from slowfast.engine.meters import TrainMeter
from slowfast.engine.run_checkpoints import RunCheckpoints
from slowfast.engine.step import TrainStep
from slowfast.engine.stopping import StopRequests, agree
from slowfast.models.optimizer import get_epoch_lr
from slowfast.schedules.plan import RunPlan
from slowfast.tasks import Moment
from slowfast.utils import distributed, logging
from slowfast.utils.processes.launch import Stopped
from slowfast.utils.progress import progress_bar

logger = logging.get_logger(__name__)

# Losses and signals are looked at after at most this many steps on a GPU, whatever LOG_PERIOD is:
# a scheduler gives a run half a minute to stop.
_MOST_UNREAD = 10


@dataclass
class TrainPass:
    """Trains epochs of a run, one at a time.

    Attributes:
        batches: of the loader, on the device.
        learning_rate: a function of the fractional epoch.
        seed: RNG_SEED.
        epochs: of the run.
        tolerated: the most training clips of an epoch that can be unreadable without a stop.
        read_every: steps between two readings of losses.
        watch: stops the run if the loss grows suddenly.
    """

    learner: Learner
    step: TrainStep
    loader: ClipLoader
    batches: DeviceBatches
    meter: TrainMeter
    checkpoints: RunCheckpoints
    stop: StopRequests
    learning_rate: Callable[[float], float]
    seed: int
    epochs: int
    tolerated: int
    read_every: int
    watch: LossWatch

    @classmethod
    def from_cfg(
        cls,
        cfg: CfgNode,
        learner: Learner,
        loader: ClipLoader,
        meter: TrainMeter,
        checkpoints: RunCheckpoints,
        stop: StopRequests,
    ) -> TrainPass:
        device, plan = learner.precision.device, RunPlan.from_cfg(cfg)
        return cls(
            learner,
            TrainStep.from_cfg(cfg, learner),
            loader,
            DeviceBatches(loader, device, cfg.SPEED.PREFETCH, learner.task.check),
            meter,
            checkpoints,
            stop,
            learning_rate=lambda epoch: get_epoch_lr(epoch, plan.cfg),
            seed=cfg.RNG_SEED,
            epochs=plan.epochs,
            tolerated=allowed_bad_clips(len(loader.dataset), cfg.DATA.MAX_BAD_FRACTION),
            # Reading waits for the device; on the CPU there is nothing to wait for.
            read_every=1 if device.type == "cpu" else min(cfg.LOG_PERIOD, _MOST_UNREAD),
            watch=LossWatch.from_cfg(cfg),
        )

    def run(self, epoch: int, done: int = 0) -> dict:
        """Trains one epoch (counted from 0), of which `done` steps are made already.

        Returns:
            The figures of the epoch, as in json_stats. All losses of the epoch have been read.

        Raises:
            DivergedError: the loss is no longer finite, or has grown suddenly.
            TooManyBadClips: more clips than DATA.MAX_BAD_FRACTION tolerates cannot be read.
            Stopped: the run was asked to stop; its state is saved.
        """
        self.learner.network.train()
        shuffle_dataset(self.loader, epoch, done)
        label, steps = f"epoch {epoch + 1}/{self.epochs}", len(self.loader)
        with progress_bar(steps, label, done=done) as bar:
            self._take_steps(epoch, done, label, bar)
        self.meter.counts = self.loader.bad_clips.counts("bad")
        return self.meter.log_epoch_stats(epoch)

    def _take_steps(self, epoch: int, done: int, label: str, bar: tqdm) -> None:
        steps = len(self.loader)
        clip_name = self.loader.dataset.clip_name
        pending = PendingSteps(clip_name, label, self.step.skips_bad_gradients)
        queue = DeviceQueue(self.learner.precision.device)
        self.meter.iter_tic()
        for iteration, batch in enumerate(self.batches, start=done):
            self.meter.data_toc(queue.is_idle())
            lr = self.learning_rate(epoch + iteration / steps)
            moment = Moment(self.seed, epoch, iteration, distributed.get_rank())
            seed_everything(self.seed, epoch, iteration)
            pending.add(iteration, batch.clips, lr, self.step(batch, lr, moment))
            queue.add()

            made = iteration + 1
            is_due = self.checkpoints.is_due_after(made)
            is_read = is_due or made % self.read_every == 0 or made == steps
            measured = pending.read() if is_read else []
            self.meter.iter_toc()
            if is_read:
                self._report(measured, epoch, label, bar)
                self._save_or_stop(epoch, made, is_due, label)
            bar.update()
            self.meter.iter_tic()

    def _report(self, measured: list[ReadStep], epoch: int, label: str, bar: tqdm) -> None:
        """Logs the steps that were read, and the clips that could not be read."""
        clips = self.loader.bad_clips
        clips.share()
        self.meter.counts = clips.counts("bad")
        for step in measured:
            self.meter.update(step.values, step.lr, len(step.clips))
            self.meter.log_iter_stats(epoch, step.iteration)
            self.watch.add(step, label)
            left = self.meter.time_left(epoch, step.iteration)
            loss = step.values["loss"]
            bar.set_postfix_str(f"loss {loss:.4f}, lr {step.lr:.2g}, run {left} left", False)
        clips.stop_above(self.tolerated, label)

    def _save_or_stop(self, epoch: int, made: int, is_due: bool, label: str) -> None:
        """Saves the unfinished epoch if that is due or a stop is asked for, and then stops.

        All processes agree first.
        """
        device, steps = self.learner.precision.device, len(self.loader)
        stops, saves = agree(device, self.stop.asked, self.checkpoints.is_due_by_time())
        if stops or ((saves or is_due) and made < steps):
            path = self.checkpoints.write_unfinished(epoch, made, self.loader, self.meter)
            logger.info(f"{label}: state after {made} of {steps} steps written: {path}")
        if stops:
            raise Stopped
