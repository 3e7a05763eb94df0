"""The plan of a run: for each epoch the shapes of batches, the norms, and what follows it.

A plain run has one phase, with the shapes that the configuration names. Multigrid training has
several. The loops read the plan, and do not know which kind of run it is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from fvcore.common.config import CfgNode

from slowfast.ak.clips.loader import BatchShape, Shapes
from slowfast.ak.clips.sampling import ClipSize
from slowfast.config.derived import clips_per_pass
from slowfast.schedules import multigrid
from slowfast.schedules.multigrid import Phase, Shape


@dataclass(frozen=True)
class NormGroups:
    """How the clips of norm layers are grouped.

    Attributes:
        splits: groups that the clips of a process are cut into.
        devices: processes whose clips are normalised together; above 1, there is 1 split.
    """

    splits: int
    devices: int


@dataclass(frozen=True)
class RunPlan:
    """What each epoch of a run has. Epochs count from 0.

    Attributes:
        cfg: the configuration in which SOLVER has the epochs and steps of the run. It is read for
            the learning rate.
        phases: none is empty.
        is_long: whether MULTIGRID.LONG_CYCLE made the phases.
    """

    cfg: CfgNode
    phases: tuple[Phase, ...]
    is_long: bool

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> RunPlan:
        """Reads MULTIGRID, and what it changes.

        A configuration in which a schedule of upstream has set MULTIGRID.DEFAULT_B has the epochs
        and steps of the run already.
        """
        grid = cfg.MULTIGRID
        whole = multigrid.whole_shape(cfg)
        is_plain = not cfg.TRAIN.ENABLE or not (grid.LONG_CYCLE or grid.SHORT_CYCLE)
        if is_plain or grid.DEFAULT_B:
            return cls(cfg, (Phase(0, whole, cfg.SOLVER.MAX_EPOCH),), False)
        changed = cfg.clone()
        changed.defrost()
        solver = changed.SOLVER
        if not grid.LONG_CYCLE:
            solver.MAX_EPOCH = int(solver.MAX_EPOCH * grid.EPOCH_FACTOR)
            solver.STEPS = [int(step * grid.EPOCH_FACTOR) for step in solver.STEPS]
            return cls(changed, (Phase(0, whole, solver.MAX_EPOCH),), False)
        phases = multigrid.long_cycle(cfg)
        steps = multigrid.learning_rate_steps(cfg, phases)
        solver.STEPS, solver.LRS = map(list, zip(*steps, strict=True))
        solver.MAX_EPOCH = phases[-1].end
        return cls(changed, tuple(_without_empty(phases)), True)

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return self.phases[-1].end if self.phases else 0

    def phase(self, epoch: int) -> Phase:
        """The phase of an epoch; after the last epoch, the last phase."""
        number = bisect_right([phase.end for phase in self.phases], epoch)
        return self.phases[min(number, len(self.phases) - 1)]

    def shapes(self, epoch: int) -> list[Shape]:
        """The shapes of consecutive steps of an epoch, which repeat."""
        return multigrid.short_cycle(self.cfg, self.phase(epoch).shape)

    def description(self) -> str:
        """The epochs of the run and the shapes of their batches; empty for a plain run."""
        found, first = [], 1
        for phase in self.phases:
            shapes = " / ".join(
                f"{each.batch:g} x BATCH_SIZE clips of {each.frames} x {each.side} x {each.side}"
                for each in self.shapes(first - 1)
            )
            epochs = f"epochs {first} to" if phase.end > first else "epoch"
            found.append(f"{epochs} {phase.end}: {shapes}")
            first = phase.end + 1
        if not self.epochs or (not self.is_long and len(self.shapes(0)) < 2):
            return ""
        return f"Multigrid training of {self.epochs} epochs: {'; '.join(found)}."

    def longest_rate(self, epoch: int) -> int:
        """The largest distance of frames: each training clip draws one from DATA.SAMPLING_RATE on.

        In the long cycle clips of fewer frames span as much time as whole ones.
        """
        data, grid = self.cfg.DATA, self.cfg.MULTIGRID
        if self.is_long:
            return data.SAMPLING_RATE * round(data.NUM_FRAMES / self.phase(epoch).shape.frames)
        return max(data.SAMPLING_RATE, grid.LONG_CYCLE_SAMPLING_RATE)

    def batches(self, epoch: int) -> list[BatchShape]:
        """The shapes of consecutive batches of an epoch, as a loader takes them."""
        shapes = self.shapes(epoch)
        if shapes == [multigrid.whole_shape(self.cfg)] and not self.is_long:
            return [BatchShape()]
        rate = self.longest_rate(epoch)
        return [BatchShape(each.batch, ClipSize(each.frames, rate, each.side)) for each in shapes]

    def batches_of_epochs(self, in_training: bool) -> Shapes:
        """The shapes of all epochs, for a loader. Evaluations have the shape of the phase."""
        epochs = [self.batches(epoch) for epoch in range(max(1, self.epochs))]
        return epochs if in_training else [shapes[-1:] for shapes in epochs]

    def norm_groups(self, epoch: int) -> NormGroups | None:
        """The groups of about MULTIGRID.BN_BASE_SIZE clips in an epoch of the long cycle.

        None: the groups that BN.NORM_TYPE asks for.
        """
        if not self.is_long:
            return None
        clips = clips_per_pass(self.cfg) * self.phase(epoch).shape.batch
        base = self.cfg.MULTIGRID.BN_BASE_SIZE
        if clips < base:
            return NormGroups(1, int(base // max(1, clips)))
        most = max(1, int(clips // base))
        return NormGroups(next(n for n in range(most, 0, -1) if clips % n == 0), 1)

    def is_evaluated(self, epoch: int) -> bool:
        """Whether an evaluation is due after an epoch."""
        return self._is_due(epoch, self.cfg.TRAIN.EVAL_PERIOD)

    def is_saved(self, epoch: int) -> bool:
        """Whether a checkpoint is due after an epoch."""
        return self._is_due(epoch, self.cfg.TRAIN.CHECKPOINT_PERIOD)

    def _is_due(self, epoch: int, period: int) -> bool:
        if not self.is_long:
            return (epoch + 1) % period == 0 or epoch + 1 == self.epochs
        ends = [phase.end for phase in self.phases]
        return _is_due_in_phase(ends, epoch, self.cfg.MULTIGRID.EVAL_FREQ)


# What upstream calls a schedule: (stage, [batch, frames, side], end) of each phase.
UpstreamSchedule = Sequence[tuple[int, Sequence[int], int]]


def is_due(schedule: UpstreamSchedule, epoch: int, times: int) -> bool:
    """Whether an evaluation and a checkpoint are due after an epoch of a multigrid schedule.

    Args:
        times: the most in a phase.
    """
    return _is_due_in_phase([end for *_, end in schedule], epoch, times)


def _is_due_in_phase(ends: Sequence[int], epoch: int, times: int) -> bool:
    """Whether one of at most `times` evaluations of a phase is due; the last is at its end."""
    number = min(bisect_right(ends, epoch), len(ends) - 1)
    begin = ends[number - 1] if number else 0
    return (ends[number] - 1 - epoch) % ((ends[number] - begin) // times + 1) == 0


def _without_empty(phases: list[Phase]) -> list[Phase]:
    begins = [0, *(phase.end for phase in phases[:-1])]
    return [p for p, begin in zip(phases, begins, strict=True) if p.end > begin]
