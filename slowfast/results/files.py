"""The files of a test.

Below OUTPUT_DIR, at TEST.SAVE_RESULTS_PATH: upstream's pickle of [predictions, labels], a CSV with
one row per clip, and a JSON with the figures and how they were obtained. With many labels,
OUTPUT_DIR also gets a table with one row per class. Each number of views has its own files.

A clip that could not be read has no row in any file. The JSON names it and the reason in
``missing_clips``, and clips that were scored from a part of their frames in ``incomplete_clips``;
``json_stats`` has their numbers under these names.

Scores are saved before figures are computed from them, so that no later failure loses them. A file
that cannot be written causes a warning at once, and an error after the table at the end.
"""

import csv
import json
import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from fvcore.common.config import CfgNode

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.errors import UserError
from slowfast.ak.metrics.figures import Figures
from slowfast.checkpoints.loading import LoadedWeights
from slowfast.results.per_class import ClassResult, class_results, write_class_results
from slowfast.utils import distributed, logging

logger = logging.get_logger(__name__)

_MOST_NAMES = 5


@dataclass
class Outcome:
    """The result of one test.

    Attributes:
        views: the number of views in words.
        scores: (N, C).
        targets: (N, C) or (N,).
        numbers: (N,) numbers of the clips in the data set, in the order of the list.
        clips: the data set.
        classes: names and segments of the classes; None: not known.
        weights: the tested weights.
        missing, incomplete: reasons by name, for clips that could not be read at all or in part.
        figures: all figures; None before they are computed.
        stats: the line ``test_final`` of json_stats.
        files: paths of the files written, by kind.
        unwritten: a message for each file that could not be written.
    """

    views: str
    scores: torch.Tensor
    targets: torch.Tensor
    numbers: torch.Tensor
    clips: object
    classes: ClassTable | None
    weights: LoadedWeights
    missing: dict[str, str] = field(default_factory=dict)
    incomplete: dict[str, str] = field(default_factory=dict)
    figures: Figures | None = None
    stats: dict = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    unwritten: list[str] = field(default_factory=list)

    @cached_property
    def per_class(self) -> list[ClassResult]:
        """One row per class; none with one label a clip."""
        if self.targets.ndim == 1:
            return []
        return class_results(self.figures.by_class("map"), self.figures.positives, self.classes)

    @cached_property
    def names(self) -> list[str]:
        """(N,) names of the clips."""
        return [self.clips.clip_name(number) for number in self.numbers.tolist()]

    def check_scores(self) -> None:
        """Checks that no score is nan.

        Raises:
            UserError: names the clips with such scores.
        """
        bad = self.scores.isnan().any(dim=1).nonzero().flatten().tolist()
        if not bad:
            return
        names = ", ".join(self.names[row] for row in bad[:_MOST_NAMES])
        saved = f" They are saved in {self.files['scores']}." if "scores" in self.files else ""
        raise UserError(
            f"{len(bad)} of {len(self.scores)} clips have scores that are nan: {names}"
            f"{', ...' if len(bad) > _MOST_NAMES else ''}.{saved} The weights of "
            f"{self.weights.path or 'this run'} may have diverged: test an earlier checkpoint "
            "(TEST.CHECKPOINT_FILE_PATH), or with TRAIN.MIXED_PRECISION False."
        )

    def write(self, kind: str, path: Path, write: Callable[[Path], None]) -> None:
        """Writes one file. A failure causes a warning and a message in ``unwritten``."""
        try:
            write(path)
        except OSError as error:
            self.unwritten.append(f"{path} cannot be written ({error.strerror})")
            logger.warning(f"{self.unwritten[-1]}; the test goes on.")
        else:
            self.files[kind] = path


def check_results_path(cfg: CfgNode) -> None:
    """Makes the folder of TEST.SAVE_RESULTS_PATH before a run begins.

    Raises:
        UserError: results cannot be written there.
    """
    if not (cfg.TEST.ENABLE and cfg.TEST.SAVE_RESULTS_PATH and distributed.is_master_proc()):
        return
    path = _results_path(cfg)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"TEST.SAVE_RESULTS_PATH: {error.filename or path} cannot be written "
            f"({error.strerror}); give another path below OUTPUT_DIR."
        ) from None
    if path.is_dir():
        raise UserError(
            f"TEST.SAVE_RESULTS_PATH: {path} is a folder; name a file in it, such as "
            f"{cfg.TEST.SAVE_RESULTS_PATH}/results.pkl"
        )


