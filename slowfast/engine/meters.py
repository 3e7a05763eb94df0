"""Meters: they collect the measurements of a loop and log them as ``json_stats`` lines.

A line within an epoch has medians over the last LOG_PERIOD iterations, so that one slow batch does
not change them much; a line at the end of an epoch has means over the whole epoch.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import average_precision
from slowfast.ak.metrics.figures import Figures, TestOptions
from slowfast.ak.metrics.inputs import known_mean
from slowfast.ak.metrics.top_k import accuracy
from slowfast.schedules.plan import RunPlan
from slowfast.utils import logging
from slowfast.utils.memory_use import cpu_mem_usage, gpu_mem_usage
from slowfast.utils.timing import LoopTimer, Window

logger = logging.get_logger(__name__)

_MOST_NAMES = 5


def get_map(preds: np.ndarray | torch.Tensor, labels: np.ndarray | torch.Tensor) -> float:
    """Mean average precision over the classes that have a positive; 0.0 if no class has one.

    Args:
        preds: (N, C) scores.
        labels: (N, C) of 0 and 1.
    """
    value = known_mean(average_precision(np.asarray(preds), np.asarray(labels)))
    return 0.0 if isnan(value) else value


class _EpochMeter(LoopTimer):
    """The base of the meters of epochs: a line every LOG_PERIOD iterations.

    Args:
        iterations: of an epoch, or of each epoch.
        cfg: LOG_PERIOD, OUTPUT_DIR, and what the number of epochs depends on are read.

    Attributes:
        counts: further whole numbers for the lines, such as how many clips could not be read;
            `reset` empties them.
        board: a `slowfast.visualization.tensorboard.Board` that also gets each line; None: no
            board.
    """

    board: Any = None

    def __init__(self, iterations: int | Sequence[int], cfg: CfgNode) -> None:
        self._max_epoch = RunPlan.from_cfg(cfg).epochs
        self._iterations = iterations
        self._log_period = cfg.LOG_PERIOD
        self._output_dir = cfg.OUTPUT_DIR
        super().__init__(cfg.LOG_PERIOD)
        self.reset()

    def reset(self) -> None:
        """Forgets the epoch."""
        self.counts: dict[str, int] = {}
        self._start_series()

    def _iterations_in(self, epoch: int) -> int:
        """The iterations of an epoch (from 0)."""
        return self._iterations if isinstance(self._iterations, int) else self._iterations[epoch]

    def _series_of(self, name: str) -> Window:
        return self._series.setdefault(name, Window(self._window))

    def _log(self, kind: str, cur_epoch: int, **figures: object) -> dict:
        """Writes and returns a line of a kind, with the epoch (from 0) and the memory in use."""
        used, total = cpu_mem_usage()
        stats = {
            "_type": kind,
            "epoch": f"{cur_epoch + 1}/{self._max_epoch}",
            **figures,
            **self.counts,
            "gpu_mem": f"{gpu_mem_usage():.2f}G",
            "RAM": f"{used:.2f}/{total:.2f}G",
        }
        logging.log_json_stats(stats, self._output_dir)
        if self.board:
            self.board.add_line(stats)
        return stats

    def _log_iteration(
        self, kind: str, cur_epoch: int, cur_iter: int, iters_left: int, **figures: object
    ) -> None:
        """Writes a line at the end of every LOG_PERIOD iterations."""
        if (cur_iter + 1) % self._log_period == 0:
            done = f"{cur_iter + 1}/{self._iterations_in(cur_epoch)}"
            eta = self._eta(iters_left)
            self._log(kind, cur_epoch, iter=done, eta=eta, **figures, **self._medians())


class TrainMeter(_EpochMeter):
    """Loss, gradient norm, further figures of the loss, learning rate and times of training.

    Args:
        epoch_iters: iterations of an epoch, or of each epoch.
        cfg: LOG_PERIOD, OUTPUT_DIR, and what the number of epochs depends on are read.
    """

    def __init__(self, epoch_iters: int | Sequence[int], cfg: CfgNode) -> None:
        self._lr = 0.0
        super().__init__(epoch_iters, cfg)

    def update(self, values: Mapping[str, float], lr: float, clips: int) -> None:
        """Adds an iteration.

        Args:
            values: ``loss``, ``grad_norm`` and further figures, each a mean over clips.
            lr: the learning rate.
            clips: of the iteration.
        """
        for name, value in values.items():
            self._series_of(name).add(value, clips)
        self._lr = lr

    def update_stats(
        self,
        top1_err: float | None,
        top5_err: float | None,
        loss: float,
        lr: float,
        grad_norm: float,
        mb_size: int,
        multi_loss: None = None,
    ) -> None:
        """Adds an iteration as loops written for upstream do: ``mb_size`` clips, errors in per
        cent, None with many labels. ``multi_loss`` is not used."""
        values = {"loss": loss, "grad_norm": grad_norm, "top1_err": top1_err, "top5_err": top5_err}
        self.update({n: value for n, value in values.items() if value is not None}, lr, mb_size)

    def log_iter_stats(self, cur_epoch: int, cur_iter: int) -> None:
        """Logs a line at the end of every LOG_PERIOD iterations; both numbers count from 0."""
        left = self._iters_left(cur_epoch, cur_iter + 1)
        self._log_iteration("train_iter_", cur_epoch, cur_iter, left, lr=self._lr)

    def log_epoch_stats(self, cur_epoch: int) -> dict:
        """Logs the line of a finished epoch (counted from 0), and returns its figures."""
        eta = self._eta(self._iters_left(cur_epoch, self._iterations_in(cur_epoch)))
        return self._log("train_epoch", cur_epoch, eta=eta, lr=self._lr, **self._means())

    def state(self) -> dict[str, Any]:
        """The measurements of the epoch so far, as plain values."""
        return {name: series.state() for name, series in self._series.items()} | {"lr": self._lr}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continues an epoch that was saved."""
        self._lr = state["lr"]
        for name, series in state.items():
            if name != "lr":
                self._series_of(name).load_state(series)

    def time_left(self, cur_epoch: int, cur_iter: int) -> str:
        """Time until the last epoch is trained, at the pace of the last iterations."""
        return self._eta(self._iters_left(cur_epoch, cur_iter + 1))

    def _iters_left(self, cur_epoch: int, iters_done: int) -> int:
        left = range(cur_epoch, self._max_epoch)
        return sum(map(self._iterations_in, left)) - iters_done


