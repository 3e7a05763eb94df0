"""What follows the steps of an epoch: norm statistics, a checkpoint, an evaluation, where due.

Notable: it may take as long as many steps. So the state is saved before whatever takes long, and a
run that is stopped within does that part again.
"""

from dataclasses import dataclass

from fvcore.common.config import CfgNode

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.clips.loader import ClipLoader
from slowfast.ak.clips.network_input import InputTransform
from slowfast.checkpoints.saving import is_checkpoint_epoch
from slowfast.engine.device.memory import explained_scoring
from slowfast.engine.device.runtime import get_device, seed_everything, share_norm_statistics
from slowfast.engine.evaluate import evaluate
from slowfast.engine.meters import TrainMeter, ValMeter
from slowfast.engine.precise_bn import update_norm_statistics
from slowfast.engine.run_checkpoints import RunCheckpoints
from slowfast.engine.schedule import is_eval_epoch
from slowfast.engine.stopping import StopRequests


@dataclass
class EpochEnd:
    """Closes the epochs of a run; its methods take an epoch, 0-based, and return figures.

    Args:
        classes: names and segments of the data set's classes, where they are known.
    """

    cfg: CfgNode
    checkpoints: RunCheckpoints
    train_loader: ClipLoader
    val_loader: ClipLoader
    train_meter: TrainMeter
    val_meter: ValMeter
    to_input: InputTransform
    classes: ClassTable | None
    stop: StopRequests

    def close(self, epoch: int) -> dict:
        """Does what is due.

        Raises:
            Stopped: the run was asked to stop.
        """
        cfg, trained = self.cfg, self.checkpoints.trained
        saves = is_checkpoint_epoch(cfg, epoch)
        evaluates = is_eval_epoch(cfg, epoch)
        if not (saves or evaluates):
            return {}
        if cfg.BN.USE_PRECISE_STATS or not saves:
            self.checkpoints.write_unfinished(
                epoch, len(self.train_loader), self.train_loader, self.train_meter
            )
        for network in trained.networks:
            if cfg.BN.USE_PRECISE_STATS and network is trained.evaluated:
                self._measure_norm_statistics(epoch)
            else:
                share_norm_statistics(network)
        if saves:
            self.checkpoints.write_epoch(epoch)
        figures = self.evaluate(epoch) if evaluates else {}
        self.stop.stop_if_asked(get_device(cfg))
        return figures

    def _measure_norm_statistics(self, epoch: int) -> None:
        cfg, network = self.cfg, self.checkpoints.trained.evaluated
        seed_everything(cfg.RNG_SEED, epoch, len(self.train_loader))
        update_norm_statistics(
            cfg, network, self.train_loader, self.to_input, get_device(cfg), epoch, self.stop
        )

    def evaluate(self, epoch: int) -> dict:
        """Scores the validation clips, and keeps the weights where none before were as good.

        Raises:
            Stopped: the run was asked to stop.
        """
        cfg, network = self.cfg, self.checkpoints.trained.evaluated
        with explained_scoring(cfg, network, self.to_input, "val"):
            figures = evaluate(
                cfg,
                epoch,
                self.val_loader,
                network,
                self.to_input,
                self.val_meter,
                self.classes,
                self.stop,
            )
        self.checkpoints.write_evaluation(self.val_meter.best)
        return figures
