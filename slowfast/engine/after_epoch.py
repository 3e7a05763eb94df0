"""The end of an epoch: norm statistics, a checkpoint and an evaluation, each if it is due.

These can take as long as many steps. So the state is saved before anything that takes long, and a
run that is stopped meanwhile repeats that part.
"""

from __future__ import annotations

from dataclasses import dataclass

from fvcore.common.config import CfgNode

from slowfast.engine.device.memory import MemoryAdvice
from slowfast.engine.device.runtime import seed_everything, share_norm_statistics
from slowfast.engine.evaluation_pass import EvaluationPass
from slowfast.engine.precise_bn import NormStatisticsPass
from slowfast.engine.train_pass import TrainPass
from slowfast.schedules.plan import RunPlan, UpstreamSchedule, is_due


def is_eval_epoch(
    cfg: CfgNode, cur_epoch: int, multigrid_schedule: UpstreamSchedule | None = None
) -> bool:
    """Whether an evaluation is due after an epoch, as `RunPlan.is_evaluated` says.

    Args:
        cur_epoch: counted from 0.
        multigrid_schedule: of `slowfast.utils.multigrid.MultigridSchedule`, if the configuration
            comes from it.
    """
    if multigrid_schedule is not None:
        return is_due(multigrid_schedule, cur_epoch, cfg.MULTIGRID.EVAL_FREQ)
    return RunPlan.from_cfg(cfg).is_evaluated(cur_epoch)


@dataclass
class AfterEpoch:
    """Ends the epochs of a run; its methods take an epoch, counted from 0, and return figures.

    Attributes:
        norms: measures norm statistics; None: BN.USE_PRECISE_STATS is False.
        saves, evaluates: epochs after which a checkpoint or an evaluation is due.
    """

    training: TrainPass
    evaluation: EvaluationPass
    norms: NormStatisticsPass | None
    memory: MemoryAdvice
    saves: frozenset[int]
    evaluates: frozenset[int]

    @classmethod
    def from_cfg(
        cls,
        cfg: CfgNode,
        training: TrainPass,
        evaluation: EvaluationPass,
        memory: MemoryAdvice,
    ) -> AfterEpoch:
        task, loader = training.learner.task, training.loader
        norms = None
        if cfg.BN.USE_PRECISE_STATS:
            norms = NormStatisticsPass.from_cfg(cfg, task, loader, training.stop)
        plan = RunPlan.from_cfg(cfg)
        epochs = range(plan.epochs)
        return cls(
            training,
            evaluation,
            norms,
            memory,
            saves=frozenset(e for e in epochs if plan.is_saved(e)),
            evaluates=frozenset(e for e in epochs if plan.is_evaluated(e)),
        )

    def run(self, epoch: int) -> dict:
        """Measures statistics, saves and evaluates, each if it is due.

        Raises:
            Stopped: the run was asked to stop.
        """
        saves, evaluates = epoch in self.saves, epoch in self.evaluates
        if not (saves or evaluates):
            return {}
        training = self.training
        learner, checkpoints = training.learner, training.checkpoints
        steps = len(training.loader)
        if self.norms or not saves:
            checkpoints.write_unfinished(epoch, steps, training.loader, training.meter)
        for network in learner.networks:
            if self.norms and network is learner.evaluated:
                seed_everything(training.seed, epoch, steps)
                self.norms.run(epoch, network)
            else:
                share_norm_statistics(network)
        if saves:
            checkpoints.write_epoch(epoch)
        figures = self.evaluate(epoch) if evaluates else {}
        training.stop.stop_if_asked(learner.precision.device)
        return figures

    def evaluate(self, epoch: int) -> dict:
        """Scores the validation clips, and keeps the weights if they are the best so far.

        Raises:
            Stopped: the run was asked to stop.
        """
        with self.memory.scoring(self.training.learner.evaluated, "val"):
            figures = self.evaluation.run(epoch)
        self.training.checkpoints.write_evaluation(self.evaluation.best)
        return figures