class ValMeter(_EpochMeter):
    """Times and figures of evaluations.

    The loop here gives the figures of its task (:meth:`log_figures`). Loops written for upstream
    give scores and labels, of which the meter computes mAP or top-k errors, or errors of batches
    (:meth:`update_predictions`, :meth:`update_stats`, :meth:`log_epoch_stats`).

    Args:
        max_iter: iterations of an evaluation, or of that after each epoch.
        cfg: LOG_PERIOD, OUTPUT_DIR, and what the number of epochs depends on are read.
    """

    def __init__(self, max_iter: int | Sequence[int], cfg: CfgNode) -> None:
        super().__init__(max_iter, cfg)

    def reset(self) -> None:
        """Forgets the evaluation."""
        super().reset()
        self._preds: list[torch.Tensor] = []
        self._labels: list[torch.Tensor] = []

    def log_iter_stats(self, cur_epoch: int, cur_iter: int) -> None:
        """Logs a line at the end of every LOG_PERIOD iterations; both numbers count from 0."""
        left = self._iterations_in(cur_epoch) - cur_iter - 1
        self._log_iteration("val_iter", cur_epoch, cur_iter, left)

    def log_figures(self, cur_epoch: int, figures: Mapping[str, Any]) -> dict:
        """Logs the line of a finished evaluation, and returns it."""
        return self._log("val_epoch", cur_epoch, **self._means(), **figures)

    def update_stats(self, top1_err: float, top5_err: float, mb_size: int) -> None:
        """Adds the errors of a batch of ``mb_size`` clips, in per cent."""
        self._series_of("top1_err").add(top1_err, mb_size)
        self._series_of("top5_err").add(top5_err, mb_size)

    def update_predictions(self, preds: torch.Tensor, labels: torch.Tensor) -> None:
        """Adds clips: scores (N, C) and labels (N, C) or, with one label a clip, (N,)."""
        self._preds.append(preds.cpu())
        self._labels.append(labels.cpu())

    def log_epoch_stats(self, cur_epoch: int, segments: Sequence[str] | None = None) -> dict:
        """Logs the line of the clips that were added, and returns it; mAPs are fractions.

        Args:
            segments: of each class; adds ``map_<segment>``, or ``top1_macro_<segment>``.
        """
        if not self._preds:  # the errors of batches are means already
            return self.log_figures(cur_epoch, {})
        found = Figures(torch.cat(self._preds), torch.cat(self._labels), segments)
        return self.log_figures(cur_epoch, found.evaluation_line())


