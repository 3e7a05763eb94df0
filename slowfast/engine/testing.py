"""Testing: every clip from several views, the scores ensembled, and what came out written down.

Notable: a clip comes as one item with all its views, decoded once. Its views are cut on the device
and pass the network in batches of TEST.BATCH_SIZE that may span clips.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.classes.counts import read_class_table
from slowfast.ak.clips.loader import ClipLoader
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.views import view_batches
from slowfast.ak.metrics.figures import Figures, TestOptions
from slowfast.ak.run.cores import processes_of_machine
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.tested_weights import load_test_checkpoint
from slowfast.datasets.loader import construct_loader
from slowfast.engine.device.memory import explained_scoring
from slowfast.engine.device.runtime import autocast, get_device, seed_everything
from slowfast.engine.device.speed import prepare_device
from slowfast.engine.evaluate import gather_clips
from slowfast.engine.progress import progress_bar
from slowfast.models import build_model
from slowfast.models.cost import log_model_info
from slowfast.models.memory_format import channels_last
from slowfast.results.files import (
    Outcome,
    check_all_written,
    check_results_path,
    save_figures,
    save_scores,
)
from slowfast.results.table import log_table
from slowfast.utils import distributed, logging
from slowfast.utils.distributed import unwrap
from slowfast.utils.run_record import record_run
from slowfast.visualization.report import write_report

logger = logging.get_logger(__name__)

# What TEST.NUM_ENSEMBLE_VIEWS -1 stands for.
ALL_VIEW_COUNTS = (1, 3, 5, 7, 10)


def test(cfg: CfgNode) -> None:
    """Tests the configured checkpoint, once for each number of temporal views asked for.

    Raises:
        UserError: bad data or weights, or, in the end, something that could not be written.
    """
    logging.setup_logging(cfg.OUTPUT_DIR)
    check_results_path(cfg)
    seed_everything(cfg.RNG_SEED)
    view_counts = temporal_view_counts(cfg)
    runs = [with_views(cfg, count) for count in view_counts]
    loaders = [construct_loader(run, "test") for run in runs]
    classes = read_class_table(cfg)

    prepare_device(cfg)
    model = build_model(cfg)
    if cfg.LOG_MODEL_INFO and not cfg.TRAIN.ENABLE:
        log_model_info(model, cfg)
    loaded = load_test_checkpoint(cfg, model)
    record_run(cfg, "test", loaded.path)
    best = Best(**loaded.extra["best"]) if "best" in loaded.extra else None
    if best:
        logger.info(f"These are the weights of the best evaluation: {best}")
    to_input = InputTransform.from_cfg(cfg, channels_last(cfg))

    outcomes = []
    for run, loader in zip(runs, loaders, strict=True):
        views = f"{run.TEST.NUM_ENSEMBLE_VIEWS} x {run.TEST.NUM_SPATIAL_CROPS} views"
        with explained_scoring(run, model, to_input, "test"):
            scored = score_clips(run, loader, model, to_input, views)
        if not distributed.is_master_proc():
            continue
        told = {
            "initialisation": loaded.initialisation,
            **(best.stats() if best else {}),
            **loader.bad_clips.counts("missing", "incomplete"),
        }
        outcome = Outcome(
            views,
            *scored,
            loader.dataset,
            classes,
            loaded,
            missing=loader.bad_clips.names("missing"),
            incomplete=loader.bad_clips.names("incomplete"),
        )
        save_scores(run, outcome, several=len(runs) > 1)
        outcome.check_scores()
        segments = classes.segments if classes else None
        outcome.figures = Figures(*scored[:2], segments, TestOptions.from_cfg(run))
        outcome.stats = {"split": "test_final", **told, **outcome.figures.test_line()}
        logging.log_json_stats(outcome.stats)
        save_figures(run, outcome, several=len(runs) > 1)
        outcomes.append(outcome)
    if distributed.is_master_proc():
        if page := write_report(cfg, outcomes):
            outcomes[-1].files["report"] = page
        log_table(cfg, outcomes)
        check_all_written(outcomes)


def temporal_view_counts(cfg: CfgNode) -> list[int]:
    """Numbers of temporal views to test: NUM_TEMPORAL_CLIPS, or all usual ones for -1, or one."""
    if cfg.TEST.NUM_TEMPORAL_CLIPS:
        return list(cfg.TEST.NUM_TEMPORAL_CLIPS)
    if cfg.TEST.NUM_ENSEMBLE_VIEWS == -1:
        return list(ALL_VIEW_COUNTS)
    return [cfg.TEST.NUM_ENSEMBLE_VIEWS]


def with_views(cfg: CfgNode, count: int) -> CfgNode:
    """A copy of the configuration that tests ``count`` temporal views."""
    run = cfg.clone()
    run.defrost()
    run.TEST.NUM_ENSEMBLE_VIEWS = count
    return run


class Scored(NamedTuple):
    """scores (N, C) and targets (N, C) or (N,) on the CPU, and the clips (N,) that they are of, in
    the order of the list."""

    scores: torch.Tensor
    targets: torch.Tensor
    numbers: torch.Tensor


@torch.no_grad()
def score_clips(
    cfg: CfgNode, loader: ClipLoader, model: nn.Module, to_input: InputTransform, label: str
) -> Scored:
    """Ensembled scores of all clips that could be read, of all processes.

    What could not be read stands in the loader's ledger, shared.
    """
    device = get_device(cfg)
    network = unwrap(model).eval()
    batch_size = max(1, cfg.TEST.BATCH_SIZE // processes_of_machine(cfg))
    combine = torch.amax if cfg.DATA.ENSEMBLE_METHOD == "max" else torch.sum
    targets, indices, scores = [], [], []
    unfinished: list[torch.Tensor] = []
    bar = progress_bar(len(loader), f"test, {label}", unit="clip")

    def clips() -> Iterator:
        for (views,), labels, index, *_ in loader:
            targets.append(torch.as_tensor(labels)[None])
            indices.append(torch.tensor([int(index)]))
            yield views.to(device)

    for batch, ends in view_batches(clips(), batch_size):
        with autocast(cfg, device):
            unfinished.append(network(to_input(batch)).float())
        for end in ends:
            rows = torch.cat(unfinished)
            scores.append(combine(rows[:end], dim=0)[None])
            unfinished = [rows[end:]]
            bar.update()
    bar.close()
    loader.bad_clips.share()
    loader.bad_clips.stop_if_none_read(len(loader.dataset))
    return Scored(*gather_clips(scores, targets, indices, loader.bad_clips.clips("missing")))
