"""Testing: scores every clip from several views, ensembles the scores, and writes the results.

A clip comes as one item with all its views, decoded once. Its views are cut on the device and pass
the network in batches of TEST.BATCH_SIZE, which can hold views of several clips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.clips.loader import ClipLoader
from slowfast.ak.clips.views import ClipViews, view_batches
from slowfast.ak.errors import UserError
from slowfast.ak.metrics.figures import TestOptions
from slowfast.ak.registries.datasets import facts_for, spatial_views
from slowfast.ak.run.cores import processes_of_machine
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.loading import LoadedWeights
from slowfast.checkpoints.tested_weights import load_test_checkpoint
from slowfast.datasets.loader import construct_loader
from slowfast.engine.device.memory import MemoryAdvice
from slowfast.engine.device.runtime import Precision, get_device, seed_everything
from slowfast.engine.device.speed import prepare_device
from slowfast.engine.evaluation_pass import gather_rows
from slowfast.models.cost import log_model_info
from slowfast.results.files import (
    Outcome,
    ResultFiles,
    check_all_written,
    check_results_path,
)
from slowfast.results.table import log_table
from slowfast.tasks import Batch, Rows, Task, build_task
from slowfast.tasks.batch import joined, mapped
from slowfast.utils import distributed, logging
from slowfast.utils.distributed import unwrap
from slowfast.utils.progress import progress_bar
from slowfast.utils.run_folder.run_record import record_run
from slowfast.visualization.report import write_report

logger = logging.get_logger(__name__)

# The numbers of views that TEST.NUM_ENSEMBLE_VIEWS -1 tests.
ALL_VIEW_COUNTS = (1, 3, 5, 7, 10)


def test(cfg: CfgNode) -> None:
    """Tests the configured checkpoint, once for each number of temporal views asked for.

    Raises:
        UserError: bad data or weights, or, in the end, something that could not be written.
    """
    logging.setup_logging(cfg.OUTPUT_DIR)
    check_results_path(cfg)
    seed_everything(cfg.RNG_SEED)
    views = [ViewsOfTest.from_cfg(cfg, count) for count in temporal_view_counts(cfg)]

    prepare_device(cfg)
    device = get_device(cfg)
    task, precision = build_task(cfg, device, trains=False), Precision.from_cfg(cfg, device)
    if cfg.LOG_MODEL_INFO and not cfg.TRAIN.ENABLE:
        log_model_info(task.network, cfg)
    loaded = _load(cfg, task)
    record_run(cfg, "test", loaded.path)
    best = Best(**loaded.extra["best"]) if "best" in loaded.extra else None
    if best:
        logger.info(f"These are the weights of the best evaluation: {best}")

    memory = MemoryAdvice.from_cfg(cfg, task, precision)
    test_pass, files = TestPass.from_cfg(cfg, task, precision), ResultFiles.from_cfg(cfg)
    outcomes = []
    for each in views:
        with memory.scoring(task.network, "test"):
            rows = test_pass.run(each.loader, task.network, each.words)
        if not distributed.is_master_proc():
            continue
        bad_clips = each.loader.bad_clips
        outcome = Outcome(
            each.words,
            each.suffix if len(views) > 1 else "",
            rows.scores,
            rows.targets,
            rows.keys[:, 0],
            each.loader.dataset,
            task.classes,
            loaded,
            missing=bad_clips.names("missing"),
            incomplete=bad_clips.names("incomplete"),
        )
        files.write_scores(outcome)
        outcome.check_scores()
        outcome.figures = task.figures(rows, each.options)
        outcome.stats = {
            "split": "test_final",
            "initialisation": loaded.initialisation,
            **(best.stats() if best else {}),
            **bad_clips.counts("missing", "incomplete"),
            **outcome.figures.test_line(),
        }
        logging.log_json_stats(outcome.stats)
        files.write_figures(outcome)
        outcomes.append(outcome)
    if distributed.is_master_proc():
        if page := write_report(cfg, outcomes):
            outcomes[-1].files["report"] = page
        log_table(cfg, outcomes)
        check_all_written(outcomes)


def _load(cfg: CfgNode, task: Task) -> LoadedWeights:
    """Loads the tested weights, and the task's own state where the file has one.

    Raises:
        UserError: as `load_test_checkpoint`; or the state does not fit the task.
    """
    loaded = load_test_checkpoint(cfg, task.network)
    try:
        task.load_state(loaded.extra.get("extra", {}))
    except RuntimeError as error:
        raise UserError(
            f"{loaded.path}: the saved state of the task does not fit the configured task "
            f"({str(error).strip()}). Test with the settings of the training run, or name another "
            "file in TEST.CHECKPOINT_FILE_PATH."
        ) from None
    return loaded


def temporal_view_counts(cfg: CfgNode) -> list[int]:
    """Numbers of temporal views to test: NUM_TEMPORAL_CLIPS, or all usual ones for -1, or one.

    An image has one.
    """
    if facts_for(cfg, "test").gives_images:
        return [1]
    if cfg.TEST.NUM_TEMPORAL_CLIPS:
        return list(cfg.TEST.NUM_TEMPORAL_CLIPS)
    if cfg.TEST.NUM_ENSEMBLE_VIEWS == -1:
        return list(ALL_VIEW_COUNTS)
    return [cfg.TEST.NUM_ENSEMBLE_VIEWS]


@dataclass(frozen=True)
class ViewsOfTest:
    """A number of temporal views to test, and what depends on it.

    Attributes:
        words: the number of views in words, "2 x 3 views".
        suffix: part of file names, "_2x3".
        loader: gives clips with all these views.
        options: of the figures.
    """

    words: str
    suffix: str
    loader: ClipLoader
    options: TestOptions

    @classmethod
    def from_cfg(cls, cfg: CfgNode, count: int) -> ViewsOfTest:
        """Opens the data set for `count` temporal views, instead of TEST.NUM_ENSEMBLE_VIEWS."""
        own, crops = cfg.clone(), spatial_views(cfg)
        own.defrost()
        own.TEST.NUM_ENSEMBLE_VIEWS, own.TEST.NUM_SPATIAL_CROPS = count, crops
        loader, options = construct_loader(own, "test"), TestOptions.from_cfg(own)
        return cls(f"{count} x {crops} views", f"_{count}x{crops}", loader, options)


@dataclass
class TestPass:
    """Scores test clips, each from several views.

    Attributes:
        batch_size: views of a pass through the network.
        combine: joins the scores of the views of a clip, over the first dimension.
    """

    __test__ = False  # not a test, in spite of its name

    task: Task
    precision: Precision
    batch_size: int
    combine: Callable[..., torch.Tensor]

    @classmethod
    def from_cfg(cls, cfg: CfgNode, task: Task, precision: Precision) -> TestPass:
        """As TEST.BATCH_SIZE and DATA.ENSEMBLE_METHOD say."""
        return cls(
            task,
            precision,
            batch_size=max(1, cfg.TEST.BATCH_SIZE // processes_of_machine(cfg)),
            combine=torch.amax if cfg.DATA.ENSEMBLE_METHOD == "max" else torch.sum,
        )

    @torch.no_grad()
    def run(self, loader: ClipLoader, network: nn.Module, label: str) -> Rows:
        """The ensembled scores of all clips that could be read, of all processes.

        Args:
            loader: of a test; it gives clips with all their views. Afterwards its record of clips
                that could not be read is shared by the processes.
            label: the views in words, for the progress bar.
        """
        forward = self.precision.run(unwrap(network).eval())
        finished: list[Rows] = []
        rows: list[Rows] = []
        bar = progress_bar(len(loader), f"test, {label}", unit="clip")
        for batch, ends in self._batches(loader):
            rows.append(self.task.rows(forward, self.task.prepare(batch)))
            for _ in range(ends):
                unfinished = _joined(rows)
                own = unfinished.keys[:, 0] == unfinished.keys[0, 0]
                views = int(own.sum())
                finished.append(self._ensemble(_part(unfinished, 0, views)))
                rows = [_part(unfinished, views, len(own))]
                bar.update()
        bar.close()
        loader.bad_clips.share()
        loader.bad_clips.stop_if_none_read(len(loader.dataset))
        return gather_rows(finished, loader.bad_clips.clips("missing"))

    def _batches(self, loader: ClipLoader) -> Iterator[tuple[Batch, int]]:
        """Batches of views, which can be of several clips, and how many clips end in each."""
        # The labels and meta of an item belong to each of its views.
        items: list[tuple] = []
        sizes: list[int] = []

        def clips() -> Iterator[ClipViews]:
            for (views,), *others in loader:
                items.append(others)
                sizes.append(len(views))
                yield views.to(self.precision.device)

        clip, view = 0, 0
        for pixels, ends in view_batches(clips(), self.batch_size):
            batch = []
            for each in pixels:
                batch.append(([each], *items[clip]))
                view += 1
                if view == sizes[clip]:
                    clip, view = clip + 1, 0
            yield self.task.collate(batch), len(ends)

    def _ensemble(self, views: Rows) -> Rows:
        """Joins the rows of the views of one clip, by key."""
        keys, where = views.keys.unique(dim=0, return_inverse=True)
        own = [(where == key).nonzero().flatten() for key in range(len(keys))]
        first = torch.tensor([int(each[0]) for each in own])

        def combined(scores: torch.Tensor) -> torch.Tensor:
            return torch.stack([self.combine(scores[each], dim=0) for each in own])

        scores = mapped(views.scores, combined)
        return Rows(keys, scores, mapped(views.targets, lambda targets: targets[first]))


def _joined(parts: list[Rows]) -> Rows:
    return Rows(*(joined(field) for field in zip(*parts, strict=True)))


def _part(rows: Rows, start: int, stop: int) -> Rows:
    return Rows(*mapped(tuple(rows), lambda field: field[start:stop]))
