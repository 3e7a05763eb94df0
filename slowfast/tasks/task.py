"""The interface of a task: batches, losses, scores and figures.

The loops in `slowfast.engine` train, evaluate and test a `Task`. They know no labels, losses or
metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.classes.label_sets import Classes
from slowfast.ak.metrics.figures import TestOptions
from slowfast.tasks.batch import Batch

Network = Callable[[Sequence[Tensor]], Any]


class Moment(NamedTuple):
    """The place of a step in the run. All randomness of a step is a function of its moment.

    Attributes:
        seed: RNG_SEED.
        epoch: counted from 0.
        iteration: of the epoch, counted from 0.
        rank: number of the process.
    """

    seed: int
    epoch: int
    iteration: int
    rank: int


class Loss(NamedTuple):
    """The loss of a batch.

    Attributes:
        value: scalar with its graph, a mean over the clips of the batch.
        figures: further scalars for the log, by name, each a mean over the clips.
    """

    value: Tensor
    figures: Mapping[str, Tensor]


class Rows(NamedTuple):
    """Scored clips.

    Attributes:
        keys: (R, K) int64 on the CPU, a different one for each row; the number of the clip first.
        scores: (R, ...) float32; or a dict of such tensors by label set.
        targets: (R, ...), or a dict as for the scores, or None.
    """

    keys: Tensor
    scores: Tensor | dict[str, Tensor]
    targets: Tensor | dict[str, Tensor] | None


class EvaluationFigures(Protocol):
    """The figures of an evaluation or a test, as the loops and the result files need them.

    `slowfast.ak.metrics.figures.Figures`, the figures of classes, and `FigureSets`, the figures of
    several label sets, also become tables of classes, a report page and tables of means at the end
    of a test.
    """

    def evaluation_line(self) -> dict[str, float]:
        """The figures by the names of json_stats, each in its own unit."""

    def test_line(self) -> dict[str, Any]:
        """The figures by the names of json_stats, as texts."""


class Task(nn.Module):
    """Defines a batch, and how it becomes a loss, scores and figures.

    A task is one file in `slowfast/tasks` with one subclass of `Task`, registered by
    ``@TASKS.register("name")``. Tasks do not inherit from each other.

    The methods get the network as an argument, because the loops decide which network computes:
    the trained one, or the running average of its weights, each in the configured precision.
    Child modules other than the network are the task's own state, such as a queue or the counters
    of a loss. Checkpoints hold it as the first process has it, so a task keeps its state equal on
    all processes.

    Attributes:
        network: the network that is trained, wrapped in DistributedDataParallel where several
            processes train. Its state dict is the ``model_state`` of checkpoints.
        best: name of the figure that chooses the best evaluation; its facts in the registry of
            metrics give the direction, by default higher is better. Empty: none is better.
        classes: names and segments of the columns of the scores, or of the classes of each label
            set; None: not known.
    """

    network: nn.Module
    best: str = ""
    classes: Classes = None

    # ------------------------------------------------------------------ choosing and building

    @staticmethod
    def applies(cfg: CfgNode) -> bool:
        """Whether the configuration asks for this task."""
        raise NotImplementedError

    @classmethod
    def from_cfg(cls, cfg: CfgNode, device: torch.device, trains: bool) -> Task:
        """The task with a network of random weights, on a device.

        Args:
            trains: whether the task will train; else it needs no loss.
        """
        raise NotImplementedError

    # ------------------------------------------------------------------ batches

    # Joins items of the data set; a function of the items only, which runs in the workers of a
    # loader. It is `Batch.collate` itself, so that one file less is on the path of a clip.
    collate: Callable[[Sequence[Any]], Batch] = staticmethod(Batch.collate)

    def check(self, batch: Batch) -> None:
        """Checks the values of a batch, as the loader gives it, before it goes to the device.

        Raises:
            UserError: the task cannot learn from them.
        """

    def prepare(self, batch: Batch, moment: Moment | None = None) -> Batch:
        """Turns a batch on its device into the input of the network, and its targets.

        Args:
            batch: as the loader gives it, or `example`.
            moment: of a training step; random changes (mixing, masks) depend only on it. None: the
                batch is scored or measured, and nothing about it is random.
        """
        raise NotImplementedError

    def example(self, clips: int, training: bool, device: torch.device) -> Batch:
        """Black clips of the size of training or of scoring, to measure time and memory with."""
        raise NotImplementedError

    # ------------------------------------------------------------------ training

    def begin_epoch(self, epoch: int) -> None:
        """Called before the first step of an epoch, counted from 0."""

    def compute_loss(self, network: Network, batch: Batch) -> Loss:
        """The loss of a prepared batch, or of an equal part of one."""
        raise NotImplementedError

    def after_step(self, batch: Batch) -> None:
        """Called after the weights changed, with the prepared batch of the step."""

    # ------------------------------------------------------------------ evaluation

    def rows(self, network: Network, batch: Batch) -> Rows:
        """Scores a prepared batch: one row per clip, or several, such as one per box."""
        raise NotImplementedError

    def figures(self, rows: Rows, options: TestOptions | None = None) -> EvaluationFigures:
        """The figures of an evaluation.

        Args:
            rows: of all clips that could be read, on the CPU.
            options: of a test; None for an evaluation during training.
        """
        raise NotImplementedError

    # ------------------------------------------------------------------ pictures

    def draw_input(self, board: Any, batch: Batch) -> None:
        """Shows the first prepared batch of a run on a TensorBoard board."""

    def draw_evaluation(self, board: Any, epoch: int, figures: Any) -> None:
        """Shows an evaluation, made after an epoch (counted from 0), on a board."""

    # ------------------------------------------------------------------ state

    def state(self) -> dict[str, Any]:
        """State dicts of the child modules other than the network, by the names of the children.

        Children without state are left out.
        """
        states = {n: child.state_dict() for n, child in self.named_children() if n != "network"}
        return {name: state for name, state in states.items() if state}

    def load_state(self, states: Mapping[str, Any]) -> None:
        """Restores what `state` returned; ignores names that are not children of this task.

        Raises:
            RuntimeError: a state does not fit its child.
        """
        for name, child in self.named_children():
            if name in states and name != "network":
                child.load_state_dict(states[name])
