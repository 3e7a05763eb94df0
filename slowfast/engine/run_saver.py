"""When a run's state is saved, and what of an unfinished epoch goes with it.

Notable: whatever the loop needs to go on in the midst of an epoch, bit for bit, is gathered here
and given back here: how far it is, what its meter and its ledger hold, and of each process the
buffers of its network, since norm layers of different processes see other clips. No generator is
saved: what a step draws is a function of its place (`seed_everything`), as is the order of clips.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from time import monotonic

from fvcore.common.config import CfgNode

from slowfast.ak.clips.loader import ClipLoader
from slowfast.checkpoints import checkpoint
from slowfast.checkpoints.best import Best
from slowfast.engine.meters import TrainMeter
from slowfast.engine.trained import Trained
from slowfast.models.optimizer import set_lr
from slowfast.utils import distributed, logging
from slowfast.utils.words import count

logger = logging.get_logger(__name__)


@dataclass
class Saver:
    """Writes the checkpoints of a run.

    Args:
        cfg: TRAIN.CHECKPOINT_* and OUTPUT_DIR are read.
        initialisation, holdout: what all checkpoints of the run tell of where it came from.
    """

    cfg: CfgNode
    trained: Trained
    initialisation: str
    holdout: str
    _saved_at: float = field(default_factory=monotonic)

    def epoch(self, epoch: int) -> None:
        """Saves a finished epoch, 0-based."""
        self._saved_at = monotonic()
        if not distributed.is_master_proc():
            return
        checkpoint.save_checkpoint(
            self.cfg.OUTPUT_DIR,
            self.trained.model,
            self.trained.optimizer,
            epoch,
            self.cfg,
            self.trained.scaler,
            extra={"extra": self.trained.extra()},
            initialisation=self.initialisation,
            holdout=self.holdout,
            average_state=self.trained.average_state(),
        )

    def unfinished(self, epoch: int, done: int, loader: ClipLoader, meter: TrainMeter) -> str:
        """Saves an epoch, 0-based, of which so many iterations are done; all processes call it.

        Returns:
            The file.
        """
        self._saved_at = monotonic()
        own = [[buffer.cpu() for buffer in of.buffers()] for of in self.trained.networks]
        buffers = distributed.all_gather_unaligned(own)
        if not distributed.is_master_proc():
            return ""
        place = {
            "clips_a_step": loader.batch_size * distributed.get_world_size(),
            "meter": meter.state(),
            "flaws": [list(flaw) for flaw in loader.bad_clips.state()],
            "buffers": buffers if len(buffers) > 1 else [],
        }
        return checkpoint.save_unfinished(
            self.cfg,
            self.trained.model,
            self.trained.optimizer,
            self.trained.scaler,
            epoch,
            done,
            extra=self.trained.extra() | place,
            initialisation=self.initialisation,
            holdout=self.holdout,
            average_state=self.trained.average_state(),
        )

    def evaluation(self, best: Best) -> None:
        """Writes down that an evaluation was made, and the weights where it is the best so far."""
        if distributed.is_master_proc():
            checkpoint.save_evaluation(
                self.cfg,
                self.trained.model,
                best,
                self.initialisation,
                self.holdout,
                self.trained.average_state(),
            )

    def is_due_by_number(self, done: int) -> bool:
        """Whether TRAIN.CHECKPOINT_ITERATIONS asks for a file after so many iterations."""
        every = self.cfg.TRAIN.CHECKPOINT_ITERATIONS
        return every > 0 and done % every == 0

    def is_due_by_time(self) -> bool:
        """Whether TRAIN.CHECKPOINT_MINUTES have passed since the last file, by this clock."""
        minutes = self.cfg.TRAIN.CHECKPOINT_MINUTES
        return minutes > 0 and monotonic() - self._saved_at >= 60 * minutes


def take_up(
    start: checkpoint.Start, trained: Trained, loader: ClipLoader, meter: TrainMeter
) -> int:
    """Goes on in the midst of an epoch, where the file that a run starts from was saved there.

    Returns:
        Iterations of the epoch that are done.
    """
    if not start.iteration:
        return 0
    meter.take_up(start.extra["meter"])
    set_lr(trained.optimizer, start.extra["meter"]["lr"])
    loader.bad_clips.continue_from(start.extra["flaws"])
    buffers, processes = start.extra.pop("buffers"), distributed.get_world_size()
    own = [buffer for network in trained.networks for buffer in network.buffers()]
    saved = buffers[distributed.get_rank()] if len(buffers) == processes else []
    saved = list(chain.from_iterable(saved))
    if [buffer.shape for buffer in own] == [buffer.shape for buffer in saved]:
        for buffer, value in zip(own, saved, strict=True):
            buffer.copy_(value)
    elif buffers or processes > 1:
        logger.warning(
            f"This epoch was begun by {count(len(buffers) or 1, 'process', 'es')}, and is gone on "
            f"with by {processes}, or with other norm layers: they go on with the statistics of "
            "the first process."
        )
    clips = start.extra["clips_a_step"]
    now = loader.batch_size * processes
    if now == clips:
        return start.iteration
    done = start.iteration * clips // now
    logger.warning(
        f"{start.iteration} steps of {clips} clips were done of this epoch; with {now} clips a "
        f"step it goes on after step {done}. Up to {now - 1} clips come twice."
    )
    return done