def _results_path(cfg: CfgNode) -> Path:
    return Path(cfg.OUTPUT_DIR) / cfg.TEST.SAVE_RESULTS_PATH


def save_scores(cfg: CfgNode, outcome: Outcome, several: bool) -> None:
    """Writes the pickle and the CSV of clips if TEST.SAVE_RESULTS_PATH asks for them.

    Args:
        several: whether several numbers of views are tested; each then has its own files.
    """
    if not cfg.TEST.SAVE_RESULTS_PATH:
        return
    path = _with_views(cfg, _results_path(cfg), several)
    outcome.write("scores", path, lambda path: _write_pickle(path, outcome))
    outcome.write("clips", path.with_suffix(".csv"), lambda path: _write_csv(path, outcome))


def save_figures(cfg: CfgNode, outcome: Outcome, several: bool) -> None:
    """Writes the table of classes, and the JSON if TEST.SAVE_RESULTS_PATH asks for it.

    Args:
        several: as in `save_scores`.
    """
    if outcome.per_class:
        path = _with_views(cfg, Path(cfg.OUTPUT_DIR, "per_class_ap.csv"), several)
        outcome.write("classes", path, lambda path: write_class_results(path, outcome.per_class))
    if cfg.TEST.SAVE_RESULTS_PATH:
        path = _with_views(cfg, _results_path(cfg), several).with_suffix(".json")
        outcome.write("summary", path, lambda path: _write_summary(path, cfg, outcome))


def check_all_written(outcomes: Sequence[Outcome]) -> None:
    """Checks that every file was written.

    Raises:
        UserError: names the files that could not be written.
    """
    if unwritten := [message for outcome in outcomes for message in outcome.unwritten]:
        raise UserError(
            f"{'; '.join(unwritten)}. Everything else was written. Make room or give another "
            "OUTPUT_DIR or TEST.SAVE_RESULTS_PATH, and test again (TRAIN.ENABLE False)."
        )


def _with_views(cfg: CfgNode, path: Path, several: bool) -> Path:
    views = f"_{cfg.TEST.NUM_ENSEMBLE_VIEWS}x{cfg.TEST.NUM_SPATIAL_CROPS}" if several else ""
    return path.with_name(f"{path.stem}{views}{path.suffix}")


def _write_pickle(path: Path, outcome: Outcome) -> None:
    with path.open("wb") as file:
        pickle.dump([outcome.scores, outcome.targets], file)


def _write_csv(path: Path, outcome: Outcome) -> None:
    """Writes one row per clip: its name, the class ids of its labels, and all scores."""
    num_classes = outcome.scores.shape[1]
    names = outcome.classes.names if outcome.classes else [str(c) for c in range(num_classes)]
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "labels", *names])
        rows = zip(outcome.names, outcome.scores.tolist(), outcome.targets, strict=True)
        for name, scores, target in rows:
            labels = target.nonzero().flatten().tolist() if target.ndim else [int(target)]
            writer.writerow(
                [
                    name,
                    " ".join(map(str, labels)),
                    *(f"{score:.6g}" for score in scores),
                ]
            )


def _write_summary(path: Path, cfg: CfgNode, outcome: Outcome) -> None:
    table = outcome.files.get("classes")
    summary = {
        **outcome.stats,
        "views": outcome.views,
        "ensemble": cfg.DATA.ENSEMBLE_METHOD,
        "clips": len(outcome.scores),
        "missing_clips": outcome.missing,
        "incomplete_clips": outcome.incomplete,
        "checkpoint": outcome.weights.path,
        "initialisation": outcome.weights.initialisation,
        "segments": outcome.classes.source if outcome.classes else None,
        # Relative, so that it is found again when the folder of the run has been moved.
        "per_class": os.path.relpath(table, path.parent) if table else None,
    }
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