class TestMeter(LoopTimer):
    """Scores of the views of each clip, ensembled, and the figures of a test.

    Loops that were written for upstream use it; the test loop here ensembles views itself.

    Args:
        num_videos: clips ("videos" upstream).
        num_clips: views of each.
        num_cls: classes.
        overall_iters: iterations of the test.
        multi_label: whether labels are multi-hot (N, C) rather than class indices (N,).
        ensemble_method: max or sum, over a clip's views.
        clip_name: gives a clip's name for its index, for warnings.

    Raises:
        UserError: another ensemble method.
    """

    __test__ = False  # Not a test, in spite of its name.

    def __init__(
        self,
        num_videos: int,
        num_clips: int,
        num_cls: int,
        overall_iters: int,
        multi_label: bool = False,
        ensemble_method: str = "sum",
        clip_name: Callable[[int], str] = str,
    ) -> None:
        if ensemble_method not in ("max", "sum"):
            raise UserError(f"DATA.ENSEMBLE_METHOD: {ensemble_method!r} is neither max nor sum.")
        super().__init__(window=10)
        self.num_clips = num_clips
        self.overall_iters = overall_iters
        self.multi_label = multi_label
        self.ensemble_method = ensemble_method
        self.stats: dict = {}
        self._clip_name = clip_name
        label_shape = (num_videos, num_cls) if multi_label else (num_videos,)
        self.video_preds = torch.zeros(num_videos, num_cls)
        self.video_labels = torch.zeros(
            label_shape, dtype=torch.float32 if multi_label else torch.int64
        )
        self.clip_count = torch.zeros(num_videos, dtype=torch.int64)

    def reset(self) -> None:
        """Forgets all views."""
        for each in (self.video_preds, self.video_labels, self.clip_count):
            each.zero_()

    def update_stats(
        self, preds: torch.Tensor, labels: torch.Tensor, clip_ids: torch.Tensor
    ) -> None:
        """Adds views, in any order.

        Args:
            preds: (n, C) scores.
            labels: (n, C) or (n,), of the clip of each view.
            clip_ids: (n,) numbers of the views; number // num_clips is the clip.
        """
        preds, clip_ids = preds.float().cpu(), torch.as_tensor(clip_ids).cpu()
        videos = clip_ids // self.num_clips
        if self.ensemble_method == "sum":
            self.video_preds.index_add_(0, videos, preds)
        else:
            unseen = videos[self.clip_count[videos] == 0]
            self.video_preds[unseen] = -torch.inf
            rows = videos[:, None].expand_as(preds)
            self.video_preds.scatter_reduce_(0, rows, preds, "amax")
        self.video_labels[videos] = torch.as_tensor(labels).cpu().to(self.video_labels.dtype)
        self.clip_count += torch.bincount(videos, minlength=len(self.clip_count))

    def log_iter_stats(self, cur_iter: int) -> None:
        """Logs how far the test is; ``cur_iter`` is 0-based."""
        stats = {
            "split": "test_iter",
            "cur_iter": str(cur_iter + 1),
            "eta": self._eta(self.overall_iters - cur_iter - 1),
            "time_diff": self._series["dt"].median(),
        }
        logging.log_json_stats(stats)

    def finalize_metrics(
        self,
        ks: Sequence[int] = (1, 5),
        segments: Sequence[str] | None = None,
        extra: dict | None = None,
    ) -> dict:
        """Logs the line of the test, and returns its figures, in per cent with two decimals.

        Clips without a view are left out. A warning names them, and clips with another number of
        views than `num_clips`.

        Args:
            ks: the numbers k of top-k accuracies.
            segments: of each class; adds ``map_<segment>``, None if it has no positive.
            extra: further entries of the line.
        """
        self._warn_about_views()
        seen = self.clip_count > 0
        preds, labels = self.video_preds[seen], self.video_labels[seen]
        self.stats = {"split": "test_final", **(extra or {})}
        if self.multi_label:
            self.stats |= Figures(preds, labels, segments, TestOptions()).test_line()
            self.stats |= {f"top{k}_acc": self.stats["map"] for k in ks}
        else:
            for k in ks:
                share = accuracy(preds, labels, k)
                self.stats[f"top{k}_acc"] = None if isnan(share) else f"{100 * share:.2f}"
        logging.log_json_stats(self.stats)
        return self.stats

    def _warn_about_views(self) -> None:
        odd = (self.clip_count != self.num_clips).nonzero().flatten().tolist()
        if odd:
            names = [
                f"{self._clip_name(index)} ({int(self.clip_count[index])})"
                for index in odd[:_MOST_NAMES]
            ]
            more = f" and {len(odd) - _MOST_NAMES} more" if len(odd) > _MOST_NAMES else ""
            logger.warning(
                f"{len(odd)} of {len(self.clip_count)} clips did not get {self.num_clips} views: "
                f"{', '.join(names)}{more}."
            )
