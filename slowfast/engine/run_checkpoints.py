"""Writes the state of a run when it is due, and restores the state within an epoch.

The state within an epoch contains everything for a bit-exact continuation: the number of
iterations done, the values of the meter, the clips that could not be read, and the network buffers
of each process, because norm layers of different processes see different clips. Random generators
are not saved: the random numbers of a step depend only on its place in the run (`seed_everything`),
and so does the order of the clips.
"""

from __future__ import annotations

from itertools import chain, cycle, islice
from time import monotonic
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.clips.loader import ClipLoader
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.saving import CheckpointWriter, training_state
from slowfast.checkpoints.starting_weights import Start
from slowfast.engine.learner import Learner
from slowfast.engine.meters import TrainMeter
from slowfast.models.optimizer import set_lr
from slowfast.utils import distributed, logging
from slowfast.utils.plural import count

logger = logging.get_logger(__name__)


class RunCheckpoints:
    """Writes the checkpoints of a run.

    Args:
        cfg: TRAIN.CHECKPOINT_ITERATIONS and TRAIN.CHECKPOINT_MINUTES, and the keys of
            `CheckpointWriter`.
        initialisation, holdout: as for `CheckpointWriter`.
    """

    def __init__(self, cfg: CfgNode, learner: Learner, initialisation: str, holdout: str) -> None:
        self.learner = learner
        self._writer = CheckpointWriter.from_cfg(cfg, initialisation, holdout, learner.task.classes)
        self._every_iterations = cfg.TRAIN.CHECKPOINT_ITERATIONS
        self._every_seconds = 60 * cfg.TRAIN.CHECKPOINT_MINUTES
        self._written_at = monotonic()

    def _state(self) -> dict[str, Any]:
        learner = self.learner
        return training_state(
            learner.network, learner.optimizer, learner.scaler, learner.average_state()
        )

    def write_epoch(self, epoch: int) -> None:
        """Writes the checkpoint of a finished epoch (from 0)."""
        self._written_at = monotonic()
        if distributed.is_master_proc():
            self._writer.write_epoch(epoch, self._state(), {"extra": self.learner.task.state()})

    def write_unfinished(self, epoch: int, done: int, loader: ClipLoader, meter: TrainMeter) -> str:
        """Writes the state within an epoch (from 0). All processes call this.

        Args:
            done: number of iterations done in the epoch.

        Returns:
            The path of the file; "" in all processes but the first.
        """
        self._written_at = monotonic()
        own = [[buffer.cpu() for buffer in network.buffers()] for network in self.learner.networks]
        buffers = distributed.all_gather_unaligned(own)
        if not distributed.is_master_proc():
            return ""
        place = {
            "clips_a_step": clips_of_steps(loader, epoch),
            "meter": meter.state(),
            "flaws": [list(problem) for problem in loader.bad_clips.state()],
            "buffers": buffers if len(buffers) > 1 else [],
        }
        states = self.learner.task.state()
        if taken := states.keys() & place.keys():
            raise ValueError(f"a child module of a task cannot have the names {sorted(taken)}")
        return self._writer.write_unfinished(epoch, done, self._state(), states | place)

    def write_evaluation(self, best: Best) -> None:
        """Records an evaluation, and writes the evaluated weights if they are the best so far."""
        if distributed.is_master_proc():
            learner = self.learner
            self._writer.write_evaluation(
                best, learner.network, learner.average_state(), learner.task.state()
            )

    def is_due_after(self, done: int) -> bool:
        """Returns whether TRAIN.CHECKPOINT_ITERATIONS asks for a file after `done` iterations."""
        return self._every_iterations > 0 and done % self._every_iterations == 0

    def is_due_by_time(self) -> bool:
        """Returns whether TRAIN.CHECKPOINT_MINUTES have passed since the last file."""
        return 0 < self._every_seconds <= monotonic() - self._written_at


def resume_epoch(start: Start, learner: Learner, loader: ClipLoader, meter: TrainMeter) -> int:
    """Restores the state within an epoch, if the run starts from a file with such a state.

    Returns:
        The number of iterations of the epoch that are done.
    """
    if not start.iteration:
        return 0
    learner.regroup_norms(start.epoch)
    meter.load_state(start.extra["meter"])
    set_lr(learner.optimizer, start.extra["meter"]["lr"])
    loader.bad_clips.continue_from(start.extra["flaws"])
    buffers, processes = start.extra.pop("buffers"), distributed.get_world_size()
    own = [buffer for network in learner.networks for buffer in network.buffers()]
    saved = buffers[distributed.get_rank()] if len(buffers) == processes else []
    saved = list(chain.from_iterable(saved))
    if [buffer.shape for buffer in own] == [buffer.shape for buffer in saved]:
        for buffer, value in zip(own, saved, strict=True):
            buffer.copy_(value)
    elif buffers or processes > 1:
        logger.warning(
            f"{count(len(buffers) or 1, 'process', 'es')} began this epoch, and "
            f"{count(processes, 'process', 'es')} with possibly other norm layers continue it. "
            "All of them continue with the statistics of the first process."
        )
    sizes, now = start.extra["clips_a_step"], clips_of_steps(loader, start.epoch)
    sizes = sizes if isinstance(sizes, list) else [sizes]  # a number in earlier files
    if now == sizes:
        return start.iteration
    clips = sum(islice(cycle(sizes), start.iteration))
    done = loader.batches.batches_in(start.epoch, clips // processes)
    logger.warning(
        f"{start.iteration} steps of {_in_words(sizes)} clips were done in this epoch. With "
        f"{_in_words(now)} clips per step it continues after step {done}. Up to {max(now) - 1} "
        "clips are seen twice."
    )
    return done


def clips_of_steps(loader: ClipLoader, epoch: int) -> list[int]:
    """The clips of consecutive steps of an epoch over all processes, which repeat."""
    return [size * distributed.get_world_size() for size in loader.batches.sizes(epoch)]


def _in_words(sizes: list[int]) -> str:
    return ", ".join(map(str, sizes))
